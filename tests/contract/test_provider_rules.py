"""Each interface's own rule refuses the request as it came, and takes it as it is sent."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.classify.parsing import parse_request
from functions.classify.profiling import profile_request
from functions.invoke_provider.called_model import called_model
from functions.invoke_provider.conversations import BEGIN, GO_ON, NO_RESULT
from functions.invoke_provider.prompts import prompt_for
from functions.invoke_provider.providers import chat_completions, converse, messages, responses
from functions.invoke_provider.providers.base import Prompt
from functions.shared.contracts.states import ClassifyInput
from functions.shared.errors import InvalidRequest
from functions.shared.settings import ClassifySettings
from tests.support.builders import profile
from tests.support.provider_rules import problem_of

CHAT, REASONING, RESPONSES = "gpt-4o-mini", "gpt-6-sol", "gpt-6.1-sol"
CLAUDE, OLD_CLAUDE, BEDROCK = "claude-opus-5-5", "claude-haiku-4-5", "bedrock-claude-haiku-5-5"
NOVA, LLAMA = "bedrock-nova-pro", "bedrock-llama4-maverick"
MODELS = (CHAT, REASONING, RESPONSES, CLAUDE, OLD_CLAUDE, BEDROCK, NOVA, LLAMA)
INTERFACES = {
    "chat_completions": chat_completions,
    "responses": responses,
    "messages": messages,
    "converse": converse,
}

USER = {"role": "user", "content": "Weather?"}
ASSISTANT = {"role": "assistant", "content": "Sure, here is "}
PARAMETERS = {
    "type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"],
    "additionalProperties": False,
}  # fmt: skip
BRANCHES = [
    {"properties": {"id": {"type": "string"}}, "required": ["id"]},
    {"properties": {"path": {"type": "string"}}, "required": ["path"]},
]
RECURSIVE = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["next"],
    "additionalProperties": False,
}
WIDE = {
    "type": "object",
    "properties": {f"p{number}": {"type": "string"} for number in range(25)},
    "additionalProperties": False,
}
LISTS = PARAMETERS | {"properties": {"q": {"anyOf": [{"type": "array"}, {"type": "null"}]}}}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
DEEP = PARAMETERS
for _ in range(10):
    DEEP = PARAMETERS | {"properties": {"q": DEEP}}


def tool(parameters=None, name="look", **more):
    told = {"name": name} | ({} if parameters is None else {"parameters": parameters}) | more
    return {"type": "function", "function": told}


def called(call_id="call_1", arguments='{"q": "x"}', *results, **more):
    call = {"id": call_id, "function": {"name": "look", "arguments": arguments}}
    answers = [{"role": "tool", "tool_call_id": one, "content": "sunny"} for one in results]
    return [{"role": "assistant", "tool_calls": [call], **more}, *answers]


def talk(*said, **more):
    return {"messages": list(said), **more}


def form(schema, **more):
    json_schema = {"name": "r", "schema": schema, **more}
    return {"text": "x", "response_format": {"type": "json_schema", "json_schema": json_schema}}


def body_of(model_id, fields, *, as_it_came=False):
    """What is sent to the model, and what of the request was said to be left out or reshaped."""
    request = parse_request(fields)
    model = called_model(model_id, profile(max_output_tokens=request.output_limit))
    asked = prompt_for(request, profile(), model)
    if as_it_came:
        asked = Prompt(request, "\n\n".join(request.instructions), "chat", "chat.v1")
    body = INTERFACES[model.api].request_body(asked, model)
    return model.api, body, {one.parameter for one in asked.dropped}


LONG_ID = "call_" + "x" * 60
IDS = "messages.tool_calls.id"
ARGUMENTS = "messages.tool_calls.function.arguments"
RESHAPED = {
    "an id of another provider": (CLAUDE, talk(USER, *called("f.look:0", "{}", "f.look:0")), IDS),
    "the same on Converse": (BEDROCK, talk(USER, *called("f.look:0", "{}", "f.look:0")), IDS),
    "a long id on Converse": (NOVA, talk(USER, *called(LONG_ID, "{}", LONG_ID)), IDS),
    "a long id on chat": (CHAT, talk(USER, *called(LONG_ID, "{}", LONG_ID)), IDS),
    "a long id on Responses": (RESPONSES, talk(USER, *called(LONG_ID, "{}", LONG_ID)), IDS),
    "one id for two calls": (
        CLAUDE,
        talk(USER, *called("c", "{}", "c"), USER, *called("c", "{}", "c")),
        IDS,
    ),
    "arguments that are a list": (CLAUDE, talk(USER, *called("c", "[1]", "c")), ARGUMENTS),
    "arguments that are a number": (BEDROCK, talk(USER, *called("c", "1", "c")), ARGUMENTS),
    "instructions alone": (CLAUDE, talk({"role": "system", "content": "Hi."}), "messages"),
    "a developer's alone": (BEDROCK, talk({"role": "developer", "content": "Hi."}), "messages"),
    "instructions alone on Responses": (
        RESPONSES,
        talk({"role": "developer", "content": "Hi."}),
        "messages",
    ),
    "the assistant last": (CLAUDE, talk(USER, ASSISTANT), "messages"),
    "the assistant last on Converse": (BEDROCK, talk(USER, ASSISTANT), "messages"),
    "the assistant last with Llama": (LLAMA, talk(USER, ASSISTANT), "messages"),
    "words to go on from and a schema": (
        OLD_CLAUDE,
        form(PARAMETERS) | {"text": None} | talk(USER, ASSISTANT),
        "messages",
    ),
    "the assistant first": (CLAUDE, talk(ASSISTANT, USER), "messages"),
    "the assistant first on Converse": (NOVA, talk(ASSISTANT, USER), "messages"),
    "a call without its result": (CLAUDE, talk(USER, *called(), USER), "messages.tool_calls"),
    "the same on Converse ": (BEDROCK, talk(USER, *called(), USER), "messages.tool_calls"),
    "the same on chat": (CHAT, talk(USER, *called(), USER), "messages.tool_calls"),
    "the same on Responses": (RESPONSES, talk(USER, *called(), USER), "messages.tool_calls"),
    "a result without its call": (
        CLAUDE,
        talk(USER, *called()[1:], *called("c", "{}", "d")[1:]),
        "messages.tool_call_id",
    ),
    "a result without its call on Converse": (
        NOVA,
        talk(USER, *called("c", "{}", "d")[1:]),
        "messages.tool_call_id",
    ),
    "a result without its call on chat": (
        CHAT,
        talk(USER, *called("c", "{}", "d")[1:]),
        "messages.tool_call_id",
    ),
    "a result without its call on Responses": (
        RESPONSES,
        talk(USER, *called("c", "{}", "d")[1:]),
        "messages.tool_call_id",
    ),
    "a result behind another turn": (
        CHAT,
        talk(USER, called("c")[0], USER, *called("c", "{}", "c")[1:]),
        "messages",
    ),
    **{
        f"{name} at a schema's root, {model}": (
            model,
            {"text": "x", "tools": [tool({"type": "object", name: BRANCHES})]},
            "tools.function.parameters",
        )
        for name in ("anyOf", "oneOf", "allOf")
        for model in (CHAT, RESPONSES, CLAUDE, BEDROCK)
    },
    "an enum at a schema's root": (
        CHAT,
        {"text": "x", "tools": [tool({"type": "object", "enum": [{"q": "x"}]})]},
        "tools.function.parameters",
    ),
    **{
        f"a schema without its type, {model}": (
            model,
            {"text": "x", "tools": [tool({"description": "Anything."})]},
            "tools.function.parameters",
        )
        for model in (CHAT, RESPONSES, CLAUDE, NOVA)
    },
    **{
        f"an array of nobody knows what, {model}": (
            model,
            {"text": "x", "tools": [tool(LISTS)]},
            "tools.function.parameters",
        )
        for model in (CHAT, RESPONSES)
    },
    "the name of a schema's draft on Converse": (
        NOVA,
        {"text": "x", "tools": [tool({"$schema": DRAFT, **PARAMETERS})]},
        "tools.function.parameters",
    ),
    "a strict tool with free names": (
        CHAT,
        {"text": "x", "tools": [tool({"type": "object", "properties": {}}, strict=True)]},
        "tools.function.strict",
    ),
    "more strict tools than are compiled": (
        CLAUDE,
        {"text": "x", "tools": [tool(PARAMETERS, f"t{n}", strict=True) for n in range(21)]},
        "tools.function.strict",
    ),
    "more optional properties than are compiled": (
        CLAUDE,
        {"text": "x", "tools": [tool(WIDE, strict=True)]},
        "tools.function.strict",
    ),
    "a strict form that is too deep": (
        RESPONSES,
        form(DEEP, strict=True),
        "response_format.json_schema.strict",
    ),
    "a form that is no object": (
        CHAT,
        form({"type": "array", "items": {"type": "string"}}),
        "response_format.json_schema",
    ),
    "a temperature beside reasoning": (REASONING, {"text": "x", "temperature": 0.5}, "temperature"),
    "an effort without reasoning": (
        CHAT,
        {"text": "x", "reasoning_effort": "low"},
        "reasoning_effort",
    ),
    "an effort beside tools": (
        REASONING,
        {"text": "x", "reasoning_effort": "high", "tools": [tool(PARAMETERS)]},
        "reasoning_effort",
    ),
    "a blank sequence to stop at": (CLAUDE, {"text": "x", "stop": ["\n"]}, "stop"),
    "parallel calls without tools": (
        CHAT,
        {"text": "x", "parallel_tool_calls": False},
        "parallel_tool_calls",
    ),
    "a long user": (CHAT, {"text": "x", "user": "u" * 200}, "user"),
}


@pytest.mark.parametrize("case", RESHAPED)
def test_the_providers_rule_refuses_what_came_and_takes_what_is_sent(case):
    model_id, fields, parameter = RESHAPED[case]
    api, body, _ = body_of(model_id, fields, as_it_came=True)
    assert problem_of(api, body)
    api, body, dropped = body_of(model_id, fields)
    assert problem_of(api, body) == ""
    assert dropped == {parameter}


@pytest.mark.parametrize(
    ("schema", "problem"), [(RECURSIVE, "recursive"), (WIDE, "grammar is too large")]
)
def test_a_form_that_claude_compiles_not_is_told_in_words(schema, problem):
    form_of_claude = {"format": {"schema": schema}}
    plain = {"model": CLAUDE, "messages": [{"role": "user", "content": [{"type": "x"}]}]}
    assert problem in problem_of("messages", plain | {"output_config": form_of_claude})
    api, body, dropped = body_of(CLAUDE, form(schema))
    assert problem_of(api, body) == ""
    assert "output_config" not in body
    assert json.dumps(schema) in body["system"]
    assert dropped == {"response_format.json_schema"}


@pytest.mark.parametrize("model_id", MODELS)
@pytest.mark.parametrize("broken", ['{"q": "x', "{", "NaN", '{"q": 1e999}', "[" * 5000])
def test_earlier_arguments_that_are_no_json_are_passed_on_inside_an_object(model_id, broken):
    api, body, dropped = body_of(model_id, talk(USER, *called("c", broken, "c")))
    assert problem_of(api, body) == ""
    is_object = api in {"messages", "converse"}
    assert dropped == ({ARGUMENTS} if is_object else set())
    if api == "messages":
        assert body["messages"][1]["content"][0]["input"] == {"arguments": broken}


def test_an_earlier_number_keeps_all_its_digits():
    exact = '{"id": 2512292042121000001, "share": 0.1}'
    _, body, dropped = body_of(CLAUDE, talk(USER, *called("c", exact, "c")))
    assert body["messages"][1]["content"][0]["input"] == json.loads(exact)
    assert dropped == set()


def test_a_call_and_its_result_get_the_same_new_id_each_time_and_no_two_calls_one():
    said = talk(USER, *called("a.1", "{}", "a.1"), USER, *called("a.1", "{}", "a.1"))
    first, second = (body_of(CLAUDE, said)[1]["messages"] for _ in range(2))
    assert first == second
    uses = [block["id"] for turn in first for block in turn["content"] if "input" in block]
    results = [
        block["tool_use_id"]
        for turn in first
        for block in turn["content"]
        if "tool_use_id" in block
    ]
    assert uses == results
    assert len(set(uses)) == 2


def test_an_id_of_ours_is_none_that_a_caller_has_given():
    _, taken, _ = body_of(CLAUDE, talk(USER, *called("a.1", "{}", "a.1")))
    stolen = taken["messages"][1]["content"][0]["id"]
    said = talk(USER, *called("a.1", "{}", "a.1"), USER, *called(stolen, "{}", stolen))
    api, body, _ = body_of(CLAUDE, said)
    assert problem_of(api, body) == ""
    assert body["messages"][3]["content"][0]["id"] == stolen


def test_turns_that_a_provider_demands_are_the_users_and_say_little():
    _, first, _ = body_of(CLAUDE, talk(ASSISTANT, USER))
    assert first["messages"][0] == {"role": "user", "content": [{"type": "text", "text": BEGIN}]}
    _, last, _ = body_of(CLAUDE, talk(USER, ASSISTANT))
    assert last["messages"][-1] == {"role": "user", "content": [{"type": "text", "text": GO_ON}]}
    _, lost, _ = body_of(CHAT, talk(USER, *called(), USER))
    assert lost["messages"][2]["content"] == NO_RESULT


@pytest.mark.parametrize("model_id", [OLD_CLAUDE, NOVA])
def test_a_model_that_goes_on_from_its_own_words_does_so(model_id):
    api, body, dropped = body_of(model_id, talk(USER, ASSISTANT))
    assert problem_of(api, body) == ""
    assert body["messages"][-1]["content"][0]["text"] == "Sure, here is"
    assert dropped == set()


@pytest.mark.parametrize("model_id", MODELS)
def test_what_says_nothing_is_left_out_and_an_empty_result_is_one(model_id):
    empty = {"role": "assistant", "content": ""}
    blank = {"role": "user", "content": [{"type": "text", "text": " "}]}
    nothing = {"role": "tool", "tool_call_id": "c", "content": []}
    said = talk(USER, empty, blank, called("c", "{}")[0], nothing, USER)
    api, body, dropped = body_of(model_id, said)
    assert problem_of(api, body) == ""
    assert dropped == {"messages"}


@pytest.mark.parametrize("model_id", MODELS)
def test_system_and_developer_join_the_instructions_in_their_order(model_id):
    said = [{"role": "developer", "content": "Two."}, USER, {"role": "system", "content": "Three."}]
    api, body, dropped = body_of(model_id, talk(*said, system="One."))
    assert problem_of(api, body) == ""
    assert "One.\\n\\nTwo.\\n\\nThree." in json.dumps(body)
    assert dropped == set()


def test_a_tools_alternatives_become_one_object_with_what_all_of_them_demand():
    both = [one | {"required": [*one["required"], "at"]} for one in BRANCHES]
    union = {"properties": {"at": {"type": "integer"}}, "anyOf": both, "$defs": {}}
    tools = [tool(union, description="Looks.")]
    _, body, _ = body_of(CLAUDE, {"text": "x", "tools": tools})
    (told,) = body["tools"]
    assert told["description"] == "Looks."
    words = told["input_schema"].pop("description")
    assert words.endswith(json.dumps({"anyOf": both}))
    assert told["input_schema"] == {
        "properties": {
            "at": {"type": "integer"},
            "id": {"type": "string"},
            "path": {"type": "string"},
        },
        "$defs": {},
        "type": "object",
        "required": ["at"],
    }


def test_a_tools_schema_behind_a_reference_is_shown_at_its_root():
    referring = {"$ref": "#/$defs/Query", "$defs": {"Query": PARAMETERS}}
    _, body, _ = body_of(CHAT, {"text": "x", "tools": [tool(referring)]})
    told = body["tools"][0]["function"]["parameters"]
    assert told["properties"] == PARAMETERS["properties"]
    assert told["required"] == ["q"]


def test_a_function_without_parameters_is_declared_as_its_interface_wants_it():
    fields = {"text": "x", "tools": [tool({})]}
    api, body, _ = body_of(CHAT, fields, as_it_came=True)
    assert problem_of(api, body)
    for model_id in MODELS:
        for parameters in (None, {}):
            api, body, dropped = body_of(model_id, fields | {"tools": [tool(parameters)]})
            assert problem_of(api, body) == ""
            assert dropped == set()


def _words():
    return st.sampled_from(["", " ", "Hi.", "Sure, here is ", "ü" * 9, '"quoted\\" \n'])


def _ids():
    return st.sampled_from(["c1", "c2", "f.look:0", LONG_ID, " ", "ü"])


def _calls():
    arguments = st.sampled_from(["", "{}", '{"q": "x', "[1]", '{"q": "\\ud83d"}', '{"a": 1e999}'])
    function = st.fixed_dictionaries({"name": st.just("look"), "arguments": arguments})
    ids = _ids().filter(str.strip)
    return st.lists(st.fixed_dictionaries({"id": ids, "function": function}), max_size=3)


def _said():
    texts = _words().map(lambda text: [{"type": "text", "text": text}])
    content = _words() | texts
    return st.one_of(
        st.fixed_dictionaries({"role": st.just("assistant"), "content": content}),
        st.fixed_dictionaries({"role": st.just("assistant"), "tool_calls": _calls()}),
        st.fixed_dictionaries(
            {"role": st.just("tool"), "tool_call_id": _ids(), "content": content}
        ),
        st.fixed_dictionaries(
            {
                "role": st.sampled_from(["user", "system", "developer"]),
                "content": content.filter(bool),
            }
        ),
    )


def _parameters():
    return st.sampled_from(
        [
            None,
            {},
            PARAMETERS,
            WIDE,
            LISTS,
            RECURSIVE,
            {"anyOf": BRANCHES},
            {"type": ["object", "null"]},
        ]
    )


def _requests():
    tools = st.lists(
        st.builds(tool, _parameters(), st.just("look"), strict=st.sampled_from([None, True])),
        min_size=1,
        max_size=1,
    )
    schemas = st.sampled_from([PARAMETERS, WIDE, RECURSIVE, DEEP, {"type": "array"}])
    forms = st.builds(
        lambda schema, strict: form(schema, strict=strict)["response_format"],
        schemas,
        st.sampled_from([None, True]),
    )
    more = st.fixed_dictionaries(
        {},
        optional={
            "tools": tools,
            "response_format": forms,
            "system": _words().filter(bool),
            "temperature": st.just(0.5),
            "top_p": st.just(0.5),
            "stop": st.sampled_from(["END", "\n", ["a", " "], []]),
            "seed": st.just(1),
            "presence_penalty": st.just(1.0),
            "frequency_penalty": st.just(1),
            "logit_bias": st.just({"50256": -100}),
            "parallel_tool_calls": st.booleans(),
            "reasoning_effort": st.sampled_from(["none", "minimal", "high", "max"]),
            "verbosity": st.just("low"),
            "user": st.sampled_from(["u", "u" * 300]),
            "service_tier": st.sampled_from(["auto", "flex"]),
            "max_tokens": st.just(1),
        },
    )
    said = st.lists(_said(), min_size=1, max_size=8)
    return st.builds(lambda messages_, rest: {"messages": messages_, **rest}, said, more)


def _is_valid(fields):
    try:
        return parse_request(fields) is not None
    except InvalidRequest:
        return False


@pytest.mark.no_cover
@given(_requests().filter(_is_valid), st.sampled_from(MODELS))
@settings(max_examples=60, deadline=None)
def test_every_valid_request_is_sent_in_a_form_that_its_provider_takes(fields, model_id):
    api, body, _ = body_of(model_id, fields)
    assert problem_of(api, body) == ""


@pytest.mark.no_cover
@given(_requests().filter(_is_valid), st.sampled_from(MODELS))
@settings(max_examples=40, deadline=None)
def test_no_more_is_sent_than_the_worst_case_was_reckoned_for(fields, model_id):
    event = ClassifyInput(
        request=fields | {"task": "chat"},
        request_id="req_1",
        caller_id="key-1",
        mode="sync",
        started_at="2026-11-26T10:00:00.000Z",
    )
    limits = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=600_000)
    bound = profile_request(event, limits).profile.input_bound
    _, body, _ = body_of(model_id, fields)
    seen = {name: part for name, part in body.items() if name in _SEEN_BY_THE_MODEL}
    sent = len(json.dumps(seen, ensure_ascii=False).encode())
    assert sent <= bound.other_bytes + _LONGEST_WORD * bound.common_words


_SEEN_BY_THE_MODEL = {
    "messages", "input", "system", "instructions", "tools", "toolConfig", "response_format", "text",
    "output_config", "outputConfig",
}  # fmt: skip
_LONGEST_WORD = 12
