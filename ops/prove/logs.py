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
    ids = _send_everywhere(probe, canary)
    is_logged = probe.eventually(lambda: probe.are_logged(ids))
    # The other logs are no later than the gateway's, as far as anybody says; this is their grace.
    time.sleep(1 if probe.stage.is_local else 60)
    groups = probe.stage.physical_ids("AWS::Logs::LogGroup")
    found = [group for group in groups if any(probe.events(group, f'"{canary}"'))]
    if not found and not is_logged:
        return cannot_tell("the access log has not the requests, so that the others prove nothing")
    return judged(
        [f"a prompt is in {group}" for group in found], f"{len(groups)} log groups without"
    )


def a_refusal_is_one_line(probe: Probe) -> Finding:
    """A request that the first state refuses; its function's log has Lambda's own line about it."""
    request_id = probe.generate({"text": 7}).json()["request_id"]
    [group] = [
        group for group in probe.stage.physical_ids("AWS::Logs::LogGroup") if "Classify" in group
    ]
    lines = probe.eventually(lambda: list(probe.events(group, f'"{request_id}"')))
    if not lines:
        return cannot_tell(f"{group} has no line about {request_id}")
    problems = [] if len(lines) == 1 else [f"{len(lines)} lines about one refusal"]
    problems += [f"a line with frames: {line[:120]}" for line in lines if "File " in line]
    return judged(problems, "one line about a refusal, without a stack trace")


def _send_everywhere(probe: Probe, canary: str) -> list[str]:
    """A canary in what is answered, what the engine and the gateway refuse, and what fails inside;
    the ids of these requests."""
    question = {**probe.question, "text": f"{canary} is wonderful, I love it."}
    unpinned = {name: value for name, value in question.items() if name != "model"}
    refused = {"messages": [{"role": "x", "content": canary}]}
    answers = [probe.generate(body) for body in (question, {**question, "prompt": canary}, refused)]
    jobs = (question, {**question, "task": canary}, {**unpinned, "max_cost_usd": 1e-9})
    answers += [probe.send("POST", "/v1/jobs", json.dumps(job).encode()) for job in jobs]
    bodies = [answer.json() for answer in answers]
    return [body.get("request_id") or body["execution_id"] for body in bodies]


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
