import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from stacks import configuration
from stacks.config import StageConfig
from stacks.configuration import Undescribed, described, parts_in
from stacks.plain_words import limits_in_words, type_in_words

PAGE = configuration.render()
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (.+?) (?<!\\)\| (.+?) \| (.*?) ?\|$", re.MULTILINE)


def _rows() -> dict[str, dict[str, tuple[str, ...]]]:
    """By section and field: type, default, meaning."""
    return {
        section[1]: {row[1]: row.groups()[1:] for row in ROW.finditer(section[2])}
        for section in SECTION.finditer(PAGE)
    }


def _without_a_text(kind: type[BaseModel]) -> list[str]:
    try:
        described(kind)
    except Undescribed as error:
        return [str(error)]
    return []


def test_every_field_of_every_object_of_a_stage_has_a_row() -> None:
    rows = _rows()
    for part in parts_in(StageConfig):
        fields = [name for name, field in part.model_fields.items() if not field.exclude]
        assert list(rows[part.__name__]) == fields
    assert len(rows) > 10


def test_no_field_is_without_a_text() -> None:
    assert [text for part in parts_in(StageConfig) for text in _without_a_text(part)] == []


def test_a_row_says_what_is_taken_by_default_and_at_most() -> None:
    rows = _rows()
    assert rows["Deadlines"]["sync_ms"][:2] == (
        "a whole number, at least 1,000, at most 28,000",
        "`26000`",
    )
    assert rows["StageConfig"]["log_level"][:2] == (
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
        "**needed**",
    )
    assert rows["StageConfig"]["month_usd"][:2] == ("a number, at least 0", "–")
    assert rows["StageConfig"]["plans"][0] == "[`Plans`](#plans)"
    assert rows["ExtraModel"]["provider_model_id"][2].startswith("What the server calls it")


def test_an_object_of_the_page_is_one_that_a_row_leads_to() -> None:
    links = set(re.findall(r"\]\(#(\w+)\)", PAGE))
    assert links == {part.__name__.lower() for part in parts_in(StageConfig)[1:]}


class _Silent(BaseModel):
    """Tells of `told` alone."""

    told: int = 0
    untold: int = 0


def test_a_field_that_nothing_tells_of_is_an_error() -> None:
    with pytest.raises(Undescribed, match=r"_Silent\.untold"):
        described(_Silent)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (int | None, "a whole number"),
        (int | str, "a whole number or a text"),
        (dict[str, Decimal], "an object by name; each: a number"),
        (
            tuple[Annotated[float, Field(gt=0, lt=1)], ...],
            "a list; each: a number, over 0, under 1",
        ),
    ],
)
def test_a_type_is_said_in_plain_words(annotation: Any, words: str) -> None:
    assert type_in_words(annotation) == words


def test_a_type_without_words_is_an_error() -> None:
    assert limits_in_words(["nothing that limits"]) == ""
    with pytest.raises(LookupError, match="no words"):
        type_in_words(bytes)


def test_a_page_of_other_types_fails_the_check_until_it_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "configuration.md"
    page.write_text("stale", "utf-8")
    monkeypatch.setattr(configuration, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["configuration", "--check"])
    assert configuration.main() == 1
    assert capsys.readouterr().err.endswith("run: make configuration\n")
    monkeypatch.setattr("sys.argv", ["configuration"])
    assert configuration.main() == 0
    monkeypatch.setattr("sys.argv", ["configuration", "--check"])
    assert (configuration.main(), page.read_text("utf-8")) == (0, PAGE)
