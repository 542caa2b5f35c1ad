import asyncio
import inspect

import pytest
from ministack.services import apigateway_v1 as gateway

from local.emulator import authorizers


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    kept = {
        ("account", "region", api, "authorizer", stage, ("key",)): (0, {}, {})
        for api, stage in (("a1", "api"), ("a1", "other"), ("a2", "api"))
    }
    monkeypatch.setattr(gateway, "_authorizer_cache", kept)
    monkeypatch.setattr(gateway, "stages_for_api", {"a1": {"api": {}, "other": {}}}.get)
    return kept


def asked(method, path):
    return asyncio.run(authorizers._request(method, path, {}, b"", {}))


def test_a_stage_forgets_what_its_authorizers_answered_and_no_other_does(cache):
    status, *_ = asked("DELETE", "/restapis/a1/stages/api/cache/authorizers")
    assert status == 202
    assert {(key[2], key[4]) for key in cache} == {("a1", "other"), ("a2", "api")}


def test_a_stage_that_is_none_has_nothing_to_forget(cache):
    status, *_ = asked("DELETE", "/restapis/a1/stages/none/cache/authorizers")
    assert (status, len(cache)) == (404, 3)


def test_all_else_is_upstreams_to_answer():
    assert asked("GET", "/account") == asyncio.run(
        authorizers._handle_request("GET", "/account", {}, b"", {})
    )


def test_upstream_still_keeps_what_authorizers_answered():
    assert '"cache"' not in inspect.getsource(authorizers._handle_request)
