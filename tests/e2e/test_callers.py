"""Callers as a team has them: made, used, given new keys, limited and shut out, by both doors."""

import json
import secrets
from contextlib import redirect_stdout
from io import StringIO
from urllib.parse import urlsplit

import pytest

from ops.__main__ import main
from tests.support.api_calls import assert_error, call, eventually, get, post

pytestmark = pytest.mark.xdist_group("local")

BODY = {"task": "chat", "text": "Say hello."}


@pytest.fixture
def name():
    """Nobody else's: the stack is shared, and keeps what it has."""
    return f"team-{secrets.token_hex(4)}"


@pytest.fixture
def ops(stack):
    """The operator's command; answers what it prints as JSON."""
    port = urlsplit(stack.base_url).port

    def run(*arguments):
        with redirect_stdout(StringIO()) as told:
            code = main(["callers", *arguments, "--json", "--local", "--port", str(port)])
        assert code == 0
        return json.loads(told.getvalue())

    return run


@pytest.fixture
def admin(stack):
    def asked(method, path="", body=None):
        path = f"/admin/callers{path}"
        answer = call(stack, method, path, body, key=stack.operator_api_key)
        assert answer.ok, answer.text
        return answer.json()

    return asked


def generate(stack, key, **body):
    return post(stack, "/generate", BODY | body, key=key)


def refused(stack, key):
    """With the reason; the verdict on the key is asked for anew."""
    return assert_error(generate(stack, key), "forbidden")["message"]


def test_a_key_is_made_used_replaced_and_shut_out(stack, ops, name):
    first = ops("create", "--name", name)["key"]
    assert generate(stack, first).status_code == 200
    second = ops("rotate", name)["key"]
    assert generate(stack, second).status_code == 200
    assert generate(stack, first).status_code == 200
    third = ops("rotate", name, "--overlap", "0")["key"]
    assert generate(stack, third).status_code == 200
    for old in (first, second):
        assert "expired" in refused(stack, old)
    assert ops("disable", name, "--now")["holds"] == "at once"
    assert "disabled" in refused(stack, third)
    ops("enable", name, "--now")
    assert generate(stack, third).status_code == 200


def test_a_change_is_there_for_the_next_request(stack, admin, name):
    key = admin("POST", body={"name": name})["key"]
    assert generate(stack, key).status_code == 200
    expired = {"expires_at": "2020-01-01T00:00:00Z"}
    assert admin("PATCH", f"/{name}", expired)["holds"] == "at once"
    assert "expired" in refused(stack, key)


def test_both_doors_say_the_same(ops, admin, name):
    made = ops("create", "--name", name, "--daily-budget-usd", "0.5", "--allow-models", "gpt-4o")
    del made["key"]
    assert admin("GET", f"/{name}") == ops("show", made["caller_id"]) == made
    changed = admin("PUT", f"/{name}/budget", {"day_usd": None, "month_usd": 0.000000001})
    assert ops("show", name)["limits"] == changed["limits"]
    assert admin("GET", f"/{name}/spend") == ops("spend", name)
    assert [one for one in ops("list")["data"] if one["name"] == name] == [
        one for one in admin("GET")["data"] if one["name"] == name
    ]
    assert ops("first")["there_are"] >= 3


def test_what_was_spent_counts_for_the_first_limit(stack, ops, name):
    key = ops("create", "--name", name)["key"]
    assert generate(stack, key, model="gpt-4o").status_code == 200

    def spent():
        recorded = ops("spend", name)["recorded"]["day"]
        return recorded if recorded["requests"] else None

    recorded = eventually(spent)
    ops("set-budget", name, "--monthly-budget-usd", "1")
    (budget,) = ops("spend", name)["budgets"]
    # Only simulators answer here, so that budgets are tried with what they would have cost.
    assert budget["spent_usd"] == recorded["simulated_cost_usd"] > 0
    assert budget["held_usd"] == 0


def test_nobody_else_manages_callers(stack, name):
    answer = post(stack, "/admin/callers", {"name": name})
    assert_error(answer, "forbidden")
    assert_error(get(stack, f"/admin/callers/{name}", key=stack.operator_api_key), "not_found")
