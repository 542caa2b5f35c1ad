"""One local AWS for the whole run, started by the first test that asks for it."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import hypothesis
import pytest

pytest_plugins = ("tests.support.coverage_gate",)
PROJECT = Path(__file__).parents[1]
SHARED_FOLDER = "LOCAL_STACK_FOLDER"
API_KEYS = ("first-key-of-the-tests", "other-key-of-the-tests")
OPERATOR_API_KEY = "operator-key-of-the-tests"
SETTINGS = (
    "API_KEYS", "MOCK_PROVIDERS", "OPENAI_", "AZURE_OPENAI_", "ANTHROPIC_", "GEMINI_", "BEDROCK_",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "OPERATOR_API_KEYS", "REQUESTS_PER_", "BURST_REQUESTS",
    "LOG_LEVEL", "LOG_PROMPTS", "ACCOUNT_CONCURRENCY", "EXTRA_PROVIDERS", "JWT", "AUTH_COGNITO",
    "STAGE_MONTH_USD", "CORS_ALLOW_ORIGIN",
)  # fmt: skip
REGION = "us-east-1"
EXIT_STATUS = pytest.StashKey[int]()

# How long an example takes depends on what else the machine does; no test asserts a time.
hypothesis.settings.register_profile("engine", deadline=None)
hypothesis.settings.load_profile("engine")


class Stack:
    """A running stack. `base_url` is where the paths of the API's table begin."""

    def __init__(self, base_url: str, emulator_url: str) -> None:
        self.base_url = f"{base_url}/api/v1"
        self.emulator_url = emulator_url
        self.api_key, self.other_api_key = API_KEYS
        self.operator_api_key = OPERATOR_API_KEY
        self._session = boto3.Session("test", "test", region_name=REGION)

    def client(self, service: Any) -> Any:
        return self._session.client(service, endpoint_url=self.emulator_url)

    def resource(self, service: Any) -> Any:
        return self._session.resource(service, endpoint_url=self.emulator_url)

    def requests_table(self):
        return self.table("RequestsTableName")

    def table(self, output: str) -> Any:
        """By the output that names it."""
        from functions.shared.storage.tables import Table

        return Table(self.output(output), self.client("dynamodb"))

    def new_caller(self, name: str, **budget: Any) -> tuple[str, str]:
        """The id and the key of a new caller; `budget` as a `BudgetChange` has it."""
        from functions.shared.callers.administration import Administration
        from functions.shared.callers.forms import BudgetChange, NewCaller
        from functions.shared.callers.table import CallerTable
        from functions.shared.callers.usage_plans import UsagePlans

        plans = UsagePlans(
            self.client("apigateway"), "llm-orchestrator-local", self.output("ApiId")
        )
        callers = CallerTable(self.table("CallersTableName"))
        allowed = BudgetChange.model_validate(budget) if budget else None
        new = NewCaller(name=name, budget=allowed)
        record, key = Administration(callers, plans, datetime.now(UTC)).create(new)
        assert key is not None
        return record.caller_id, key

    def output(self, name: str) -> str:
        for stack in self.client("cloudformation").describe_stacks()["Stacks"]:
            for output in stack.get("Outputs", []):
                if output["OutputKey"] == name:
                    return output["OutputValue"]
        raise LookupError(name)

    def function_name(self, construct_id: str) -> str:
        for function in self.client("lambda").list_functions()["Functions"]:
            if f"Functions{construct_id}"[:20] in function["FunctionName"]:
                return function["FunctionName"]
        raise LookupError(construct_id)

    def log_lines(self, construct_id: str) -> list[str]:
        """What a function has logged so far."""
        functions, name = self.client("lambda"), self.function_name(construct_id)
        configuration = functions.get_function_configuration(FunctionName=name)
        pages = self.client("logs").get_paginator("filter_log_events")
        group = configuration["LoggingConfig"]["LogGroup"]
        return [
            event["message"]
            for page in pages.paginate(logGroupName=group)
            for event in page["events"]
        ]

    def faults(self, faults: Mapping[str, str]) -> AbstractContextManager[None]:
        """Let the simulator fail: {catalogue id: error class}."""
        if not faults:
            return nullcontext()
        return self.variables("InvokeSimulator", {"SIMULATOR_FAULTS": json.dumps(faults)})

    @contextmanager
    def variables(self, construct_id: str, changes: Mapping[str, str]) -> Iterator[None]:
        """Change a function's environment for a while."""
        name = self.function_name(construct_id)
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        variables = configuration["Environment"]["Variables"]
        self._set_variables(name, variables | changes)
        try:
            yield
        finally:
            self._set_variables(name, variables)

    def _set_variables(self, name: str, variables: Mapping[str, str]) -> None:
        functions = self.client("lambda")
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": dict(variables)}
        )
        ends = time.monotonic() + 60
        while True:
            found = functions.get_function_configuration(FunctionName=name)
            if found["LastUpdateStatus"] == "Successful":
                return
            assert time.monotonic() < ends, f"{name} was not updated"
            time.sleep(0.1)


