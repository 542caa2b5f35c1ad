import sys

import pytest

from bench.scale import __main__ as command
from bench.scale.page import PAGE, PARTS, render

EMPTY = "# A page\n\n<!-- breaks: made by `make scale` -->\n<!-- end -->\n\nIts end.\n"


@pytest.fixture
def page(tmp_path, monkeypatch):
    path = tmp_path / "scale.md"
    path.write_text(EMPTY, "utf-8")
    monkeypatch.setattr(command, "PAGE", path)
    return path


def test_the_page_is_what_is_reckoned():
    text = PAGE.read_text("utf-8")
    assert all(f"<!-- {part}: " in text for part in PARTS)
    assert render(text) == text


def test_only_what_stands_between_markers_is_made():
    made = render(EMPTY)
    assert made.startswith("# A page\n\n<!-- breaks")
    assert made.endswith("<!-- end -->\n\nIts end.\n")
    assert "| `POST /generate` | 2 s | 10,000 |" in made


def test_a_page_that_was_made_stays_as_it_is():
    assert render(render(EMPTY)) == render(EMPTY)


def test_a_check_says_that_the_page_is_old_and_leaves_it(page, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scale", "--check"])
    assert command.main() == 1
    assert "make scale" in capsys.readouterr().err
    assert page.read_text("utf-8") == EMPTY


def test_the_page_is_made_and_is_then_as_it_should_be(page, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["scale"])
    assert command.main() == 0
    monkeypatch.setattr(sys, "argv", ["scale", "--check"])
    assert command.main() == 0
    assert page.read_text("utf-8") != EMPTY
