import json
import re
from pathlib import Path

import pytest

from stacks import drawing
from stacks.compute.machines import DEFINITION_PATH

STATES = json.loads(DEFINITION_PATH.read_text("utf-8"))["States"]


def written(name: str) -> str:
    return "".join(filter(str.isalnum, name))


def ways(arrow: str) -> set[tuple[str, str]]:
    """From which state to which there is such an arrow."""
    pattern = rf"^    (\w+) {arrow} (\w+)$"
    return {(found[1], found[2]) for found in re.finditer(pattern, drawing.render(), re.MULTILINE)}


def test_every_state_has_a_box() -> None:
    boxes = re.findall(r'^    \w+\["(.+)"\]$', drawing.render(), re.MULTILINE)
    assert boxes == list(STATES)


def test_every_next_state_has_a_plain_arrow_and_every_choice_one_that_says_why() -> None:
    following = {(name, state["Next"]) for name, state in STATES.items() if "Next" in state}
    choices = {
        (name, choice["Next"])
        for name, state in STATES.items()
        for choice in state.get("Choices", [])
    }
    assert {(written(one), written(other)) for one, other in following} <= ways("-->")
    assert {(written(one), written(other)) for one, other in choices} == ways('-- "[^"]+" -->')


def test_what_is_caught_has_a_dashed_arrow_with_the_names_of_the_errors() -> None:
    caught = {
        (written(name), written(rule["Next"]))
        for name, state in STATES.items()
        for rule in state.get("Catch", [])
    }
    assert caught == ways(r'-\. "[^"]+" \.->')
    assert "States.ALL" not in drawing.render()


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