@contextmanager
def running_stack(**environment: str) -> Iterator[Stack]:
    """A stack of one's own, with other settings than the shared one has."""
    port = _free_port()
    try:
        yield _start(port, environment)
    finally:
        _stop(port)
    _remove_logs(port)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The shared stack: simulator only, two API keys and one of the plan `operator`."""
    folder = Path(os.environ[SHARED_FOLDER])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port_file = folder / "port"
        if port_file.exists():
            return _connect(int(port_file.read_text()))
        port = _free_port()
        # Before the start: what comes up only half is ended, too.
        port_file.write_text(str(port))
        # Tokens count here beside the keys, and keep nobody from coming with a key.
        return _start(port, {"AUTH_COGNITO": "1"})


@pytest.fixture(scope="session")
def small() -> Iterator[Stack]:
    """A stack in an account that runs three functions at once, and refuses the fourth."""
    with running_stack(ACCOUNT_CONCURRENCY="3") as running:
        yield running


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="local-stack-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(SHARED_FOLDER))
    if (folder / "port").exists():
        port = int((folder / "port").read_text())
        _stop(port)
        if config.stash.get(EXIT_STATUS, 1) == 0:
            _remove_logs(port)
    shutil.rmtree(folder)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[EXIT_STATUS] = exitstatus


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start(port: int, environment: Mapping[str, str]) -> Stack:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    variables = {
        **inherited,
        "API_KEYS": ",".join(API_KEYS),
        "OPERATOR_API_KEYS": OPERATOR_API_KEY,
        # Whoever develops may have keys of real providers in one.
        "ENV_FILE": "",
        # Many tests at once are more than the plan of a caller grants.
        "REQUESTS_PER_SECOND": "1000",
        "BURST_REQUESTS": "1000",
        **environment,
    }
    _synthesise(variables)
    told = _local("up", "--detach", port=port, env=variables)
    assert told.returncode == 0, told.stdout + told.stderr
    return _connect(port)


def _synthesise(variables: Mapping[str, str]) -> None:
    """Here, where the CDK runs once for all the stacks that this process starts: to start it for each takes
    three times as long as the rest. The shared stack's does the command line."""
    from local import assembly
    from local.settings import read_settings
    from stacks.stage import synthesize

    settings = read_settings(variables)
    if settings.auth_cognito:
        return  # its assembly holds the address of the emulator, which is not there yet
    stage = settings.context["stage"]
    more = {name: value for name, value in settings.context.items() if name != "stage"}
    assembly.kept(settings.context, lambda draft: synthesize(stage, draft, **more))


def _connect(port: int) -> Stack:
    state = json.loads(_local("status", "--json", port=port).stdout)
    assert state["state"] == "ready", state
    return Stack(state["base_url"], state["emulator_url"])


def _stop(port: int) -> None:
    _local("down", port=port)


def _remove_logs(port: int) -> None:
    shutil.rmtree(PROJECT / ".local" / str(port))


def _local(*arguments: str, port: int, env: Mapping[str, str] | None = None):
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments, "--port", str(port)],
        cwd=PROJECT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def _whole_tracebacks():
    yield
    # A state's handler that fails leaves none to its runtime.
    if hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit


