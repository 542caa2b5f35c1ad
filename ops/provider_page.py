"""`docs/providers.md`, written from what acts: the adapters' tables, the state machine's rules, the catalogue."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from functions.invoke_provider import answer
from functions.invoke_provider.providers import (
    anthropic_errors,
    azure_openai_errors,
    bedrock_errors,
    compatible,
    gemini,
    openai_errors,
    refusals,
    retry_after,
)
from functions.shared.catalogue.models import Model, load_catalogue
from functions.shared.errors import (
    ERRORS_BY_NAME,
    ContentFiltered,
    EngineError,
    ProviderAuthFailed,
    ProviderThrottled,
    ProviderUnavailable,
    RequestDoubted,
)
from functions.shared.silence_limits import SilenceLimits
from functions.shared.vocabulary import Api
from functions.tally import health
from ops.reshaping import changes

_ROOT = Path(__file__).parents[1]
PATH = _ROOT / "docs" / "providers.md"
_MACHINE = _ROOT / "statemachine" / "orchestrate.asl.json"
TABLES = (
    openai_errors.ERRORS,
    azure_openai_errors.ERRORS,
    anthropic_errors.ERRORS,
    bedrock_errors.ERRORS,
    gemini.ERRORS,
    compatible.errors_of("a provider that a stage adds"),
)

_NEXT: Mapping[str | None, str] = {
    None: "the next one",
    "$remaining^($reorders and provider = $candidate.provider ? 1 : 0)": (
        "the next one, of another provider first where the request lists no order"
    ),
    "$remaining[provider != $candidate.provider]": "the next one of another provider",
    "$remaining[context_window > $candidate.context_window]": "the next one with a larger window",
    "$remaining[[0..${LastAlternative}]], $candidate": "a few others, then this one again",
    "'AnswerUnfit' in $failures.error.Error ? $remaining[model in $failures.candidate.model]"
    " : $remaining": "one other",
}
"""By what a rule of the machine leaves of the candidates; a rule that is not here has no words yet."""
_SHARED = {
    phrase: kind
    for phrase, kind in TABLES[0].phrases.items()
    if all(table.phrases.get(phrase) is kind for table in TABLES)
}
"""Phrases that every provider's table has."""
_COUNTED = {"ok": "well", "faults": "a fault", "throttles": "a throttle", None: "–"}
_BILLED = {"none": "nothing", "known": "as told", "assumed": "perhaps"}

_HEAD = """\
<!-- Made by `python -m ops document` from what acts: ops/provider_page.py names each table. -->
# What a provider's answer leads to

Every call ends as an answer or as one of the errors of
[`functions/shared/errors.py`](../functions/shared/errors.py). A provider's own code for its trouble comes first,
then what it says in prose where the status is vague ({vague}), then its general codes, then a part of
a code that is not known yet, and the status at last.
"""


