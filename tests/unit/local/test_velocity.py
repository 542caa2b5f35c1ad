import importlib.util
import json

import airspeed
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
        "#set($b = $util.escapeJavaScript($input.json('$')).replaceAll(\".'\", \"'\"))\n"
        '{"input": "{\\"request\\": $b}"}'
    )
    rendered = _render(template, body=json.dumps({"text": text}))
    assert json.loads(json.loads(rendered)["input"]) == {"request": {"text": text}}


def test_escape_java_script_writes_what_commons_lang_writes():
    body = json.dumps({"text": "'/\"\\\b\x01é😀\x7f"})
    assert _render("$util.escapeJavaScript($input.path('$.text'))", body=body) == (
        "\\'\\/\\\"\\\\\\b\\u0001\\u00E9\\uD83D\\uDE00\x7f"
    )


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        # as API Gateway's recorded answers have it
        ("$nothing", True),
        ("$nothing.at.all", True),
        ("$!nothing", True),
        ('"$nothing" == ""', True),
        ('"$!nothing" != ""', False),
        # what follows from them
        ("$nothing == ''", True),
        ("$nothing.contains('x')", True),
        ("$nothing && $text.contains('x')", False),
        # as in Velocity
        ("$empty", True),
        ("$empty == ''", True),
        ("$number", True),
        ("$text.matches('a.')", False),
        ("$text.matches('a.*')", True),
        ("$text.matches('x') || $text.contains('bc')", True),
        ("$text.startsWith('b') || $text.startsWith('a') && $text == 'x'", False),
    ],
)
def test_conditions_hold_as_on_api_gateway(condition, holds):
    names = "#set($empty = '')#set($number = 0)#set($text = 'abc')"
    assert _render(f"{names}#if({condition})yes#{{else}}no#end") == ("yes" if holds else "no")


@pytest.mark.parametrize("reference", ["$name", "$!name", "${name}", "$name.first", "$name.get(1)"])
def test_a_missing_reference_prints_nothing(reference):
    assert _render(f"Hello {reference}.") == "Hello ."


def test_a_variable_set_to_what_is_missing_is_empty():
    assert _render("#set($a = 'x')#set($a = $input.path('$.none'))[$a]") == "[]"


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


def test_a_variable_set_in_a_loop_is_there_after_it():
    headers = {"header": {"idempotency-key": "k"}}
    template = (
        "#set($all = $input.params().header)#foreach($name in $all.keySet())"
        "#set($found = $all.get($name))#end$found"
    )
    assert _render(template, parameters=headers) == "k"


@pytest.mark.parametrize("name", ["get", "keySet"])
def test_a_callers_header_named_as_a_method_hides_no_method(name):
    template = (
        "#set($all = $input.params().header)"
        "#foreach($name in $all.keySet())$name=$all.get($name);#end"
    )
    assert _render(template, parameters={"header": {name: "x"}}) == f"{name}=x;"


@pytest.mark.parametrize(
    ("path", "value"), [("$.a.c", "text"), ("$.a.x.y", ""), ("$.none", ""), ("$.a.c.d", "")]
)
def test_paths_lead_into_the_body(path, value):
    body = json.dumps({"a": {"b": [1, 2], "c": "text"}})
    assert _render(f"$input.path('{path}')", body=body) == value


def test_a_body_that_is_not_json_has_nothing_in_it():
    assert _render("[$input.path('$.a')]", body="no json") == "[]"


@pytest.mark.parametrize(
    ("template", "construct"),
    [
        ("$text.startswith('a')", "method startswith of str"),
        ("$text.length()", "method length of str"),
        ("$input.body", "$input.body"),
        ("$input.upper()", "method upper of Input"),
        ("$util.urlEncode('a')", "method urlEncode of Util"),
        ("$input.path('$.a[0]')", "JSONPath $.a[0]"),
        ("$input.path('a')", "JSONPath a"),
        ("$text.replaceAll('a', '$1')", "a group or an escape: $1"),
        ("#if($number > 4)x#end", "operator '>'"),
        ("#if($number == '4')x#end", "comparing 4 with '4'"),
        ("#if(!$text)x#end", "UnaryOperatorValue !$text"),
        ("#set($a = [1])", "ArrayLiteral [1]"),
        ("#set($a = true)", "BooleanLiteral true"),
        ("#set($a = 1.5)", "FloatingPointLiteral 1.5"),
        ("$text[0]", "ArrayIndex [0]"),
        ("${text|'b'}", "AlternateValue |'b'"),
        ("#macro(m)x#end", "MacroDefinition"),
        ("#m()", "MacroCall #m()"),
        ("#stop", "StopDirective"),
        ("#evaluate('x')", "EvaluateDirective"),
        ("#set($a = {'b': 1})$a", "printing $a, a dict"),
        ("$text.contains('b')", "printing $text.contains('b'), a bool"),
    ],
)
def test_what_no_template_contains_is_refused_by_its_name(template, construct):
    with pytest.raises(TemplateFailed) as refused:
        _render(f"#set($text = 'abc')#set($number = 4){template}")
    assert construct in str(refused.value)


@pytest.mark.parametrize(
    "template", ["#if($a", '#set($a = "a\\n")', "#set($a = 'it\\'s')", '#set($a = "say ""no""")']
)
def test_a_template_that_does_not_parse_fails(template):
    with pytest.raises(TemplateFailed):
        _render(template)


UPSTREAM_RENDERS_OTHERWISE = {
    "a missing reference prints nothing": ("[$missing]", "[]"),
    "a missing reference is true": ("#if($missing)yes#end", "yes"),
    "an empty text is true": ("#if('')yes#end", "yes"),
    "a backslash stands for itself": (r"#set($a = 'a\n')$a", r"a\n"),
    "a place may have a name in brackets": ('#set($map["b"] = "c")$map.b', "c"),
    "a variable of a loop outlives it": ("#foreach($x in ['a'])#set($y = $x)#end$y", "a"),
    "a key hides no method": ("$map.get('get')", "x"),
    "a text is matched as a whole": ("#if($text.matches('a'))yes#end", ""),
    "a method of Python's is none of Java's": ("$text.upper()", None),
    "an unknown method fails": ("$text.length_of()", None),
}


def rendered_by_upstream(template):
    """None for a failure. Our dialect changes the module that others import: this is a fresh one."""
    spec = importlib.util.spec_from_file_location("untouched_airspeed", airspeed.__file__)
    untouched = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(untouched)
    try:
        return untouched.Template(template).merge({"map": {"get": "x"}, "text": "ab"})
    except untouched.TemplateError:
        return None


@pytest.mark.parametrize("gap", UPSTREAM_RENDERS_OTHERWISE)
def test_upstream_still_renders_otherwise(gap):
    template, on_aws = UPSTREAM_RENDERS_OTHERWISE[gap]
    assert rendered_by_upstream(template) != on_aws
