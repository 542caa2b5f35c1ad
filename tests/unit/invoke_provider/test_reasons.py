import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.invoke_provider.providers.reasons import cleaned, without_quotes

DIARY = "my secret diary " * 20


@pytest.mark.parametrize(
    "reason",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "Invalid value: 'x'. Supported values are: 'a', 'b', and 'c'.",
        "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum "
        "length 40, but got a string with length 64 instead.",
        "Invalid schema for function 'calculate_monthly_payment_amount': it isn't an object.",
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        "`temperature` and `top_p` cannot both be specified for this model.",
        "additionalProperties: \"parallelToolCallsAreAllowed\" isn't known; don't send it",
        "claude-haiku-4-5-20251001-v1 takes no such token limit; skipping the keywords",
    ],
)
def test_short_quotes_and_long_names_stay(reason):
    assert cleaned(reason) == reason


@pytest.mark.parametrize("mark", ['"', "'", "`"])
@pytest.mark.parametrize(
    "prompt",
    [
        DIARY,
        DIARY.strip(),
        "\n".join([DIARY, DIARY]),
        f"He said 'hello' and \"hi\" and `ho`, {DIARY}",
        f"It isn't so; don't tell. {DIARY}",
        f"\\'{DIARY}\\' \\\"{DIARY}\\\" \\`{DIARY}\\`",
    ],
)
def test_nothing_of_a_long_quote_stays_and_the_names_around_it_do(mark, prompt):
    told = cleaned(f"Invalid 'content' {mark}{prompt}{mark}: 'text' is too long")
    assert "diary" not in told
    assert told.startswith("Invalid 'content' …")
    assert told.endswith("'text' is too long")


def test_a_quote_that_does_not_end_is_cut():
    assert cleaned(f"Bad value 'x': '{DIARY}") == "Bad value 'x': …"
    assert cleaned("Bad value: '" + "secret diary " * 10_000 + "' of 'x'") == "Bad value: …"


@pytest.mark.parametrize(
    "key",
    [
        "sk-test-0123456789",
        "sk-proj-abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijkl",
        "0123456789abcdef0123456789abcdef",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "6f8c1247-b44f-478b-b12b-ad61437594f0",
        "abcdefghijklmnopqrstuvwxyz",
        "ABCdefGHIjklMNOpqrSTUvwxYZ",
    ],
)
@pytest.mark.parametrize(
    "told", ["Incorrect API key provided: {}.", "api_key={}", "Bearer {}", "'{}' is no key"]
)
def test_no_key_stays(key, told):
    assert key not in cleaned(told.format(key))


@pytest.mark.parametrize(
    "told", ["api_key=hunter2x", "key hunter2x", "token: abc123", "bearer abcdef"]
)
def test_what_is_called_a_key_does_not_stay(told):
    assert cleaned(told) == "…"


def test_a_reason_is_cut_to_one_short_line():
    assert cleaned("a\n b " * 500) == ("a b " * 500)[:300]
    assert cleaned("") == "no reason given"


def test_what_is_quoted_is_none_of_the_providers_own_words():
    told = "it isn’t \"allowed\" to say 'no' or `never` to 'x"
    assert without_quotes(told) == "it isn't … to say … or … to …"


@given(st.text(alphabet="'\"` \\ab,."))
def test_no_mark_breaks_the_reading(reason):
    assert len(cleaned(reason)) <= 300
    assert len(without_quotes(reason)) <= len(reason) + 1
