"""CPU of a request beside other gateways: the same prompts, as many at once, one after the other in every round.

Ours is that of the functions' processes, with reading and writing their events, without AWS's part: API Gateway,
Step Functions and DynamoDB are billed by use and not by CPU. A peer's is that of its whole tree of processes;
what answers in a provider's place is not counted, and a database's is told apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.engine import BATCH, STATES, Engine, running_engine
from bench.local_aws import KEY, LIMITED_KEY, running_aws
from bench.peers import litellm, portkey, postgres
from bench.processes import wait_until
from bench.progress import tell
from bench.ratios import ratio_spread, rounded, spread
from local.load_plan import load_prompts

ROUNDS = 5
REQUESTS = 200
WARM_UP = 100
AT_ONCE = 4
_REST_S = 15
_LOGGED_WITHIN_S = 120
VERDICT_KEPT_S = 300
"""How long the gateway keeps the authorizer's verdict on a key."""
GOALS = {"record_ms": 4.0, "together_ms": 7.5, "litellm": 1 / 2, "litellm_with_database": 1 / 3}
AIMS = {"together_ms": 5.0, "litellm": 1 / 3}

Rounds = dict[str, list[float]]
"""Milliseconds of CPU a request, of each round, by what they are of."""


@dataclass(frozen=True)
class Peer:
    """A gateway that is there to be measured; `answer` returns when all that was asked is also in its log."""

    version: str
    answer: Callable[[Sequence[str]], None]
    cpu_s: Mapping[str, Callable[[], float]]
    """By what it is of; the first is the gateway's own."""
    idle: dict[str, float] = field(default_factory=dict)


@dataclass
class Measured:
    """`engine` by function, for callers without limits; `untold` is the same where the task is to be found
    out, and `limited` that of callers with limits."""

    engine: Rounds = field(default_factory=dict)
    untold: Rounds = field(default_factory=dict)
    limited: Rounds = field(default_factory=dict)
    peers: dict[str, Rounds] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)


def results() -> dict[str, Any]:
    with ExitStack() as ended:
        tell("side by side: starting the local AWS and the functions")
        engine = ended.enter_context(running_engine(ended.enter_context(running_aws()), AT_ONCE))
        peers = dict[str, Peer]()
        for name, start in PEERS.items():
            tell(f"side by side: starting {name}")
            peers[name] = ended.enter_context(start())
        measured = _measured(engine, peers)
        return _told(measured, {name: one.version for name, one in peers.items()})


