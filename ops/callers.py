"""`python -m ops callers …`: what `/admin/callers` does, with the rights of the shell's credentials and no key.

The function behind those paths is called itself, so that both doors are one, and the stage's own plans and
models count.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from functions.shared.caller import OPERATOR
from ops.stage import Stage

FIRST = "first"
"""What the caller is called that a new stage gets."""

_PATH = "/v1/admin/callers"
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_AGE = re.compile(r"([1-9][0-9]{0,4})([hd])")
_NONE = "none"

Body = Mapping[str, Any]


class Refused(Exception):
    """The stage says no."""


def add_verbs(
    parser: argparse.ArgumentParser, add_stage: Callable[[argparse.ArgumentParser], None]
) -> None:
    """`add_stage` gives a command the options that name a stage."""
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, about, act in _VERBS:
        verb = verbs.add_parser(name, help=about)
        if name not in {"list", "first", "create"}:
            verb.add_argument("caller", help="its name or its id")
        for option, settings in _OPTIONS.get(name, ()):
            verb.add_argument(option, **settings)
        add_stage(verb)
        verb.add_argument("--json", action="store_true", help="print what the stage answers")
        verb.set_defaults(act=act)


def run(stage: Stage, options: argparse.Namespace) -> int:
    """1 where the stage refuses."""
    try:
        told = options.act(stage, options)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    print(json.dumps(told, indent=2) if options.json else "\n".join(_lines(told)))
    return 0


def ask(stage: Stage, verb: str, path: str = "", body: Body | None = None) -> dict[str, Any]:
    """What the function answers to an operator. Raises Refused."""
    (function,) = (
        part.physical_id
        for part in stage.parts
        if part.kind == "AWS::Lambda::Function" and part.logical_id.startswith("FunctionsAdmin")
    )
    event = _event(stage, verb, _PATH + path, body)
    called = stage.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    answer = json.loads(called["Payload"].read())
    if "FunctionError" in called:
        raise Refused(f"The function failed: {answer.get('errorType')}. Its log says why.")
    told: dict[str, Any] = json.loads(answer["body"])
    if "error" in told:
        raise Refused("\n".join(_problems(told["error"])))
    return told


def _event(stage: Stage, verb: str, path: str, body: Body | None) -> dict[str, Any]:
    """As the gateway would send it."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": verb,
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {
            "apiId": stage.outputs["ApiId"],
            "extendedRequestId": "ops",
            "authorizer": {"caller_id": "ops", "caller": json.dumps({"plan": OPERATOR})},
        },
        # JSON has one kind of number; the shortest text of it is the amount that was typed.
        "body": None if body is None else json.dumps(body, default=float),
        "isBase64Encoded": False,
    }


def _problems(error: Body) -> Iterable[str]:
    yield str(error["message"])
    for one in error.get("details", ()):
        yield f"  {one['field']}: {one['problem']}"


def _of(options: argparse.Namespace, rest: str = "") -> str:
    return f"/{quote(options.caller, safe='')}{rest}"


