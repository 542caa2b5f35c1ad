"""Runs checks one after another, and says of each what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from botocore.exceptions import BotoCoreError, ClientError

from ops.prove.check import Check, Finding, cannot_tell
from ops.prove.probe import Probe
from ops.stage import Stage
from ops.temporary import temporary_key

_USD_PER_CALL = Decimal("0.0001")
"""More than any call costs: a request without a provider's price is about 0.00003 USD, a metric
that is read 0.00001."""
_WHAT_A_LOOK_RAISES = (OSError, ValueError, LookupError, TypeError, BotoCoreError, ClientError)


def prove(stage: Stage, checks: Iterable[Check]) -> int:
    """Print the findings; 1 where one of them is that something does not hold."""
    chosen = tuple(checks)
    print(estimate_of(chosen))
    with temporary_key(stage) as key:
        probe = Probe(stage, key)
        if not probe.eventually(lambda: probe.send("GET", "/v1/models").status_code == 200):
            print("The key that was made for this is not taken; nothing was checked.")
            return 1
        verdicts = Counter(_told(check, probe) for check in chosen)
    print(", ".join(f"{verdicts[one]} {one}" for one in ("held", "not held", "cannot tell")))
    return 1 if verdicts["not held"] else 0


def estimate_of(checks: Iterable[Check]) -> str:
    """Said before anything is sent."""
    calls = sum(check.calls for check in checks)
    return (
        f"At most {calls} calls, under {calls * _USD_PER_CALL:.2f} USD; models that are asked cost"
        " nothing, though simulated ones count in the stage's figures. Keys, plan and machines that"
        " are made for it are removed; its requests stay in the request log until they expire."
    )


def _told(check: Check, probe: Probe) -> str:
    finding = _found(check, probe)
    print(f"{finding.verdict:<12} {check.name}: {finding.sentence}", flush=True)
    return finding.verdict


def _found(check: Check, probe: Probe) -> Finding:
    if isinstance(check.settle, str):
        return cannot_tell(f"by hand: {check.settle}")
    try:
        return check.settle(probe)
    except _WHAT_A_LOOK_RAISES as error:
        return cannot_tell(f"{type(error).__name__}: {str(error)[:200]}")
