import json
import random
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from datetime import datetime
from decimal import Decimal

import genai_prices
import pytest

from functions.shared.vocabulary import nano_usd
from local.faults.run import LEDGER
from local.paths import folder_of
from tests.conftest import PROJECT

pytestmark = pytest.mark.xdist_group("bills")

GENAI_PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
}
PROVIDERS = 4


def _free_ports():
    """The first of five; under those that the system gives to connections in the meantime."""
    for port in random.sample(range(20_000, 30_000, 5), 100):
        with ExitStack() as probes, suppress(OSError):
            for number in range(5):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port + number))
            return port
    raise AssertionError("no five ports in a row are free")


@pytest.fixture(scope="module")
def run():
    """What a short run has printed, and what its ledger is."""
    port = _free_ports()
    options = ("--port", str(port), "--requests", "60", "--faults", "40", "--seed", "3")
    told = subprocess.run(
        [sys.executable, "-m", "local", "load", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    ledger = (folder_of(port) / LEDGER).read_text("utf-8").splitlines()
    return told.stdout, [json.loads(line) for line in ledger]


def _figure(printed, label):
    [line] = [line for line in printed.splitlines() if line.startswith(f"{label:<36}")]
    return Decimal(line.split()[-1])


def test_the_books_of_a_run_agree_with_what_the_providers_bill(run):
    printed, ledger = run
    assert "Every book agrees with the providers' ledger." in printed
    assert _figure(printed, "lost") == _figure(printed, "undocumented") == 0
    calls = _figure(printed, "calls in the ledger")
    assert calls == _figure(printed, "calls in the journal of aimock") == len(ledger) > 50
    assert calls == _figure(printed, "attempts in rows, that left")
    told = sum(one["cost_nano_usd"] for one in ledger if one["told"])
    assert nano_usd(_figure(printed, "rows, usage told")) == told > 0
    for label in ("  difference", "/metrics/costs, difference", "  by caller, difference",
                  "lines of metrics, difference", "  lines of metrics, difference"):  # fmt: skip
        assert _figure(printed, label) == 0, label


def test_the_providers_have_met_many_faults(run):
    _printed, ledger = run
    assert len({one["fault"] for one in ledger}) > 10
    assert {one["provider"] for one in ledger} == set(GENAI_PROVIDERS)


def test_the_ledger_is_priced_as_genai_prices_does(run):
    _printed, ledger = run
    standard = [one for one in ledger if one["usage"] and "tier" not in one["usage"]]
    priced = 0
    for one in standard:
        usage = one["usage"]
        cached, written = usage["cached_input_tokens"], usage["cache_write_tokens"]
        try:
            theirs = genai_prices.calc_price(
                genai_prices.Usage(
                    input_tokens=usage["input_tokens"] + cached + written,
                    cache_read_tokens=cached,
                    cache_write_tokens=written,
                    output_tokens=usage["output_tokens"],
                ),
                model_ref=one["model"],
                provider_id=GENAI_PROVIDERS[one["provider"]],
                genai_request_timestamp=datetime.fromisoformat("2026-11-26T00:00:00+00:00"),
            )
        except LookupError:
            continue  # of a model that is too new for it
        priced += 1
        assert abs(one["cost_nano_usd"] - theirs.total_price * 10**9) <= 1, one
    assert priced > 20
