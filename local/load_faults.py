"""Lets the simulator of a running stack fail for a while, by way of its function's environment."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3

from functions.invoke_provider.providers.simulator import FAILURE_PERCENT_VARIABLE
from local.settings import REGION

_SET_WITHIN_S = 10


@contextmanager
def failing(percent: float, emulator_url: str) -> Iterator[None]:
    """This share of the simulator's attempts fails. Afterwards the environment is as before, also
    when the user is impatient."""
    if not percent:
        yield
        return
    functions = boto3.client(
        "lambda",
        endpoint_url=emulator_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )
    name, variables = _simulator(functions)
    try:
        _set(functions, name, variables | {FAILURE_PERCENT_VARIABLE: f"{percent:g}"})
        yield
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        _set(functions, name, variables)
        signal.signal(signal.SIGINT, before)


def _simulator(functions: Any) -> tuple[str, dict[str, str]]:
    """Its name and environment, but for what a run that was killed has left there."""
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = dict(function.get("Environment", {}).get("Variables", {}))
            if variables.get("PROVIDER") == "simulator":
                variables.pop(FAILURE_PERCENT_VARIABLE, None)
                return function["FunctionName"], variables
    raise LookupError("The stack has no simulator.")


def _set(functions: Any, name: str, variables: Mapping[str, str]) -> None:
    environment = {"Variables": dict(variables)}
    functions.update_function_configuration(FunctionName=name, Environment=environment)
    functions.get_waiter("function_updated_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": _SET_WITHIN_S}
    )
