"""How the CPU of Classify, Score and Record Metrics grows: with the prompt, the catalogue, what is known of the
models' health, and the request log. Each is alone in its process and gets its real events; medians over those of
the smallest size."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.engine import Engine, running_engine
from bench.hosted import ROOT, Hosted
from bench.local_aws import LocalAws, running_aws
from bench.progress import tell
from bench.ratios import growth
from bench.samples import Events, anew, events_of, request_id_of
from functions.shared.catalogue.additions import ADDITIONS_FILE
from functions.shared.catalogue.models import load_catalogue
from stacks.extra_providers import ExtraProvider, additions_of

PROMPT_KB = (1, 10, 50, 200)
CATALOGUES = (200, 300)
"""Beside the built-in one, which a stage adds to and takes nothing from."""
LOG_ROWS = (100, 1_000, 10_000)
CALLS = 20
ROUNDS = 3
_MEASURED = ("Classify", "Score", "RecordMetrics")
_SENTENCE = "Could you tell me what makes a small town worth a visit in the autumn? "
_BATCH = 25
"""The most items of one BatchWriteItem."""

Growth = dict[str, dict[Any, float]]
"""Ratios by function and size."""


def results() -> dict[str, Growth]:
    return {
        "prompt_kb": _by_prompt(),
        "models_in_the_catalogue": _by_catalogue(),
        **_by_what_is_stored(),
    }


def _text(kilobytes: int) -> str:
    return (_SENTENCE * (kilobytes * 1_000 // len(_SENTENCE) + 1))[: kilobytes * 1_000]


def _by_prompt() -> Growth:
    tell(f"growth: prompts of {PROMPT_KB} KB")
    with running_aws() as aws, running_engine(aws, 1) as engine:
        samples = {size: events_of(engine, {"text": _text(size)}) for size in PROMPT_KB}
        return _ratios({size: (engine, events) for size, events in samples.items()}, _MEASURED)


def _by_catalogue() -> Growth:
    built_in = len(load_catalogue().models)
    tell(f"growth: catalogues of {(built_in, *CATALOGUES)} models")
    with running_aws() as aws:
        found: dict[int, tuple[Engine, Events]] = {}
        with (
            _engine_with(aws, 0) as small,
            _engine_with(aws, CATALOGUES[0] - built_in) as larger,
            _engine_with(aws, CATALOGUES[1] - built_in) as largest,
        ):
            for size, engine in zip((built_in, *CATALOGUES), (small, larger, largest), strict=True):
                found[size] = (engine, events_of(engine, {"text": _text(1)}))
            return _ratios(found, _MEASURED)


@contextmanager
def _engine_with(aws: LocalAws, more: int) -> Iterator[Engine]:
    """Of a stage that adds so many models."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            ROOT / "functions", folder / "functions", ignore=shutil.ignore_patterns("__pycache__")
        )
        if more > 0:
            models = [
                {
                    "id": f"bench-{number}",
                    "context_window": 131_072,
                    "prices": _PRICES,
                    "quality": 0.4,
                }
                for number in range(more)
            ]
            added = ExtraProvider.model_validate(
                {"name": "bench", "base_url": "https://models.example.com/v1", "models": models}
            )
            told = additions_of([added]).model_dump(mode="json")
            (folder / ADDITIONS_FILE.relative_to(ROOT)).write_text(json.dumps(told), "utf-8")
        with running_engine(aws, 1, folder) as engine:
            yield engine


_PRICES = {"input": 1, "output": 2}


def _by_what_is_stored() -> dict[str, Growth]:
    with running_aws() as aws, running_engine(aws, 1) as engine:
        events = events_of(engine, {"text": _text(1)})
        tell("growth: nothing and all known of the models' health")
        health_ms = {0: _median_ms(engine.chains[0]["Score"], "Score", events)}
        known = _make_known(engine, events)
        health_ms[known] = _median_ms(engine.chains[0]["Score"], "Score", events)
        log_ms = {}
        for rows in LOG_ROWS:
            tell(f"growth: {rows} rows in the request log")
            _fill(aws, rows)
            function = engine.chains[0]["RecordMetrics"]
            log_ms[rows] = _median_ms(function, "RecordMetrics", events)
    return {
        "models_whose_health_is_known": {"Score": growth(health_ms)},
        "rows_in_the_log": {"RecordMetrics": growth(log_ms)},
    }


def _ratios(by_size: Mapping[int, tuple[Engine, Events]], names: tuple[str, ...]) -> Growth:
    """Sizes one after the other in every round, so that whatever slows the machine slows all of them."""
    spent: dict[str, dict[int, list[float]]] = {name: {} for name in names}
    for _ in range(ROUNDS):
        for size, (engine, events) in by_size.items():
            for name in names:
                ms = _median_ms(engine.chains[0][name], name, events)
                spent[name].setdefault(size, []).append(ms)
    return {
        name: growth({size: statistics.median(rounds) for size, rounds in by.items()})
        for name, by in spent.items()
    }


def _median_ms(function: Hosted, name: str, events: Events) -> float:
    function.taken()
    for _ in range(CALLS):
        function(anew(events[name], request_id_of(events)))
    return statistics.median(function.taken())


def _make_known(engine: Engine, events: Events) -> int:
    """Records an answer of each ranked model as if no simulator had given it; returns how many they are."""
    recorded, models = events["RecordMetrics"], load_catalogue()
    ranked = [one | {"mock": False} for one in recorded["decision"]["candidates"]]
    for one in ranked:
        answered = recorded | {
            "decision": recorded["decision"] | {"candidates": ranked},
            "attempt": recorded["attempt"]
            | {"model": one["model"], "provider": models.get(one["model"]).provider},
            "answer": recorded["answer"] | {"mock": False},
        }
        engine.chains[0]["RecordMetrics"](anew(answered, request_id_of(events)))
    # What the log's stream tells, if that is where it is learnt.
    engine.tally_ms(1)
    return len(ranked)


def _fill(aws: LocalAws, rows: int) -> None:
    """So many rows in all, like the first one."""
    client = aws.client("dynamodb")
    (like,) = client.scan(TableName="Requests", Limit=1)["Items"]
    there = client.describe_table(TableName="Requests")["Table"]["ItemCount"]
    numbers = range(there, rows)
    for at in range(0, len(numbers), _BATCH):
        puts = [
            {"PutRequest": {"Item": like | {"request_id": {"S": f"req_filled_{number}"}}}}
            for number in numbers[at : at + _BATCH]
        ]
        client.batch_write_item(RequestItems={"Requests": puts})
