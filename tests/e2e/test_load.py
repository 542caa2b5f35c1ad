import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from functions.invoke_provider.providers.simulator import FAILURE_PERCENT_VARIABLE
from local import demo
from local.client import Client
from tests.conftest import PROJECT

pytestmark = pytest.mark.xdist_group("local")


def load(stack, *options):
    port = str(urlsplit(stack.base_url).port)
    return subprocess.run(
        [sys.executable, "-m", "local", "load", "--port", port, *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_metrics_agree_with_what_was_sent_also_when_attempts_fail(stack):
    told = load(stack, "--requests", "40", "--concurrency", "4", "--failures", "30")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "30 % of the simulator's attempts fail, those of local do not" in told.stdout
    rows = {line[:12].strip(): line[12:].split() for line in told.stdout.splitlines()}
    assert rows["requests"] == ["40", "40"]
    assert int(rows["fallbacks"][0]) >= 3
    assert "Counts and money agree." in told.stdout
    name = stack.function_name("InvokeSimulator")
    function = stack.client("lambda").get_function_configuration(FunctionName=name)
    assert FAILURE_PERCENT_VARIABLE not in function["Environment"]["Variables"]


def test_requests_that_fail_for_good_are_counted_as_failed(stack):
    told = load(stack, "--requests", "10", "--concurrency", "5", "--failures", "100")
    assert told.returncode == 0, told.stdout + told.stderr
    rows = {line[:12].strip(): line[12:].split() for line in told.stdout.splitlines()}
    assert rows["failed"][0] == rows["failed"][1] != "0"
    assert "all_providers_failed" in told.stdout


def test_the_demonstration_shows_an_answer_and_a_job_of_a_running_stack(stack, capsys):
    demo.show(Client(stack.base_url.removesuffix("/api/v1"), stack.api_key))
    shown = capsys.readouterr().out
    assert shown.count("[simulated]") == 2
    assert shown.count("  candidate  ") == 6
