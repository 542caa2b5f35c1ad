import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.well_formed import well_formed, well_formed_json, well_formed_text

texts = st.text(
    st.sampled_from('a\\u\ud83d\udcff\ude00\ufffdé😀"') | st.characters(exclude_categories=())
)
values = st.recursive(
    texts | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("", ""),
        ("whole 😀", "whole 😀"),
        ("\ud83d", "\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("a\ud83db", "a\ufffdb"),
        ("\ud83d" + "\ude00", "😀"),
    ],
)
def test_each_half_is_replaced_and_two_that_meet_are_a_pair(text, mended):
    assert well_formed_text(text) == mended


@pytest.mark.parametrize(
    ("told", "mended"),
    [
        (r'"\ud83d"', '"\ufffd"'),
        (r'"\uDE00x"', '"\ufffdx"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ud83d\ud83d\ude00\ude00"', r'"' + "\ufffd" + r"\ud83d\ude00" + "\ufffd" + '"'),
        (r'"\\ud83d"', r'"\\ud83d"'),
        (r'"\\\ud83d"', r'"\\' + "\ufffd" + '"'),
        (r'"\\ud83d\ude00"', r'"\\ud83d' + "\ufffd" + '"'),
        (r'"\ud83d\\ude00"', '"\ufffd' + r'\\ude00"'),
        (r"no JSON \ud83", r"no JSON \ud83"),
    ],
)
def test_an_escape_of_a_half_is_told_from_what_looks_like_one(told, mended):
    assert well_formed_json(told) == mended


@given(values, st.booleans())
def test_json_of_any_value_is_read_as_the_value_without_halves(value, is_ascii):
    told = json.dumps(value, ensure_ascii=is_ascii)
    read = json.loads(well_formed_json(told))
    json.dumps(read, ensure_ascii=False).encode()
    # Python's reader joins two halves that meet as escapes; the value has them apart.
    assert read == well_formed(value)


@given(texts)
def test_a_text_that_is_whole_is_left_alone(text):
    mended = well_formed_text(text)
    mended.encode()
    assert well_formed_text(mended) == mended
    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        assert mended == text
