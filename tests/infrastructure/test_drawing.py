import json
import re
from pathlib import Path
from typing import Any

import pytest

from stacks import drawing
from stacks.compute.machines import ORCHESTRATE, SUBMIT


def _drawn(text: str, arrow: str) -> set[tuple[str, str]]:
    """From which state to which there is such an arrow."""
    pattern = rf"^    (\w+) {arrow} (\w+)$"
    return {(one[1], one[2]) for one in re.finditer(pattern, text, re.MULTILINE)}


def _ways(states: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    """The same out of the definition, by the part of a state that names its targets."""
    return {
        (re.sub(r"\W", "", name), re.sub(r"\W", "", rule["Next"]))
        for name, state in states.items()
        for rule in state.get(kind, [])
    }


@pytest.mark.parametrize("path", [ORCHESTRATE, SUBMIT])
def test_every_state_has_a_box_and_every_way_an_arrow(path: Path) -> None:
    states, text = json.loads(path.read_text("utf-8"))["States"], drawing.drawn(path)
    assert re.findall(r'^    \w+\["(.+)"\]$', text, re.MULTILINE) == list(states)
    assert _drawn(text, '-- "[^"]+" -->') == _ways(states, "Choices")
    assert _drawn(text, r'-\. "[^"]+" \.->') == _ways(states, "Catch")
    assert text in drawing.render()


def test_a_drawing_of_another_definition_fails_the_check_until_it_is_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "state_machine.md"
    page.write_text("stale", "utf-8")
    monkeypatch.setattr(drawing, "DRAWING", page)
    monkeypatch.setattr("sys.argv", ["drawing", "--check"])
    assert drawing.main() == 1
    assert capsys.readouterr().err.endswith("run: make drawing\n")
    monkeypatch.setattr("sys.argv", ["drawing"])
    assert drawing.main() == 0
    monkeypatch.setattr("sys.argv", ["drawing", "--check"])
    assert (drawing.main(), page.read_text("utf-8")) == (0, drawing.render())


def test_a_drawing_between_marks_is_made_anew_and_what_is_around_it_stays() -> None:
    page = "before\n<!-- drawing: submit.asl.json -->\nstale\n<!-- /drawing -->\nafter\n"
    text = drawing.with_drawings(page)
    assert text.startswith("before\n<!-- drawing: submit.asl.json -->\n```mermaid\n")
    assert text.endswith("```\n<!-- /drawing -->\nafter\n")
    assert drawing.with_drawings(text) == text
    assert drawing.chart(SUBMIT) in text


def test_the_architecture_has_the_drawing_of_the_machine() -> None:
    assert drawing.chart(ORCHESTRATE) in drawing.ARCHITECTURE.read_text("utf-8")


def test_a_mark_of_no_definition_is_an_error() -> None:
    with pytest.raises(KeyError):
        drawing.with_drawings("<!-- drawing: none.json -->\n<!-- /drawing -->")
