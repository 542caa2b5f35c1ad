import asyncio
import contextvars
import inspect
import re
import threading
from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1, lambda_svc, stepfunctions

from local.emulator import traces

ROOT = "1-6a5b4c3d-0123456789abcdef01234567"


def test_the_root_of_an_incoming_header_is_kept():
    assert traces.root_of(f"Root={ROOT}") == ROOT
    assert traces.root_of(f"Self=1-2;Root={ROOT};Parent=1234567890abcdef;Sampled=0") == ROOT


def test_a_header_that_is_none_gets_a_root_of_its_own():
    roots = {traces.root_of(header) for header in (None, "", "Root=", f"Root={ROOT}0", "Root=x;y")}
    assert len(roots) == 5
    assert all(re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", root) for root in roots)


def test_invocations_of_one_trace_share_the_root_and_nothing_else():
    with traces.within(ROOT):
        first, second = traces.header_of_invocation(), traces.header_of_invocation()
    assert first != second
    for header in (first, second):
        assert re.fullmatch(rf"Root={ROOT};Parent=[0-9a-f]{{16}};Sampled=1", header)
    assert ROOT not in traces.header_of_invocation()


def test_a_thread_that_copies_the_context_belongs_to_the_trace():
    seen = []
    with traces.within(ROOT):
        copied = contextvars.copy_context()
    thread = threading.Thread(target=copied.run, args=(lambda: seen.append(traces.root_of(None)),))
    thread.start()
    thread.join()
    assert seen == [ROOT]


def test_a_services_request_continues_its_callers_trace():
    async def handle(*_request):
        return traces.root_of(None)

    continued: Callable[..., Any] = traces.continued(handle)
    headers = {"x-amzn-trace-id": f"Root={ROOT};Parent=1234567890abcdef"}
    assert asyncio.run(continued("POST", "/", headers, b"", {})) == ROOT


def test_upstream_still_knows_no_trace_of_a_request():
    for module in (apigateway_v1, stepfunctions):
        assert "Root=" not in inspect.getsource(module)
    assert "_xray_trace_id_for_invocation(config)," in inspect.getsource(
        lambda_svc._execute_function_warm
    )
