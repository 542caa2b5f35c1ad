"""What the callers of a stage are called."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.caller import Caller
from functions.shared.callers.records import caller_of
from functions.shared.callers.table import CallerTable
from functions.shared.gateway.reader import Reader
from functions.shared.settings import SpendingSettings
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger

_KNOWN_FOR_S = 60


class Directory:
    """Names by id. An id that nobody has a name for is its own."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    @cached_property
    def _ids(self) -> dict[str, str]:
        return {name: caller_id for caller_id, name in self._names.items()}

    @classmethod
    def of(cls, callers: Mapping[str, Caller]) -> Self:
        return cls({caller_id: one.name for caller_id, one in callers.items() if one.name})

    def name_of(self, caller_id: str, recorded: str = "") -> str:
        """Its name now, or else the one that it had when something was recorded of it."""
        return self._names.get(caller_id) or recorded or caller_id

    def id_of(self, name: str) -> str:
        return self._ids.get(name, name)

    def distinct(self, caller_ids: Iterable[str]) -> dict[str, str]:
        """Names by id, each of one caller: where a name is another's too, be it as its id, the id goes
        behind it."""
        named = {caller_id: self.name_of(caller_id) for caller_id in caller_ids}
        uses = Counter(named.values())
        return {
            caller_id: name if uses[name] == 1 or name == caller_id else f"{name} ({caller_id})"
            for caller_id, name in named.items()
        }


def names_for(reader: Reader, own_name: str, table_name: str) -> Directory:
    """An operator's are all; whoever else asks is shown no other's."""
    if reader.is_operator:
        return known_callers(table_name)
    return Directory({reader.caller_id: own_name} if own_name else {})


def known_callers(table_name: str) -> Directory:
    """As the table had them at most a minute ago; of no names at all while it does not answer."""
    try:
        return _read(table_name, int(time.time() // _KNOWN_FOR_S))
    except (BotoCoreError, ClientError) as failure:
        logger.warning("callers not read", error_type=type(failure).__name__)
        return Directory({})


@lru_cache(maxsize=1)
def _read(table_name: str, _minute: int) -> Directory:
    callers = CallerTable(table(table_name)).callers()
    return Directory({one.caller_id: one.name for one in callers})


def all_callers(settings: SpendingSettings) -> dict[str, Caller]:
    """By their ids, with the limits of each, as the last write left them. Raises `ClientError` and
    `BotoCoreError`."""
    plans, stage = settings.PLAN_LIMITS, settings.STAGE_LIMITS
    records = CallerTable(table(settings.CALLERS_TABLE)).callers()
    return {one.caller_id: caller_of(one, plans, stage) for one in records}


def callers_seen_by(reader: Reader, own: Caller, settings: SpendingSettings) -> dict[str, Caller]:
    """Raises as `all_callers` does, which an operator sees."""
    return {reader.caller_id: own} | (all_callers(settings) if reader.is_operator else {})
