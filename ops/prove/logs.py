"""What is written into the stage's logs, and what must not be."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from ops.prove.check import Finding, cannot_tell, judged
from ops.prove.probe import Probe

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LAMBDAS_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL", "TRACE": "DEBUG"}


def prompts_are_in_no_log(probe: Probe) -> Finding:
    canary = f"canary{secrets.token_hex(10)}"
    _send_everywhere(probe, canary)
    seen = probe.eventually(lambda: len(probe.access_log_lines()) >= 5)
    # The other logs are no later than the gateway's, as far as anybody says; this is their grace.
    time.sleep(1 if probe.stage.is_local else 60)
    groups = probe.stage.physical_ids("AWS::Logs::LogGroup")
    found = [group for group in groups if any(probe.events(group, f'"{canary}"'))]
    if not found and not seen:
        return cannot_tell(
            "the access log has not the requests yet, so that the others prove nothing"
        )
    return judged(
        [f"a prompt is in {group}" for group in found], f"{len(groups)} log groups without"
    )


def _send_everywhere(probe: Probe, canary: str) -> None:
    """A canary in what is answered, what the engine and the gateway refuse, and what fails inside."""
    text = {**probe.question, "text": f"{canary} is wonderful, I love it."}
    probe.generate(text)
    probe.generate({**text, "prompt": canary})
    probe.generate({"messages": [{"role": "x", "content": canary}]})
    jobs = ({**text, "task": canary}, {**text, "max_cost_usd": 1e-9, "model": None}, text)
    for job in jobs:
        body = {name: value for name, value in job.items() if value is not None}
        probe.send("POST", "/v1/jobs", json.dumps(body).encode())


def the_log_level_has_its_effect(probe: Probe) -> Finding:
    probe.generate(probe.question)
    level, groups = _logging(probe)
    if level == _LEVELS[0]:
        return cannot_tell("the stage says DEBUG, under which there is no line")
    seen = Counter(probe.eventually(lambda: list(_levels(probe, groups))))
    if not seen:
        return cannot_tell(f"the stage says {level}, and no function wrote a line with a level")
    quiet = _LEVELS[: _LEVELS.index(level)]
    problems = [
        f"{seen[one]} lines at {one} where the stage says {level}" for one in quiet if seen[one]
    ]
    return judged(problems, f"the stage says {level}: {dict(seen)}")


def _logging(probe: Probe) -> tuple[str, list[str]]:
    """The level that the functions are told, and their log groups."""
    client, names = probe.stage.client("lambda"), probe.stage.physical_ids("AWS::Lambda::Function")
    settings = [client.get_function_configuration(FunctionName=name) for name in names]
    levels = {one["Environment"]["Variables"]["LOG_LEVEL"] for one in settings}
    return levels.pop(), [one["LoggingConfig"]["LogGroup"] for one in settings]


def _levels(probe: Probe, groups: Iterable[str]) -> Iterator[str]:
    """Of all lines that are no metrics, which Lambda has to keep whatever the level."""
    for group in groups:
        for line in probe.events(group):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and "_aws" not in entry and "level" in entry:
                yield _LAMBDAS_NAMES.get(entry["level"], str(entry["level"]))
