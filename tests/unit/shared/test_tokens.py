import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.catalogue.tokens import (
    TOKEN_RATES,
    TextSize,
    TokenRates,
    count_tokens,
    tokens_in,
)

ENGLISH = (
    "Step Functions runs each request as a state machine. Every state is a Lambda function. "
    "When a provider fails, the next candidate is called, and the caller never learns of it "
    "unless none is left."
)
QUESTION = "What is the fastest way to get from the airport to the city centre on a Sunday morning?"
PYTHON = (
    "def reverse(items: list[int]) -> list[int]:\n"
    '    """Returns the items from the last to the first."""\n'
    "    result = []\n"
    "    for item in items:\n"
    "        result.insert(0, item)\n"
    "    return result\n"
)
INDENTED_JSON = json.dumps(
    {
        "model_id": "gpt-4o",
        "usage": {"input_tokens": 1200, "output_tokens": 350},
        "routing": {"candidates": ["gpt-4o", "claude-3-opus"], "reason": "lowest cost"},
    },
    indent=2,
)
TABLE = (
    "region,quarter,revenue,growth\nNorth,Q1,18250,4.5\nSouth,Q1,20110,-1.2\n"
    "East,Q2,9875,12.0\nWest,Q2,31040,0.8\n"
)
MATHS = (
    "If 3x + 7 = 25 and y = x^2 - 4, what is the value of (y + 2) / 5? Show each of the 4 steps."
)
# The first article of the Universal Declaration of Human Rights.
GERMAN = (
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und "
    "Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen."
)
FRENCH = (
    "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de "
    "raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité."
)
RUSSIAN = (
    "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом "
    "и совестью и должны поступать в отношении друг друга в духе братства."
)
ARABIC = (
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميرًا وعليهم أن يعامل "
    "بعضهم بعضًا بروح الإخاء."
)
HINDI = (
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और "
    "अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।"
)
CHINESE = "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。"
JAPANESE = (
    "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、"
    "理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。"
)
KOREAN = (
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 "
    "이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다."
)
# The counts are those of gpt-tokenizer 4.0.0 (o200k_base, cl100k_base), @anthropic-ai/tokenizer
# 0.0.4 and llama3-tokenizer-js 1.2.0 without its first and last token.
COUNTED = [
    pytest.param(ENGLISH, (40, 40, 40, 40), 0.1, id="English"),
    pytest.param(QUESTION, (19, 19, 19, 19), 0.1, id="question"),
    pytest.param(PYTHON, (45, 45, 49, 45), 0.1, id="Python"),
    pytest.param(INDENTED_JSON, (78, 77, 77, 77), 0.1, id="JSON"),
    pytest.param(TABLE, (52, 52, 56, 52), 0.1, id="table"),
    pytest.param(MATHS, (43, 43, 36, 43), 0.2, id="maths"),
    pytest.param(GERMAN, (38, 44, 50, 44), 0.25, id="German"),
    pytest.param(FRENCH, (41, 50, 54, 50), 0.15, id="French"),
    pytest.param(RUSSIAN, (41, 74, 89, 48), 0.15, id="Russian"),
    pytest.param(ARABIC, (44, 88, 109, 48), 0.3, id="Arabic"),
    pytest.param(HINDI, (54, 180, 199, 93), 0.3, id="Hindi"),
    pytest.param(CHINESE, (37, 52, 49, 38), 0.2, id="Chinese"),
    pytest.param(JAPANESE, (71, 92, 86, 58), 0.2, id="Japanese"),
    pytest.param(KOREAN, (51, 85, 95, 52), 0.2, id="Korean"),
]
NEWER_CLAUDE = 1.35


@pytest.mark.parametrize(("text", "counts", "error"), COUNTED)
def test_the_estimate_is_near_what_the_tokenizer_counts(text, counts, error):
    o200k, cl100k, claude, llama = counts
    assert tokens_in(text, "o200k") == pytest.approx(o200k, rel=error)
    assert tokens_in(text, "cl100k") == pytest.approx(cl100k, rel=error)
    assert tokens_in(text, "claude") == pytest.approx(claude * NEWER_CLAUDE, rel=error)
    assert tokens_in(text, "llama") == pytest.approx(llama, rel=error)


def test_a_script_costs_each_tokenizer_its_own_number_of_tokens():
    assert tokens_in(HINDI, "cl100k") > 2 * tokens_in(HINDI, "o200k")
    assert tokens_in(ENGLISH, "cl100k") <= 1.1 * tokens_in(ENGLISH, "o200k")


def test_a_text_is_sized_by_words_and_by_the_kinds_of_its_bytes():
    assert TextSize.of("Ein Maß: 12 €\n") == TextSize(
        words=4, letters=8, digits=2, signs=2, latin=2, far=3
    )
    assert TextSize.of("Мир") == TextSize(words=1, greek_cyrillic=6)
    assert TextSize.of("سلام नमस्ते") == TextSize(words=2, letters=1, arabic_indic=8 + 18)
    assert TextSize.of("平和 🕊") == TextSize(words=2, letters=1, far=6 + 4)


@given(st.text())
def test_every_byte_is_of_one_kind(text):
    parts = TextSize.of(text).model_dump()
    parts.pop("words")
    assert sum(parts.values()) == len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize("tokenizer", TOKEN_RATES)
@given(text=st.text(), more=st.text(min_size=1))
def test_only_an_empty_text_has_no_tokens_and_a_longer_one_never_has_fewer(tokenizer, text, more):
    assert tokens_in("", tokenizer) == 0
    assert tokens_in(more, tokenizer) > 0
    assert tokens_in(text + more, tokenizer) >= tokens_in(text, tokenizer)


def test_half_a_surrogate_pair_counts_as_the_question_mark_in_its_place():
    assert TextSize.of("a\ud83d") == TextSize.of("\ude00a") == TextSize.of("a?")


def test_part_of_a_token_counts_as_one():
    assert count_tokens(TextSize(letters=1), "o200k") == 1


def test_every_part_of_a_size_has_a_rate():
    assert TokenRates._fields == tuple(TextSize.model_fields)