def page() -> str:
    head = _HEAD.format(vague=_listed(map(str, sorted(refusals._VAGUE))))
    return "\n".join(
        (head, _outcomes(), _waits(), _silences(), _statuses(), _words(), _changes(), _taken())
    )


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _table(*heads: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _outcomes() -> str:
    rows = [
        (
            f"`{error.__name__}`",
            _then(error),
            _again(error),
            _BILLED[error.billed],
            _health(error),
        )
        for error in ERRORS_BY_NAME.values()
        if _is_a_providers(error)
    ]
    heads = ("error", "asked then", "the same one again", "billed", "health")
    return f"## What happens after an error\n\n{_table(*heads, rows=rows)}"


def _states() -> dict[str, Any]:
    states: dict[str, Any] = json.loads(_MACHINE.read_text("utf-8"))["States"]
    return states


def _way_on(error: type[EngineError]) -> dict[str, Any] | None:
    """The machine's rule by which a request goes on after this error."""
    name = error.__name__
    caught = [rule for rule in _states()["Invoke Provider"]["Catch"] if name in rule["ErrorEquals"]]
    told = [one for one in _states()["Answered?"]["Choices"] if f"'{name}'" in one["Condition"]]
    rules = told if answer.is_refusal(error(""), asks_others=False) else caught
    return next((rule for rule in rules if rule["Next"] == "Weigh Failure"), None)


def _is_a_providers(error: type[EngineError]) -> bool:
    return _way_on(error) is not None or answer.is_refusal(error(""), asks_others=False)


def _then(error: type[EngineError]) -> str:
    rule = _way_on(error)
    if rule is None:
        exception = ", unless the stage has others asked" if error is ContentFiltered else ""
        return f"nobody{exception}"
    remaining = rule["Assign"].get("remaining")
    words = _NEXT[remaining and remaining.removeprefix("{% [").removesuffix("] %}")]
    return f"{words}; a second refusal ends it" if error is RequestDoubted else words


def _again(error: type[EngineError]) -> str:
    if error is ProviderAuthFailed:
        return "with a newer key"
    if error is ProviderThrottled:
        return "after its wait, where nobody else is left"
    return "once, where nothing is billed" if error.repeatable else "–"


def _health(error: type[EngineError]) -> str:
    counted = _COUNTED[health._COUNTED_AS.get(error.__name__)]
    if error is RequestDoubted:
        return "a fault, where it is refuted"
    blocked = "the provider" if error.__name__ in health._PROVIDER_BLOCKED else "the model"
    is_blocked = error.__name__ in {*health._PROVIDER_BLOCKED, health._MODEL_BLOCKED}
    return f"{counted}; {blocked} rests" if is_blocked else counted


def _waits() -> str:
    first, body = map(_coded, (retry_after._IN_MILLISECONDS, retry_after._IN_A_BODY))
    return f"""## Which waits are read

Of an error that may pass: {_coded(_named(refusals._WITH_WAIT))}.
The first of these that can be read counts, a day at most; 0 is "now".

1. the headers {first}: milliseconds
2. the header `retry-after`: seconds, a duration as `1m30s`, or a date
3. {body}, in any spelling, in the body's error, its `details` or `metadata`
4. the reason's own words, as "try again in 20s"
5. the reset of what is used up: `…ratelimit…reset…` where the `…remaining…` beside it is 0, or the first of those
   without one
"""


def _coded(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _named(kinds: Iterable[type[EngineError]]) -> list[str]:
    return [name for name, kind in ERRORS_BY_NAME.items() if kind in set(kinds)]


def _silences() -> str:
    limits, groups = SilenceLimits(), defaultdict[tuple[float, float], list[str]](list)
    for model in _remote():
        first_s = limits.before_first_token_s(
            model.time_to_first_token_ms, reasoning=model.reasoning
        )
        between_s = (
            limits.reasoning_between_tokens_s if model.reasoning else limits.between_tokens_s
        )
        groups[first_s, between_s].append(model.id)
    rows = (
        (f"{first_s:g} s", f"{between_s:g} s", _coded(ids))
        for (first_s, between_s), ids in sorted(groups.items())
    )
    return f"""## How long a silence is borne

By a stage's default, and never longer than the attempt's own share of the deadline; then it is a
`ProviderTimeout`.

{_table("before the first token", "between tokens", "models", rows=rows)}"""


def _statuses() -> str:
    given_up = _listed(map(str, sorted(refusals._GIVEN_UP)))
    rows = [(str(status), f"`{kind.__name__}`") for status, kind in refusals.BY_STATUS.items()]
    rows.append(("any other", f"`{ProviderUnavailable.__name__}`"))
    table = _table("status", "error", rows=rows)
    parts = _by_class(refusals.BY_PART_OF_A_CODE)
    unknown = _table(
        "part of the code",
        "error",
        rows=((_coded(words), f"`{kind.__name__}`") for kind, words in parts.items()),
    )
    return f"""## By status, and by a code that is not known yet

{table}
A {given_up} may be billed: whoever says so has stopped waiting for a model that was at work.

{unknown}"""


def _words() -> str:
    shared = _by_class(_SHARED)
    rows = ((f"`{kind.__name__}`", _quoted(phrases)) for kind, phrases in shared.items())
    return (
        "## By the provider's own words\n\n### phrases that all have in common\n\n"
        + _table("error", "phrases", rows=rows)
        + "".join(f"\n### {table.provider}\n\n{_words_of(table)}" for table in TABLES)
    )


def _words_of(table: refusals.ErrorTable) -> str:
    """What the provider has beside the words of all, and beside OpenAI's where it speaks its language."""
    known = TABLES[0].codes if table.codes.items() > TABLES[0].codes.items() else {}
    codes = _by_class({code: kind for code, kind in table.codes.items() if code not in known})
    phrases = _by_class({word: kind for word, kind in table.phrases.items() if word not in _SHARED})
    general = _by_class(table.general_codes)
    kinds = [kind for kind in ERRORS_BY_NAME.values() if kind in {*codes, *phrases, *general}]
    rows = [
        (f"`{kind.__name__}`", _coded(codes[kind]), _coded(general[kind]), _quoted(phrases[kind]))
        for kind in kinds
    ]
    beside = "Beside the codes of openai:\n\n" if known else ""
    bills = f"\nMay be billed: {_coded(_named(table.may_bill))}.\n" if table.may_bill else ""
    return beside + _table("error", "codes", "general codes", "phrases", rows=rows) + bills


def _by_class(
    words: Mapping[str, type[EngineError]],
) -> defaultdict[type[EngineError], list[str]]:
    found: defaultdict[type[EngineError], list[str]] = defaultdict(list)
    for word, kind in sorted(words.items()):
        found[kind].append(word)
    return found


_INTERFACES: Mapping[Api, str] = {
    "chat_completions": "Chat Completions",
    "responses": "Responses",
    "messages": "Messages",
    "converse": "Converse",
}


def _remote() -> list[Model]:
    return [model for model in load_catalogue().models if model.api in _INTERFACES]


def _changes() -> str:
    models = _remote()
    rows = [
        (
            f"`{change.parameter}`",
            change.reason,
            *(_share(api, changed, models) for api in _INTERFACES),
        )
        for change, changed in changes().items()
    ]
    heads = ("parameter", "what becomes of it", *_INTERFACES.values())
    return f"""## What is left out or reshaped

What a provider would refuse is made what it takes, and stands in the answer's `dropped_parameters` in these words;
how many of an interface's models it is done for stands beside it.

{_table(*heads, rows=rows)}"""


def _share(api: Api, changed: Iterable[Model], models: Iterable[Model]) -> str:
    count, all_of_them = (sum(one.api == api for one in some) for some in (changed, models))
    return "all" if count == all_of_them else str(count or "")


def _taken() -> str:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for model in _remote():
        groups[model.provider, *(text for _name, text in _traits(model))].append(model.id)
    rows = sorted((*traits, _coded(ids)) for traits, ids in groups.items())
    heads = ("provider", *(name for name, _ in _traits(load_catalogue().models[0])), "models")
    return f"""## What a model takes of a request

{_table(*heads, rows=rows)}"""


def _traits(model: Model) -> Iterator[tuple[str, str]]:
    yield "parameters", _coded([*model.sampling, *model.parameters])
    yield "`reasoning_effort`", _coded(model.efforts)
    yield "`tool_choice`", _coded(model.tool_choices)
    yield "held to a schema", "yes" if "json_schema" in model.capabilities else ""
    yield "goes on from its own words", "yes" if model.prefill else ""