@pytest.fixture
def environment(monkeypatch):
    """Tells functions their variables, which they then read anew."""
    from functions.shared.settings import read_settings

    def told(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        read_settings.cache_clear()

    told(CALLERS_TABLE="Callers", BUDGETS_TABLE="Budgets")
    told(JOBS_TABLE="Jobs", JOBS_PATH="/api/v1/jobs")
    yield told
    read_settings.cache_clear()


@cache
def _descriptions() -> botocore.loaders.Loader:
    return botocore.loaders.create_loader()


@pytest.fixture
def aws(monkeypatch):
    """An empty account inside the test's own process."""
    from moto import mock_aws
    from moto.core.botocore_stubber import BotocoreStubber

    from functions.shared.callers import directory
    from functions.shared.health import reader
    from functions.shared.storage import clients, tables

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    # All are kept between invocations: the next test has another account.
    caches = (clients.client, tables.table, directory._read)
    for one in caches:
        one.cache_clear()
    reader.known.clear()
    # Writes to an item come one after the other; moto's own structures know no threads.
    lock, answer = RLock(), BotocoreStubber.process_request

    def alone(*arguments: Any) -> Any:
        with lock:
            return answer(*arguments)

    monkeypatch.setattr(BotocoreStubber, "process_request", alone)
    with mock_aws():
        # Each test has a session of its own, and reads no descriptions of services for that.
        session = botocore.session.Session()
        session.register_component("data_loader", _descriptions())
        boto3.setup_default_session(botocore_session=session)
        monkeypatch.setattr(clients, "session", lambda: session)
        yield
    for one in caches:
        one.cache_clear()


def _table(name, *keys, sort_key=None, **index):
    from functions.shared.storage.tables import table

    attributes: list[Any] = [{"AttributeName": key, "AttributeType": "S"} for key in keys]
    schema: list[Any] = [{"AttributeName": keys[0], "KeyType": "HASH"}]
    if sort_key:
        schema.append({"AttributeName": sort_key, "KeyType": "RANGE"})
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=schema,
        AttributeDefinitions=attributes,
        BillingMode="PAY_PER_REQUEST",
        **index,
    )
    return table(name)


def _by_time(index, key, listed):
    schema = ((index.partition, "HASH"), (index.time, "RANGE"))
    return {
        "IndexName": index.name,
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in schema],
        "Projection": {
            "ProjectionType": "INCLUDE",
            "NonKeyAttributes": [
                one for one in listed if one not in (key, index.partition, index.time)
            ],
        },
    }


@pytest.fixture
def requests_table(aws):
    from functions.shared.storage.request_log import LISTED, PARTITION_OF
    from functions.shared.storage.time_index import TimeIndex

    indexes = [
        _by_time(TimeIndex(name, partition, "created_at"), "request_id", LISTED)
        for name, partition in PARTITION_OF.items()
    ]
    keys = ("request_id", "day", "caller_id", "created_at")
    return _table("Requests", *keys, GlobalSecondaryIndexes=indexes)


@pytest.fixture
def jobs_table(aws):
    from functions.shared.storage.job_table import BY_CALLER, LISTED

    index = _by_time(BY_CALLER, "execution_id", LISTED)
    keys = ("execution_id", "caller_id", "submitted_at")
    return _table("Jobs", *keys, GlobalSecondaryIndexes=[index])


@pytest.fixture
def state_table(aws):
    return _table("State", "state_id")


@pytest.fixture
def answers_table(aws):
    return _table("Answers", "answer_id")


@pytest.fixture
def callers_table(aws):
    return _table("Callers", "kind", "item_id", sort_key="item_id")


@pytest.fixture
def budgets_table(aws):
    from functions.shared.money.budget_table import OPEN, OPEN_INDEX

    index = {
        "IndexName": OPEN_INDEX,
        "KeySchema": [
            {"AttributeName": OPEN, "KeyType": "HASH"},
            {"AttributeName": "budget_id", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    return _table("Budgets", "budget_id", OPEN, GlobalSecondaryIndexes=[index])
