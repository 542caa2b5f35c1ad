"""Nothing that a caller sends, or a provider answers, makes much more work than as much plain text.

Each table has the worst inputs that were found. Their time on the processor means nothing alone: it is
held against that of a plain input of the same size, measured in turns.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from functions.api.feedback import Grade
from functions.classify.profiling import profile_request
from functions.invoke_provider.attempt import _cut
from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers import chat_completions, converse, messages, responses
from functions.invoke_provider.providers.local_onnx import LocalProvider
from functions.invoke_provider.providers.reasons import cleaned, without_quotes
from functions.invoke_provider.providers.retry_after import told_wait_s
from functions.invoke_provider.providers.simulator import Simulator
from functions.invoke_provider.response_format import check_form, unwrapped
from functions.invoke_provider.sentiment import sentiment_json
from functions.metrics.logs import LogsQuery
from functions.shared.contracts.image_address import public_address
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.response_format import ResponseFormat
from functions.shared.contracts.states import ClassifyInput
from functions.shared.errors import EngineError
from functions.shared.gateway.field_names import nearest
from functions.shared.gateway.paging import _position
from functions.shared.gateway.problems import problems_of
from functions.shared.settings import ClassifySettings
from functions.shared.well_formed import well_formed_json
from tests.support.builders import called_model, profile, prompt

# Coverage's tracer makes lines of ours several times as dear, and what is compiled not at all.
MOST = 80 if sys.gettrace() else 20
"""Times as long as the plain input."""
ROUNDS = 8
SETTINGS = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)

Action = Callable[[], object]


def _took_s(action: Action) -> float:
    began = time.process_time()
    with suppress(EngineError, ValueError):  # a refusal is a good end
        action()
    return time.process_time() - began


def _assert_cheap(worst: Action, plain: Action) -> None:
    """The quickest of some rounds counts, as whatever else the machine does only makes it slower."""
    best_s = plain_s = float("inf")
    for _ in range(ROUNDS):
        plain_s = min(plain_s, _took_s(plain))
        best_s = min(best_s, _took_s(worst))
        if best_s <= MOST * plain_s:
            return
    pytest.fail(f"{best_s / plain_s:.0f} times as long as plain")


# Requests at the door

WORDS = "the quick brown fox jumps over the lazy dog " * 4_500
LETTERS = 190_000
PNG = "data:image/png;base64,iVBORw0KGgoA"
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def _image(url):
    return {"type": "image_url", "image_url": {"url": url}}


INLINE = _image(f"{PNG}AAAA")


def _user(content):
    return {"role": "user", "content": content}


def _said(*messages):
    return {"messages": list(messages)}


def _called(calls):
    return _said(_user("x"), {"role": "assistant", "tool_calls": calls})


def _tools(*schemas):
    return {
        "text": "x",
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": schema}}
            for schema in schemas
        ],
    }


def _form(schema):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return {"text": "x", "task": "chat", "response_format": form}


def _nested(levels, keyword="items"):
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {keyword: schema}
    return schema


def _doubling(levels, keyword="allOf"):
    defs: dict[str, Any] = {
        f"a{level}": {keyword: [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": defs | {f"a{levels}": {}}}


TEXTS = {
    "one letter": "a" * LETTERS,
    "one giant word": "ab1_" * (LETTERS // 4),
    "blanks": " " * LETTERS + "x",
    "line ends": "\n" * (LETTERS // 2) + "x",
    "digits": "1" * LETTERS,
    "figures": "$1,2 " * (LETTERS // 5),
    "combining marks": "a" + "\u0301" * (LETTERS // 2),
    "letters that grow in lower case": "\u0130" * (LETTERS // 2),
    "emoji": "😀" * (LETTERS // 4),
    "quotes": '"' * (LETTERS // 2),
    "control characters": "\x00" * (LETTERS // 6),
    "underscores": "a_" * (LETTERS // 2),
    "braces": "{" * LETTERS,
    "tags": "</a>" * (LETTERS // 4),
    "options": "a) x\n" * (LETTERS // 6),
    "selects": "select " * (LETTERS // 7),
}
PARTS = [{"type": "text", "text": "x"}]
MANY = {f"k{number}": "v" for number in range(12_000)}
REQUESTS: dict[str, Any] = {
    **{f"text of {name}": {"text": text} for name, text in TEXTS.items()},
    "thousands of images": _said(*[_user([INLINE] * 100)] * 25),
    "images behind a long text": _said(_user(WORDS[:120_000]), *[_user([INLINE] * 100)] * 9),
    "thousands of parts": _said(*[_user(PARTS * 14)] * 440),
    "too many messages": _said(*[_user("x")] * 5_000),
    "wrong messages": _said(*[{"role": 1}] * 499),
    "wrong parts": _said(*[_user([7] * 100)] * 499),
    "empty parts": _said(*[_user([{"type": "text"}] * 100)] * 90),
    "thousands of tool calls": _said(
        _user("x"), *[{"role": "assistant", "tool_calls": [CALL] * 128}] * 17
    ),
    "too many tool calls": _called([CALL] * 2_000),
    "wrong tool calls": _called([7] * 90_000),
    "unknown fields": {"text": "x", **MANY},
    "an unknown field of a giant name": {"text": "x", "m" * LETTERS: 1},
    "too much metadata": {"text": "x", "metadata": MANY},
    "wrong metadata": {"text": "x", "metadata": dict.fromkeys(MANY, 1)},
    "a wrong tool choice": {"text": "x", "tool_choice": MANY},
    "giant names": {"text": "x", "model": "a" * LETTERS, "session_id": "a" * LETTERS},
    "giant numbers": {"text": "x", "max_latency_ms": 10**4_000, "max_cost_usd": 10**4_000},
    "a giant image": _said(_user([_image(PNG + "A" * LETTERS)])),
    "a giant image that is none": _said(_user([_image(PNG + "A" * LETTERS + "!")])),
    "a giant address": _said(_user([_image("https://" + "a." * (LETTERS // 2))])),
    "too many tools": {"text": "x", "tools": [{"function": {"name": "f"}}] * 5_000},
    "a bomb of references": _form(_doubling(28)),
    "bombs of references": _tools(*[_doubling(28)] * 80),
    "references up to the limit": _tools(*[_doubling(9)] * 9),
    "subschemas up to the limit": _tools(*[{"anyOf": [{}] * 1_990}] * 5),
    "subschemas over the limit": _tools(*[{"anyOf": [{}] * 1_990}] * 30),
    "a schema of everything": _form({"anyOf": [{}] * 30_000}),
    "properties of many tools": _tools(*[{"properties": {f"p{n}": {"type": "string"} for n in range(50)}}] * 100),
    "a deep schema": _form(_nested(120)),
    "a far too deep schema": _form(_nested(5_000)),
    "a long chain": _form(
        {"$defs": {f"a{n}": {"items": {"$ref": f"#/$defs/a{n + 1}"}} for n in range(2_000)},
         "$ref": "#/$defs/a0"}),
    "thousands of wrong names": _form({"required": [1] * 30_000}),
    "thousands of the same name": _form({"required": ["a"] * 19_000}),
    "thousands of values": _form({"enum": list(range(15_000))}),
    "a giant reference": _form({"$ref": "#" + "/a" * 45_000}),
    "many long references": _form({"not": _nested(100, "not"), "anyOf": [{"$ref": "#" + "/not" * 100}] * 150}),
    "a giant pattern": _form({"pattern": "(a+)+" * 19_000}),
}  # fmt: skip


def _door(body):
    event = ClassifyInput(
        request=body, request_id="req_1", caller_id="k", mode="sync",
        started_at="2026-11-24T00:00:00+00:00",
    )  # fmt: skip
    return lambda: profile_request(event, SETTINGS)


PLAIN = _door({"text": WORDS})


@pytest.mark.parametrize("name", REQUESTS)
def test_at_the_door_no_request_is_much_dearer_than_as_much_plain_text(name):
    _assert_cheap(_door(REQUESTS[name]), PLAIN)


def test_every_list_and_every_free_map_of_a_request_has_a_bound():
    schema = GenerateRequest.model_json_schema()
    callers_own = {"parameters", "schema"}  # bounded by functions/shared/contracts/schema_budget.py
    unbounded = []

    def walk(part, name):
        if isinstance(part, list):
            for one in part:
                walk(one, name)
        if not isinstance(part, dict) or name in callers_own:
            return
        if part.get("type") == "array" and "maxItems" not in part:
            unbounded.append(name)
        free = part.get("type") == "object" and part.get("additionalProperties", True)
        if free and "maxProperties" not in part:
            unbounded.append(name)
        for key, one in part.items():
            walk(one, key if isinstance(one, dict) and key not in {"items", "anyOf"} else name)

    walk(schema, "body")
    assert unbounded == []


# What is made of a request for a provider

BODIES: dict[str, Any] = {
    "chat_completions": chat_completions.request_body,
    "responses": responses.request_body,
    "messages": messages.request_body,
    "converse": converse.request_body,
}
TOLD: dict[str, Any] = {
    "thousands of images": REQUESTS["thousands of images"],
    "thousands of parts": REQUESTS["thousands of parts"],
    "changing speakers": _said(*[_user("x"), {"role": "assistant", "content": "y"}] * 250),
    "blank messages": _said(*[_user(" \n" * 190)] * 498, _user("x")),
    "calls of as many tools": _said(
        _user("x"),
        *[
            {"role": "assistant", "tool_calls": [
                {"id": "1", "function": {"name": f"f{turn}-{number}", "arguments": "{}"}}
                for number in range(128)
            ]}
            for turn in range(17)
        ],
    ),
    "deep arguments": _called([{"id": "1", "function": {"name": "f", "arguments": "[" * LETTERS}}]),
    "giant arguments": _called([{"id": "1", "function": {"name": "f", "arguments": json.dumps(MANY)}}]),
    "giant figures": _called([{"id": "1", "function": {"name": "f", "arguments": f'{{"a": {"9" * LETTERS}}}'}}]),
    "tools": REQUESTS["properties of many tools"],
    "a wide schema": _form({"properties": {f"p{n}": {"type": "string", "minLength": 1} for n in range(1_900)}}),
    "a deep schema": _form(_nested(120)),
    "system messages": _said(*[{"role": "system", "content": "x" * 390}] * 499, _user("x")),
}  # fmt: skip


@pytest.mark.parametrize("api", BODIES)
@pytest.mark.parametrize("name", TOLD)
def test_no_request_is_much_dearer_to_translate_than_plain_text_is_to_read(name, api):
    model = called_model(api=api)
    asked = GenerateRequest.model_validate(TOLD[name])
    _assert_cheap(lambda: BODIES[api](prompt_for(asked, profile(), model), model), PLAIN)


SIMULATED: dict[str, Any] = {
    "doubled references": _form(_doubling(9)),
    "merged properties": _form(
        {"allOf": [{"properties": {f"p{n}": {} for n in range(100)}, "required": ["a"]}] * 20}
    ),
    "a giant array": _form({"type": "array", "minItems": 10**9, "items": True}),
    "a giant array of giant values": _form(
        {"type": "array", "minItems": 1_900, "items": {"const": list(range(10_000))}}
    ),
    "arrays of arrays": _form(
        {"type": "array", "minItems": 1_999, "items": {"type": "array", "minItems": 1_999}}
    ),
    "a giant text": _form({"type": "string", "minLength": 10**9}),
    "a giant pattern": _form(
        {"type": "string", "pattern": "(a|" * 400 + "b" + ")" * 400, "minLength": 9_000}
    ),
    "a long pattern": _form({"type": "string", "pattern": "a?" * 40_000, "minLength": 50_000}),
    "repeats of repeats": _form({"type": "string", "pattern": "((((a{9}){9}){9}){9}){9}"}),
    "a pattern that runs for ever": _form(
        {
            "type": "array",
            "uniqueItems": True,
            "minItems": 60,
            "items": {"type": "string", "pattern": "^(a+)+$", "not": {"pattern": "b"}},
        }
    ),
    "unions of giants": _form(
        {
            "type": "array",
            "minItems": 500,
            "items": {"anyOf": [{"enum": ["a" * 40_000]}, {"$ref": "#/$defs/a"}]},
            "$defs": {"a": {"const": 1}},
        }
    ),
    "a union of many": _form({"allOf": [{"anyOf": [{"minimum": n} for n in range(300)]}] * 3}),
    "an impossible union": _form(
        {
            "oneOf": [
                {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(100)}}
            ]
            * 8
        }
    ),
    "a recursive schema": _form({"required": ["a"], "properties": {"a": {"$ref": "#"}}}),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_the_simulator_makes_no_giant_of_a_schema(name):
    model = called_model()
    told = prompt(model, **SIMULATED[name])
    _assert_cheap(lambda: Simulator().complete(told, model, 5.0), PLAIN)


@pytest.mark.parametrize("task", ["summarize", "sentiment", "rewrite", "chat", "code", "analysis"])
def test_the_simulator_reads_any_text_alike(task):
    model = called_model()

    def answered(text):
        told = prompt(model, task, text=text)
        return lambda: Simulator().complete(told, model, 5.0)

    for text in TEXTS.values():
        _assert_cheap(answered(text), answered(WORDS))


@pytest.mark.parametrize("name", TEXTS)
def test_the_local_model_reads_any_text_alike(name):
    model, provider = called_model(), LocalProvider()
    told, plain = (
        prompt(model, "sentiment", text=TEXTS[name]),
        prompt(model, "sentiment", text=WORDS),
    )
    _assert_cheap(
        lambda: provider.complete(told, model, 5.0), lambda: provider.complete(plain, model, 5.0)
    )


# Answers against the caller's schema

ROWS = [{"name": "Anna", "age": number, "label": f"label {number % 9}"} for number in range(2_000)]
ROW = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 50},
        "age": {"type": "integer", "minimum": 0},
        "label": {"enum": [f"label {number}" for number in range(9)]},
    },
    "required": ["name", "age", "label"],
    "additionalProperties": False,
}
NUMBERS = list(range(30_000))
WIDE = {f"k{number}": number for number in range(12_000)}
PAIRS = [{"a": number, "b": str(number)} for number in range(7_000)]
ANSWERS: dict[str, tuple[Any, Any]] = {
    "doubled references": (_doubling(28), {}),
    "doubled references, unevaluated": (_doubling(8) | {"unevaluatedProperties": False}, WIDE),
    "doubled references to dependent schemas": (
        {"$defs": {f"a{n}": {"dependentSchemas": {k: {"$ref": f"#/$defs/a{n + 1}"} for k in ("k1", "k2")}}
                   for n in range(28)} | {"a28": {}},
         "$ref": "#/$defs/a0", "unevaluatedProperties": False}, WIDE),
    "branches on the whole": ({"anyOf": [{"type": "null"}] * 1_900}, PAIRS),
    "branches on a giant text": ({"anyOf": [{"type": "null"}] * 1_900}, "x" * LETTERS),
    "branches on each": ({"items": {"anyOf": [{"type": "null"}] * 1_900}}, NUMBERS),
    "one of many": ({"items": {"oneOf": [{}, {}] * 500}}, NUMBERS),
    "unique objects": ({"uniqueItems": True}, PAIRS),
    "unique values of all kinds": ({"uniqueItems": True}, [{}, 1, "a"] * 18_000),
    "unique numbers of one hash": ({"uniqueItems": True}, [(2**61 - 1) * n for n in range(9_000)]),
    "an enum of thousands": ({"items": {"enum": [f"v{n}" for n in range(9_000)]}}, NUMBERS),
    "an enum of giants": ({"items": {"enum": [["x" * 1_000]] * 90}}, [["x" * 1_000]] * 180),
    "a giant constant": ({"items": {"const": NUMBERS[:15_000]}}, [NUMBERS[:500]] * 80),
    "contains": ({"contains": {"anyOf": [{"const": -n - 1} for n in range(900)]}}, NUMBERS),
    "unevaluated items": ({"unevaluatedItems": False, "prefixItems": [{}] * 1_000}, NUMBERS),
    "unevaluated items of many": ({"unevaluatedItems": False, "allOf": [{"items": {}}] * 9}, NUMBERS[:400]),
    "unevaluated items that contain": ({"unevaluatedItems": {}, "allOf": [{"contains": {}}] * 500}, NUMBERS),
    "unevaluated properties": ({"unevaluatedProperties": False}, WIDE),
    "unevaluated properties of many": (
        {"anyOf": [{"properties": {f"k{n}": {}}} for n in range(900)], "unevaluatedProperties": False},
        {f"k{n}": n for n in range(400)}),
    "dependent schemas": (
        {"items": {"dependentSchemas": {"a": {"dependentSchemas": {"b": {"type": "object"}}}}}}, PAIRS),
    "conditions": (
        {"items": {"if": {"required": ["c"]}, "then": False,
                   "else": {"if": {"required": ["z"]}, "else": {"type": "object"}}}}, PAIRS),
    "negations": ({"items": {"not": {"not": {"not": {"not": {"type": "string"}}}}}}, NUMBERS),
    "names of properties": ({"propertyNames": {"anyOf": [{"const": f"c{n}"} for n in range(900)]}}, WIDE),
    "missing names": ({"items": {"required": [f"z{n}" for n in range(9_000)]}}, PAIRS),
    "missing names in branches": (
        {"items": {"anyOf": [{"required": [f"z{n}" for n in range(900)]}] * 10}}, PAIRS),
    "names that depend": (
        {"items": {"dependentRequired": {"a": ["b"] + [f"z{n}" for n in range(5_000)]}}}, PAIRS),
    "multiples of next to nothing": ({"items": {"multipleOf": 1e-300}}, [10**4_000] * 45),
    "multiples of a giant": ({"items": {"multipleOf": 10**4_000}}, [10**4_000 + 1] * 45),
    "a deep answer": ({"properties": {"x": {"$ref": "#"}}}, _nested(300, "x")),
    "a deep answer, twice a level": (
        {"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, _nested(300, "x")),
    "patterns": ({"items": {"pattern": "^(a+)+$"}}, ["a" * 60 + "!"] * 2_900),
    "patterns of names": (
        {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False},
        {"a" * 60 + f"!{n}": 1 for n in range(2_000)}),
    "long references": ({"items": {"$ref": "#" + "/not" * 80}, "not": _nested(80, "not")}, NUMBERS),
    "too many names": ({"additionalProperties": False}, WIDE),
    "formats": ({"items": {"format": "regex"}}, ["(a+)+"] * 20_000),
}  # fmt: skip
TEXTS_OF_ANSWERS = {
    "digits": ({"minimum": 0}, "9" * LETTERS),
    "an exponent": ({"multipleOf": 7}, "[1e999999]"),
    "giants by their exponents": ({"items": {"multipleOf": 0.1}}, f"[{'1e307,' * 30_000}1]"),
    "an answer without end": ({"items": {"$ref": "#"}}, "[" * LETTERS),
    "an answer of too many levels": ({"items": {"$ref": "#"}}, "[" * 900 + "]" * 900),
}
HELD = {name: (kind, json.dumps(value)) for name, (kind, value) in ANSWERS.items()}
HELD |= TEXTS_OF_ANSWERS


def _checked(schema, text):
    told = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    form = ResponseFormat.model_validate(told)
    return lambda: check_form(text, form)


PLAIN_ANSWER = _checked({"type": "array", "items": ROW}, json.dumps(ROWS))


@pytest.mark.parametrize("name", HELD)
def test_no_answer_and_schema_are_much_dearer_to_check_than_plain_rows(name):
    _assert_cheap(_checked(*HELD[name]), PLAIN_ANSWER)


# What is read of answers, reasons, queries and grades

GIANT = 4_000_000
FORM = ResponseFormat(type="json_object")
READ: dict[str, tuple[Callable[[str], object], str]] = {
    "a sentiment in braces": (sentiment_json, "{" * GIANT),
    "a sentiment in open objects": (sentiment_json, "{a" * (GIANT // 2)),
    "a sentiment of giant figures": (
        sentiment_json, f'{{"sentiment": "positive", "confidence": "{"1" * LETTERS}"}}'),
    "an answer to be cut": (lambda text: _cut(text, 200_000), "\x01" * GIANT),
    "an answer to be cut a little": (lambda text: _cut(text, 200_000), "a" * 200_000),
    "an answer of emoji to be cut": (lambda text: _cut(text, 200_000), "😀" * (GIANT // 4)),
    "a fence that does not end": (lambda text: unwrapped(text, FORM), "```json" + "\n" * LETTERS),
    "a fence around nothing": (lambda text: unwrapped(text, FORM), "```" + " \n" * LETTERS + "```"),
    "a fence behind blanks": (lambda text: unwrapped(text, FORM), " " * LETTERS + "```"),
    "fences": (lambda text: unwrapped(text, FORM), "```\n" * LETTERS),
    "a fence around brackets": (lambda text: unwrapped(text, FORM), "```" + "[" * LETTERS + "```"),
    "backslashes": (well_formed_json, "\\" * GIANT + "u"),
    "halves of pairs": (well_formed_json, "\\ud83d" * LETTERS),
    "a reason of quotes": (cleaned, '"' * GIANT),
    "a reason of many quotes": (cleaned, ('"' + "a" * 59) * (GIANT // 60)),
    "a reason of quotes of all kinds": (cleaned, "\"'`" * (GIANT // 3)),
    "a reason of keys": (cleaned, "sk-" * (GIANT // 3)),
    "a reason of a giant key": (cleaned, "sk-" + "." * GIANT),
    "a reason of open quotes": (cleaned, " 'a" * (GIANT // 3)),
    "a reason of quotes in quotes": (without_quotes, " 'a" * (GIANT // 6) + "a' " * (GIANT // 6)),
    "a reason of words for keys": (cleaned, "key-" * (GIANT // 4)),
    "a reason of a giant name": (cleaned, "Name" * (GIANT // 4)),
    "a wait of digits": (lambda text: told_wait_s({"retry-after": text}), "1" * GIANT),
    "a wait of durations": (lambda text: told_wait_s({"retry-after": text}), "1s" * GIANT),
    "a wait in words": (lambda text: told_wait_s({}, text), "retry in 1 " * (GIANT // 11)),
    "a wait in digits": (lambda text: told_wait_s({}, text), "wait " + "1" * GIANT),
    "waits in durations": (lambda text: told_wait_s({}, text), "wait " + "1s" * GIANT),
    "a cursor": (_position, "A" * 500),
    "a cursor of blanks": (lambda text: LogsQuery.model_validate({"cursor": text}), " " * LETTERS),
    "a moment of digits": (lambda text: LogsQuery.model_validate({"from": text}), "1" * LETTERS),
    "a limit of digits": (lambda text: LogsQuery.model_validate({"limit": text}), "1" * LETTERS),
    "a comment": (lambda text: Grade.model_validate({"score": 1.0, "comment": text}), "\u0301" * LETTERS),
    "a name that is nearly one": (lambda text: nearest(text, GenerateRequest.model_fields), "model_" * LETTERS),
    "a host": (public_address, "https://" + "ü" * LETTERS + ".com"),
    "a host of signs": (public_address, "https://" + "[@:" * LETTERS),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_no_text_is_much_dearer_to_read_than_it_is_as_json(name):
    read, text = READ[name]
    # At least some letters: the call of a function alone is dearer than a short text.
    plain = text.ljust(20_000, "x")
    _assert_cheap(lambda: read(text), lambda: json.loads(json.dumps(plain)))


def test_of_ten_thousand_problems_the_telling_is_cheap():
    wrong: Any = {"text": "x", **dict.fromkeys(MANY, 1)}

    def told():
        try:
            GenerateRequest.model_validate(wrong)
        except ValueError as error:
            problems_of(error, GenerateRequest)  # type: ignore[arg-type]

    _assert_cheap(told, PLAIN)
