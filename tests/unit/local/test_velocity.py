import json

import pytest

from local.velocity import TemplateFailed, render


def _render(template, *, body="{}", parameters=None, context=None):
    return render(template, body=body, parameters=parameters or {}, context=context or {})


@pytest.mark.parametrize(
    "text",
    ["it's", "\\'", "@@ -1 +1 @@", "${x} $input.body #set($a = 1) #end", "\u2028 é 😀", 'q"\\n\n'],
)
def test_an_escaped_body_survives_as_text_inside_json(text):
    template = (
        "#set($b = $util.escapeJavaScript($input.json('$')).replaceAll(\"\\\\'\", \"'\"))\n"
        '{"input": "{\\"request\\": $b}"}'
    )
    rendered = _render(template, body=json.dumps({"text": text}))
    assert json.loads(json.loads(rendered)["input"]) == {"request": {"text": text}}


def test_escape_java_script_writes_what_commons_lang_writes():
    assert _render("$util.escapeJavaScript($input.body)", body="'/\"\\\b\x01é😀\x7f") == (
        "\\'\\/\\\"\\\\\\b\\u0001\\u00E9\\uD83D\\uDE00\x7f"
    )


def test_a_backslash_in_a_string_literal_stands_for_itself():
    assert _render("#set($a = \"a\\\\n\"\"b\")$a #set($b = 'it''s')$b") == "a\\\\n\"b it's"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("$nothing", False),
        ("$nothing && $nothing.length() > 3", False),
        ("!$nothing || $nothing.length() > 3", True),
        ("$empty", True),
        ("$empty == ''", True),
        ("$number == '400'", True),
        ("$number >= 400 && $number < 500", True),
        ("$nothing == ''", False),
        ("$nothing != ''", True),
        ("$text.matches('a.')", False),
        ("$text.matches('a.*') || $nothing", True),
        ("$text.contains('bc')", True),
    ],
)
def test_conditions_hold_as_in_velocity(condition, holds):
    names = "#set($empty = '')#set($number = 400)#set($text = 'abc')"
    assert _render(f"{names}#if({condition})yes#{{else}}no#end") == ("yes" if holds else "no")


def test_a_template_overrides_the_response_through_the_context():
    context = {"responseOverride": {"header": {}}}
    template = (
        "#set($context.responseOverride.status = 429)\n"
        '#set($context.responseOverride.header["Retry-After"] = "1")\n'
        "#set($context.responseOverride.header.Location = '/a')\n"
    )
    assert _render(template, context=context) == ""
    assert context["responseOverride"] == {
        "status": 429,
        "header": {"Retry-After": "1", "Location": "/a"},
    }


def test_setting_a_variable_to_null_leaves_it_as_it_was():
    assert _render("#set($a = 'x')#set($a = $input.path('$.none'))$a") == "x"


def test_a_variable_set_in_a_loop_is_there_after_it():
    headers = {"header": {"idempotency-key": "k"}}
    template = (
        "#set($all = $input.params().header)#foreach($name in $all.keySet())"
        "#set($found = $all.get($name))#end$found"
    )
    assert _render(template, parameters=headers) == "k"


@pytest.mark.parametrize(
    ("path", "value"),
    [("$.a.b[1]", "2"), ("$['a'].c", "true"), ("a.d", "null-free"), ("$.a.x.y", "")],
)
def test_paths_lead_into_the_body(path, value):
    body = json.dumps({"a": {"b": [1, 2], "c": True, "d": "null-free"}})
    assert _render(f'$input.path("{path}")', body=body) == value


def test_a_parameter_is_sought_in_path_then_query_then_headers():
    parameters = {"path": {"a": "1"}, "querystring": {"a": "2", "b": "3"}, "header": {"c": "4"}}
    template = "$input.params('a')$input.params('b')$input.params('C')$input.params('d')."
    assert _render(template, parameters=parameters) == "134."


@pytest.mark.parametrize("call", ["'a'.startswith('a')", "$input.body.upper()", "$util.missing()"])
def test_a_method_that_java_does_not_have_fails_here_as_on_aws(call):
    with pytest.raises(TemplateFailed):
        _render(
            f"#set($s = {call})" if call.startswith("$") else "#set($t = 'a')$t.startswith('a')"
        )


def test_a_template_that_does_not_parse_fails():
    with pytest.raises(TemplateFailed):
        _render("#if($a")
