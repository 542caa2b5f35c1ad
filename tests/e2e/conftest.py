"""A stack whose providers are real ones over HTTP, that keep a journal of what they were asked and bill."""

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from local.faults import aimock
from local.faults.killing import kill_caller
from local.state import read_state
from tests.conftest import Stack, running_stack
from tests.support.held_exchange import HeldExchange, answers
from tests.support.spend_books import SpendBooks
from tests.support.watched_door import WatchedDoor

WORKERS = 12
"""Of each function: as many calls may run at once."""
STAGE_USD = Decimal(5)


@pytest.fixture(scope="session")
def exchange(tmp_path_factory) -> Iterator[HeldExchange]:
    with aimock.serving(list(answers()), tmp_path_factory.mktemp("aimock")) as url:
        made = HeldExchange(url)
        with made.serving():
            yield made


@pytest.fixture(scope="session")
def billed(exchange) -> Iterator[Stack]:
    """Of the modules of the group `billed`, that run one after the other."""
    more = {"STAGE_MONTH_USD": str(STAGE_USD), "LOCAL_WORKERS_PER_FUNCTION": str(WORKERS)}
    with running_stack(**exchange.variables, **more) as running:
        group = read_state(urlsplit(running.base_url).port).emulator_pid
        exchange.kill = lambda *ports: kill_caller(group, *ports)
        yield running


@pytest.fixture(scope="session")
def books(billed, exchange) -> SpendBooks:
    """Of what is spent on that stack."""
    return SpendBooks(billed, exchange)


@pytest.fixture
def held(exchange) -> Iterator[HeldExchange]:
    exchange.free.clear()
    yield exchange
    exchange.free.set()


@pytest.fixture(scope="session")
def way(billed) -> Iterator[WatchedDoor]:
    with WatchedDoor(billed.base_url).serving() as made:
        yield made


@pytest.fixture
def door(way) -> Iterator[WatchedDoor]:
    """The way to that stack for OpenAI's clients: each body that passed is held against OpenAI's description."""
    way.passed.clear()
    yield way
    assert way.passed
    assert way.problems() == []
