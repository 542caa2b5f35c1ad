import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from ops.prove.table import CHECKS
from tests.conftest import PROJECT
from tests.support.api_calls import get

pytestmark = pytest.mark.xdist_group("local")

NOT_HERE = {
    "tls", "timed-out", "throttled-invocation", "throttled-route", "large-results", "cold-starts",
    "secret-values", "cors",
}  # fmt: skip
"""What no local AWS can tell, or this one is not set up for."""


def leftovers(stack):
    gateway, machines = stack.client("apigateway"), stack.client("stepfunctions")
    named = [
        *gateway.get_usage_plans()["items"],
        *machines.list_state_machines()["stateMachines"],
    ]
    callers = get(stack, "/admin/callers", key=stack.operator_api_key).json()["data"]
    return [one["name"] for one in (*named, *callers) if "-prove-" in one["name"]]


def proved(stack, *options):
    port = str(urlsplit(stack.base_url).port)
    return subprocess.run(
        [sys.executable, "-m", "ops", "prove", "--local", "--port", port, *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def told(stack):
    return proved(stack)


@pytest.fixture(scope="module")
def verdicts(told):
    found = re.findall(r"^(held|not held|cannot tell) +([\w-]+):", told.stdout, re.MULTILINE)
    return {name: verdict for verdict, name in found}


def test_every_check_says_what_it_found(told, verdicts):
    assert [*verdicts] == [check.name for check in CHECKS], told.stdout + told.stderr
    assert "Error:" not in told.stdout


def test_what_the_local_aws_can_tell_holds(told, verdicts):
    wanted = verdicts.keys() - NOT_HERE
    assert {name for name in wanted if verdicts[name] != "held"} == set(), told.stdout
    assert {verdicts[name] for name in NOT_HERE} <= {"cannot tell", "held"}, told.stdout
    assert told.returncode == int("not held" in verdicts.values())


def test_a_run_removes_what_it_made(stack, told):
    assert told.returncode in {0, 1}
    assert leftovers(stack) == []


def test_one_check_can_be_asked_for(stack):
    told = proved(stack, "--only", "numbers")
    assert told.returncode == 0, told.stdout + told.stderr
    assert len(told.stdout.splitlines()) == 3
    assert "9007199254740993" in told.stdout