def _create(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    said = {"name": options.name, "plan": options.plan, "subject": options.subject}
    given = {name: value for name, value in said.items() if value is not None}
    budget = _budget(options)
    return ask(stage, "POST", body=given | _terms(options) | ({"budget": budget} if budget else {}))


def _first(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    there = ask(stage, "GET")
    if there["data"]:
        return {"there_are": len(there["data"])}
    return ask(stage, "POST", body={"name": FIRST, "plan": OPERATOR})


def _list(stage: Stage, _options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "GET")


def _show(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "GET", _of(options))


def _update(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "PATCH", _of(options), _terms(options))


def _rotate(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    overlap_seconds = int(options.overlap.total_seconds())
    return ask(stage, "POST", _of(options, "/rotate"), {"overlap_seconds": overlap_seconds})


def _disable(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "POST", _of(options, "/disable"), {"now": options.now})


def _enable(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "POST", _of(options, "/enable"), {"now": options.now})


def _set_budget(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "PUT", _of(options, "/budget"), _budget(options))


def _spend(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    return ask(stage, "GET", _of(options, "/spend"))


def _terms(options: argparse.Namespace) -> dict[str, Any]:
    """What it may ask for and until when, as far as it was said."""
    said = vars(options)
    told = {
        "models": said["allow_models"],
        "tasks": said["allow_tasks"],
        "expires_at": said["expires"],
        "cache_ttl_seconds": said["cache_ttl_seconds"],
    }
    return {name: _null(value) for name, value in told.items() if value is not None}


def _budget(options: argparse.Namespace) -> dict[str, Any]:
    fields = {
        "day_usd": options.daily_budget_usd,
        "month_usd": options.monthly_budget_usd,
        "total_usd": options.total_budget_usd,
        "tokens_per_minute": options.tokens_per_minute,
        "mode": options.budget_mode,
        "tier_down_at": options.tier_down_at,
    }
    return {name: _null(value) for name, value in fields.items() if value is not None}


def _null(value: Any) -> Any:
    """`none` takes away what is the caller's own."""
    return None if value == _NONE else value


def _number(text: str) -> Decimal | str:
    if text == _NONE:
        return text
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _whole(text: str) -> int | str:
    if text == _NONE:
        return text
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _age(text: str) -> timedelta:
    """`24h`, `90d` or `0`."""
    found = _AGE.fullmatch(text)
    if not found and text != "0":
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 24h or 90d")
    return int(found[1]) * _UNITS[found[2]] if found else timedelta()


def _end(text: str) -> str:
    """`90d` from now, or a day that is the last one, UTC."""
    if text == _NONE:
        return text
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return (datetime.now(UTC) + _age(text)).isoformat()
    return (day + timedelta(days=1)).isoformat()


def _listed(text: str) -> list[str]:
    """With commas; `none` allows all."""
    return [] if text == _NONE else [part.strip() for part in text.split(",") if part.strip()]


_TERMS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--allow-models", {"type": _listed, "metavar": "A,B", "help": "none: all"}),
    ("--allow-tasks", {"type": _listed, "metavar": "A,B", "help": "none: all"}),
    ("--expires", {"type": _end, "metavar": "90d|2027-01-01|none"}),
    (
        "--cache-ttl-seconds",
        {"type": int, "metavar": "S", "help": "of its requests that say none; 0: keep no answer"},
    ),
)
_LIMITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--daily-budget-usd", {"type": _number, "metavar": "USD"}),
    ("--monthly-budget-usd", {"type": _number, "metavar": "USD"}),
    ("--total-budget-usd", {"type": _number, "metavar": "USD"}),
    ("--tokens-per-minute", {"type": _whole, "metavar": "N"}),
    ("--budget-mode", {"choices": ("strict", "expected", _NONE)}),
    (
        "--tier-down-at",
        {"type": _number, "metavar": "SHARE", "help": "0.8: cheap models from 80 %% on"},
    ),
)
_NOW = (("--now", {"action": "store_true", "help": "at once, instead of within 300 s"}),)
_OPTIONS: Mapping[str, Iterable[tuple[str, dict[str, Any]]]] = {
    "create": (
        ("--name", {"required": True}),
        ("--plan", {"default": "standard", "choices": ("standard", "operator")}),
        (
            "--subject",
            {"help": "what the tokens of the stage's issuer call it: it gets no key then"},
        ),
        *_TERMS,
        *_LIMITS,
    ),
    "update": _TERMS,
    "rotate": (
        (
            "--overlap",
            {
                "type": _age,
                "default": timedelta(days=1),
                "help": "24h: so long old keys are taken; 0",
            },
        ),
    ),
    "disable": _NOW,
    "enable": _NOW,
    "set-budget": _LIMITS,
}
_VERBS = (
    ("create", "make a caller, and show its key once", _create),
    ("first", "make the caller `first`, an operator, where there is none", _first),
    ("list", "all callers", _list),
    ("show", "one, with its limits and its keys", _show),
    ("update", "change what it may ask for, and until when", _update),
    ("rotate", "give it a new key, and let the old ones end", _rotate),
    ("disable", "refuse its requests", _disable),
    ("enable", "take its requests again", _enable),
    ("set-budget", "change its own limits; none takes one away", _set_budget),
    ("spend", "what it has spent and has left", _spend),
)


def _lines(told: Body) -> Iterable[str]:
    if "there_are" in told:
        return ["There are callers already: no first key is made."]
    if "data" in told:
        return _table(("NAME", "ID", "PLAN", "STATE", "LIMITS", "MODELS"), map(_row, told["data"]))
    return _spend_lines(told) if "budgets" in told else _caller_lines(told)


def _row(caller: Body) -> Sequence[str]:
    names = ("name", "caller_id", "plan")
    limits = ", ".join(_limits(caller, with_origin=False))
    return (
        *(str(caller[name]) for name in names),
        _state(caller),
        limits,
        _all_of(caller["models"]),
    )


def _all_of(allowed: Sequence[str]) -> str:
    return ", ".join(allowed) or "all"


def _state(caller: Body) -> str:
    if caller["disabled"]:
        return "disabled"
    return f"until {caller['expires_at']}" if caller["expires_at"] else "open"


def _limits(caller: Body, *, with_origin: bool) -> Iterable[str]:
    limits = caller["limits"]
    if limits.keys() <= {"mode", "tier_down_at"}:
        return ("none",)
    return [
        _limit(name, one["value"]) + (f" ({one['origin']})" if with_origin else "")
        for name, one in limits.items()
    ]


def _limit(name: str, value: Any) -> str:
    stem = name.removesuffix("_usd")
    return f"{name.replace('_', ' ')} {value}" if stem == name else f"{stem} {_usd(value)}"


def _caller_lines(caller: Body) -> Iterable[str]:
    yield f"{caller['name']} ({caller['caller_id']}), {caller['plan']}, {_state(caller)}"
    yield f"models: {_all_of(caller['models'])}; tasks: {_all_of(caller['tasks'])}"
    yield f"limits: {', '.join(_limits(caller, with_origin=True))}"
    if ttl_s := caller["cache_ttl_seconds"]:
        yield f"answers are kept for {ttl_s} s"
    if caller["subject"]:
        yield f"signs in as {caller['subject']}"
    for key in caller["keys"]:
        end = f"until {key['expires_at']}" if key["expires_at"] else "without an end"
        yield f"key …{key['hint']}, since {key['created_at']}, {end}"
    if "holds" in caller:
        yield f"It holds {caller['holds']}."
    if caller.get("key"):
        yield f"Its key, shown this once: {caller['key']}"


def _spend_lines(told: Body) -> Iterable[str]:
    yield f"{told['name']} ({told['caller_id']})"
    heads = ("PERIOD", "LIMIT", "SPENT", "HELD", "LEFT", "RENEWS")
    amounts = ("limit_usd", "spent_usd", "held_usd", "left_usd")
    if told["budgets"]:
        rows = (
            (one["period"], *(_usd(one[name]) for name in amounts), one["renews_at"] or "never")
            for one in told["budgets"]
        )
        yield from _table(heads, rows)
    if tokens := told["tokens_per_minute"]:
        yield f"tokens of this minute: {tokens['left']} of {tokens['limit']} left"
    for period, spent in told["recorded"].items():
        told_usd = ", ".join(
            f"{_usd(spent[f'{name}_usd'])} {words}"
            for name, words in (
                ("cost", "billed"),
                ("possibly_billed", "perhaps billed"),
                ("simulated_cost", "simulated"),
            )
        )
        yield f"recorded this {period}: {spent['requests']} requests, {told_usd}"


def _usd(amount: float) -> str:
    """To the nano-dollar, and no further than it goes."""
    text = f"{amount:.9f}".rstrip("0")
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest:0<2} USD"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
