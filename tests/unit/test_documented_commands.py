import re

import pytest

from functions.shared.errors import InvalidRequest
from tests.conftest import PROJECT
from tests.support.documented_commands import (
    NEEDS_AWS,
    OTHERS,
    SHELLS,
    Command,
    Unknown,
    check,
    commands_in,
    documents,
    languages_in,
    targets,
)

COMMANDS = [
    command
    for path in documents()
    for command in commands_in(str(path.relative_to(PROJECT)), path.read_text("utf-8"))
]
IN_BLOCKS = [command for command in COMMANDS if not command.inline]
# What a reader is shown in a block of its own, and where its like is run: by its first words, the file, and what
# of the command is in it.
RUN_BY = {
    "make run": ("tests/conftest.py", '"local", *arguments'),
    "make test": (".ci/run", "make test"),
    "make check": (".ci/run", "make check"),
    "make deploy": ("tests/unit/test_makefile.py", '["make", "deploy"'),
    "python -m local load --faults": ("tests/e2e/test_load_with_faults.py", '"--faults"'),
    "python -m local load": ("tests/e2e/test_load.py", '"local", "load"'),
    "python -m ops callers": ("tests/unit/ops/test_callers.py", '"callers", "create"'),
    "python -m ops reconcile": ("tests/e2e/test_budgets.py", '"ops", "reconcile"'),
    "python -m ops reprice": ("tests/unit/ops/test_reprice.py", '"reprice"'),
    "python -m ops prove": ("tests/e2e/test_prove.py", '"ops", "prove"'),
    "python -m training": ("tests/unit/training/test_training.py", '"training", *arguments'),
    "python -c": ("tests/unit/tally/test_emission.py", "lines_of"),
    "curl": ("tests/e2e/test_described_api.py", "described"),
}


def _runner_of(command):
    text = " ".join(command.words).removeprefix(".venv/bin/")
    return next((run for start, run in RUN_BY.items() if text.startswith(start)), None)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.place)
def test_a_command_in_a_document_is_understood_where_it_is_typed(command):
    assert check(command) in {"make", "python", "curl", "aws"}


@pytest.mark.parametrize("command", IN_BLOCKS, ids=lambda command: command.place)
def test_a_command_that_a_reader_copies_is_run_by_a_test_or_needs_aws(command):
    assert command.needs_aws or _runner_of(command), f"name its test in RUN_BY, or `{NEEDS_AWS}`"


@pytest.mark.parametrize(("file", "part"), RUN_BY.values(), ids=RUN_BY)
def test_the_test_that_runs_a_command_is_there(file, part):
    assert part in (PROJECT / file).read_text("utf-8")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_block_says_what_it_is_so_that_none_of_commands_is_missed(path):
    assert set(languages_in(path.read_text("utf-8"))) <= SHELLS | OTHERS


def test_commands_were_found():
    assert len(IN_BLOCKS) > 10
    assert len(COMMANDS) > 2 * len(IN_BLOCKS)


def test_what_needs_aws_says_so():
    assert all(command.needs_aws for command in IN_BLOCKS if command.words[0] == "aws")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("make dinner", "no target dinner"),
        ("make deploy STAG=dev", "knows no STAG"),
        ("make bench ONLY=nothing", "invalid choice"),
        ("python -m local lod", "invalid choice"),
        ("python -m local load --request", "expected one argument"),
        ("python -m ops callers make --name a", "invalid choice"),
        ("python -m nothing", "takes no arguments"),
        ("python -m pytest tests/none", "no tests"),
        ("python -m stacks.nothing", "there is no"),
        ("python -c 'from functions.tally.emission import nothing'", "has no"),
        ("curl localhost:8000/api/v1/job", "no GET /job"),
        ("curl -X PUT localhost:8000/api/v1/jobs", "no PUT /jobs"),
        ("curl https://example.com/api/v1/jobs", "not the local API"),
        ("aws s3 ls", "nothing here knows aws"),
    ],
)
def test_a_command_that_would_fail_is_found(text, problem):
    with pytest.raises(Unknown, match=re.escape(problem)):
        check(Command("here", text))


def test_a_body_that_the_api_would_refuse_is_found():
    sent = """curl -X POST localhost:8000/api/v1/generate -d '{"txt": "a"}'"""
    with pytest.raises(InvalidRequest):
        check(Command("here", sent))


def test_a_block_is_read_command_by_command_with_what_is_marked():
    text = """
```sh
make run   # and wait
curl -s \\
  localhost:8000/api/v1/health
aws s3 ls  # needs AWS
```

<!-- needs AWS -->
```sh
aws sts get-caller-identity
```
Then `make test`, or `python -m local up [--port 8000]`.
"""
    found = list(commands_in("a.md", text))
    assert [one.words[0] for one in found] == ["make", "curl", "aws", "aws", "make", "python"]
    assert [one.needs_aws for one in found] == [False, False, True, True, False, False]
    assert [one.place for one in found[:3]] == ["a.md:3", "a.md:4", "a.md:6"]
    assert [check(one) for one in found] == [one.words[0] for one in found]


def test_every_target_that_help_lists_is_known():
    assert {"run", "test", "check", "bench", "configuration"} <= targets()
