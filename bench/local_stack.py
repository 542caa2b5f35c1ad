"""What the whole local stack takes beside a bare function behind the same front: the local API Gateway.

The local AWS is one process in Python: its own figures say nothing of AWS, and their ratio little.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import boto3
import requests

from bench.hosted import ROOT
from bench.processes import free_port
from bench.progress import tell
from bench.ratios import ratio_spread, rounded
from local.settings import DEFAULT_API_KEY, REGION

ROUNDS = 5
REQUESTS = 40
AT_ONCE = 4
_ECHO = "def handler(event, context):\n    return {'statusCode': 200, 'body': '{}'}\n"
_QUESTION = {"text": "What makes a small town worth a visit in the autumn?", "task": "chat"}


def results() -> dict[str, Any]:
    tell("local stack: deploying")
    with _stack() as (base_url, emulator_url):
        engine = f"{base_url}/api/v1/generate"
        bare = _bare_function(emulator_url)
        for url in (engine, bare):
            _asked(url)
        rounds = []
        for number in range(1, ROUNDS + 1):
            tell(f"local stack: round {number} of {ROUNDS}, {REQUESTS} requests each")
            rounds.append((_asked(engine), _asked(bare)))
    ours, theirs = zip(*rounds, strict=True)
    return {
        "requests": REQUESTS,
        "at_once": AT_ONCE,
        "throughput_over_bare": ratio_spread(
            [one["a_second"] for one in ours], [one["a_second"] for one in theirs]
        ),
        **{
            f"latency_{name}_over_bare": ratio_spread(
                [one[name] for one in ours], [one[name] for one in theirs]
            )
            for name in ("p50", "p95")
        },
        "bare_latency_ms": rounded(statistics.median(one["p50"] for one in theirs)),
    }


def _asked(url: str) -> dict[str, float]:
    """Requests a second, and milliseconds of a request."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        times = [ms for those in threads.map(_share, [url] * AT_ONCE) for ms in those]
    took_s = time.monotonic() - began
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return {"a_second": len(times) / took_s, "p50": statistics.median(times), "p95": cuts[-1]}


def _share(url: str) -> list[float]:
    times = []
    with requests.Session() as session:
        session.trust_env = False
        session.headers["X-API-Key"] = DEFAULT_API_KEY
        for _ in range(REQUESTS // AT_ONCE):
            began = time.monotonic()
            told = session.post(url, json=_QUESTION, timeout=60)
            times.append((time.monotonic() - began) * 1000)
            if told.status_code != 200:
                raise RuntimeError(f"{url} answers {told.status_code}: {told.text[:300]}")
    return times


@contextmanager
def _stack() -> Iterator[tuple[str, str]]:
    """Where the API and the local AWS answer."""
    port = free_port()
    told = {"ENV_FILE": "", "REQUESTS_PER_SECOND": "1000", "BURST_REQUESTS": "1000"}
    _local("up", "--detach", "--port", str(port), variables=told)
    try:
        state = json.loads(_local("status", "--json", "--port", str(port)))
        yield state["base_url"], state["emulator_url"]
    finally:
        _local("down", "--port", str(port))


def _local(*arguments: str, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=os.environ | (variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def _bare_function(emulator_url: str) -> str:
    """The address of a function that does nothing, behind an API of its own."""
    session = boto3.Session("test", "test", region_name=REGION)
    functions, gateway = (
        session.client(name, endpoint_url=emulator_url) for name in ("lambda", "apigateway")
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("echo.py", _ECHO)
    function = functions.create_function(
        FunctionName="bench-echo",
        Runtime="python3.13",
        Handler="echo.handler",
        Role="arn:aws:iam::000000000000:role/bench",
        Code={"ZipFile": packed.getvalue()},
    )
    api = gateway.create_rest_api(name="bench-echo")["id"]
    (root,) = gateway.get_resources(restApiId=api)["items"]
    method: Any = {"restApiId": api, "resourceId": root["id"], "httpMethod": "POST"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(
        **method,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
        f"{function['FunctionArn']}/invocations",
    )
    gateway.create_deployment(restApiId=api, stageName="bench")
    return f"{emulator_url}/restapis/{api}/bench/_user_request_/"
