"""The console's walk of a request is drawn from its record, and names the states it passed."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATES = json.loads((ROOT / "statemachine/orchestrate.asl.json").read_text())["States"]
WALK = (ROOT / "functions/console/static/walk.js").read_text()
# What comes after the record has been written, or instead of it, leaves nothing in it.
UNRECORDED = {
    "Answer",
    "Failed",
    "Failed Unrecorded",
    "Queue Unrecorded Answer",
    "Queue Unrecorded Failure",
}
# Passed on the way to the next step, and told with it.
PASSED = {"Whose Answer?", "Wait For Answer", "Answered?", "Weigh Failure"}


def _declared():
    """The names of the type that every state of a step has."""
    [union] = re.findall(r"@typedef \{([^}]+)\} State\b", WALK)
    return set(re.findall(r'"([^"]+)"', union))


def test_the_walk_knows_every_state_that_a_record_tells_of_and_no_other():
    assert _declared() == STATES.keys() - UNRECORDED - PASSED


def test_what_is_left_out_of_the_walk_is_a_state():
    assert STATES.keys() >= UNRECORDED | PASSED


def test_every_state_that_the_walk_knows_is_drawn():
    drawn = set(re.findall(r'\bstate(?: =|:) "([^"]+)"', WALK))
    assert drawn == _declared()


def test_what_the_walk_leaves_out_comes_after_recording_alone():
    for name, state in STATES.items():
        rules = [state, *state.get("Catch", []), *state.get("Choices", [])]
        following = {rule["Next"] for rule in rules if "Next" in rule}
        if name not in UNRECORDED and following & UNRECORDED:
            # What was asked before under the same key has its row already.
            assert name in {"Whose Answer?", "Record Metrics", "Record Failure"}
