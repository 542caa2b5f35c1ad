"""`docs/aws-unproven.md`, written from the table."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from ops.prove.check import Check
from ops.prove.table import CHECKS

PATH = Path(__file__).parents[2] / "docs" / "aws-unproven.md"
_WIDTH = 116
_HEAD = """\
<!-- Made by `python -m ops document` from ops/prove/table.py. -->
# What only AWS can tell

Each is right by the documentation or by the local AWS and was not run on AWS. `make prove STAGE=dev` settles what
a script can, for less than a dollar: it asks with a key of its own, only models that cost nothing, and removes the
key, the plan and the machines that it makes. `make prove STAGE=dev ONLY=ids` settles one; `python -m ops prove
--local` asks the local stack.
"""
_TAIL = """\
## Left as it is

- The trust policies of the functions' roles and of the gateway's have no `aws:SourceAccount`; those of the state
  machines have it, as Step Functions documents it. That Lambda and API Gateway send it whenever they take on a
  role is not documented, and a role that they cannot take on makes the deployment fail. Who would misuse these
  roles needs `iam:PassRole` in the account already.
"""


def document() -> str:
    return "\n".join((_HEAD, *map(_entry, CHECKS), _TAIL))


def _entry(check: Check) -> str:
    command = f"make prove STAGE=dev ONLY={check.name}"
    if isinstance(check.settle, str):
        command = check.settle
    doubt = f"*Doubt.* {check.doubt} *Assumed.* {check.assumed[0].upper()}{check.assumed[1:]}."
    paragraphs = (f"{check.fact} {doubt}", f"`{command}`")
    wrapped = [
        fill(one, _WIDTH, break_long_words=False, break_on_hyphens=False) for one in paragraphs
    ]
    return "\n".join((f"## {check.name}", *wrapped, ""))