def _measured(engine: Engine, peers: Mapping[str, Peer]) -> Measured:
    prompts = load_prompts()
    prompts = (prompts * (REQUESTS // len(prompts) + 1))[:REQUESTS]
    asked = [one.text for one in prompts]
    # A task and a text, as applications send them; no peer finds a task out.
    told = [{"task": one.task, "text": one.text} for one in prompts]
    untold = [{"text": one.text} for one in prompts]
    tell(f"side by side: warming up, {WARM_UP} requests each")
    for peer in peers.values():
        peer.answer(asked[:WARM_UP])
    for requests, key in ((told, KEY), (untold, KEY), (told, LIMITED_KEY)):
        engine.answer(requests[:WARM_UP], key)
    _rest(peers.values())
    engine.authorize_ms()
    engine.tally_ms(BATCH)
    engine.taken_ms()
    measured = Measured(peers={name: {} for name in peers})
    for number in range(1, ROUNDS + 1):
        tell(f"side by side: round {number} of {ROUNDS}, {REQUESTS} requests each")
        engine.answer(told)
        _add(measured.engine, engine.taken_ms())
        for name, peer in peers.items():
            _add(measured.peers[name], _peer_ms(peer, asked))
        engine.answer(untold)
        _add(measured.untold, engine.taken_ms())
        engine.answer(told, LIMITED_KEY)
        _add(measured.limited, engine.taken_ms())
    measured.beside = {
        "authorize_ms": engine.authorize_ms(),
        "tally_row_ms": engine.tally_ms(BATCH),
        "tally_lone_row_ms": engine.tally_ms(1),
    }
    return measured


def _add(rounds: Rounds, ms: Mapping[str, float]) -> None:
    for name, spent in ms.items():
        rounds.setdefault(name, []).append(spent)


def _peer_ms(peer: Peer, prompts: Sequence[str]) -> dict[str, float]:
    """Without what it takes in the same time when nobody asks."""
    before = {name: cpu_s() for name, cpu_s in peer.cpu_s.items()}
    began = time.monotonic()
    peer.answer(prompts)
    took_s = time.monotonic() - began
    return {
        name: (cpu_s() - before[name] - took_s * peer.idle[name]) * 1000 / len(prompts)
        for name, cpu_s in peer.cpu_s.items()
    }


def _rest(peers: Iterable[Peer]) -> None:
    """Measures what each takes when nobody asks, in CPU seconds a second."""
    # First whatever their last requests have left to do.
    time.sleep(_REST_S)
    before = [(peer, name, cpu_s, cpu_s()) for peer in peers for name, cpu_s in peer.cpu_s.items()]
    time.sleep(_REST_S)
    for peer, name, cpu_s, was in before:
        peer.idle[name] = (cpu_s() - was) / _REST_S


def _told(measured: Measured, versions: Mapping[str, str]) -> dict[str, Any]:
    beside = measured.beside
    by_case = (measured.engine, measured.untold, measured.limited)
    states, untold, limited = (_sums(rounds) for rounds in by_case)
    shared_ms = beside["tally_row_ms"] + beside["authorize_ms"] / VERDICT_KEPT_S
    together = [ms + shared_ms for ms in states]
    own = {name: next(iter(rounds.values())) for name, rounds in measured.peers.items()}
    ratios = {name: ratio_spread(together, rounds) for name, rounds in own.items()}
    ms = {name: spread(rounds) for name, rounds in measured.engine.items()}
    return {
        "rounds": ROUNDS,
        "requests": REQUESTS,
        "at_once": AT_ONCE,
        "engine": {
            "functions_ms": ms,
            "states_ms": spread(states),
            "states_of_untold_task_ms": spread(untold),
            "states_of_limited_caller_ms": spread(limited),
            **{name: rounded(one) for name, one in beside.items()},
            "together_ms": spread(together),
            "alone_ms": spread(
                [one + beside["authorize_ms"] + beside["tally_lone_row_ms"] for one in states]
            ),
        },
        "peers": {
            name: {
                "version": versions[name],
                **{f"{part}_ms": spread(those) for part, those in rounds.items()},
                "engine_over_it": ratios[name],
            }
            for name, rounds in measured.peers.items()
        },
        "goals": _goals(ms["RecordMetrics"]["median"], spread(together)["median"], ratios),
    }


def _sums(rounds: Rounds) -> list[float]:
    """Of all functions, round by round."""
    return [sum(those) for those in zip(*(rounds[name] for name in STATES), strict=True)]


def _goals(
    record_ms: float, together_ms: float, ratios: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    figures = {
        "record_ms": record_ms,
        "together_ms": together_ms,
        **{name: those["median"] for name, those in ratios.items()},
    }
    return {
        name: {
            "is": figures[name],
            "at_most": rounded(limit),
            "held": figures[name] <= limit,
            **(
                {"aim": rounded(AIMS[name]), "aim_held": figures[name] <= AIMS[name]}
                if name in AIMS
                else {}
            ),
        }
        for name, limit in GOALS.items()
        if name in figures
    }


@contextmanager
def _litellm() -> Iterator[Peer]:
    with litellm.running_litellm("litellm", AT_ONCE) as proxy:
        yield Peer(litellm.version(), proxy.client.answer, {"gateway": proxy.cpu_s})


@contextmanager
def _litellm_with_database() -> Iterator[Peer]:
    with postgres.running_postgres() as database:
        variables = litellm.with_database(database)
        with litellm.running_litellm("litellm_with_database", AT_ONCE, variables) as proxy:
            logged = partial(litellm.rows_in_spend_log, database)
            wait_until(
                lambda: logged() > 0, _LOGGED_WITHIN_S, "the first row of LiteLLM's spend log"
            )
            told = _Logged(proxy.client.answer, logged)
            version = f"{litellm.version()}, PostgreSQL {postgres.version()}"
            cpu = {"gateway": proxy.cpu_s, "database": database.cpu_s}
            yield Peer(version, told.answer, cpu)


@dataclass
class _Logged:
    """Asks, and waits until all is in the log, which is written behind the answers."""

    ask: Callable[[Sequence[str]], None]
    rows: Callable[[], int]

    def answer(self, prompts: Sequence[str]) -> None:
        expected = self.rows() + len(prompts)
        self.ask(prompts)
        wait_until(lambda: self.rows() >= expected, _LOGGED_WITHIN_S, "LiteLLM's spend log")


@contextmanager
def _portkey() -> Iterator[Peer]:
    with portkey.running_portkey(AT_ONCE, litellm.ANSWER) as gateway:
        yield Peer(portkey.version(), gateway.client.answer, {"gateway": gateway.cpu_s})


PEERS: Mapping[str, Callable[[], AbstractContextManager[Peer]]] = {
    "litellm": _litellm,
    "litellm_with_database": _litellm_with_database,
    "portkey": _portkey,
}
