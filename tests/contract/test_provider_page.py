import ast
from itertools import chain
from pathlib import Path

import pytest

from functions.shared.errors import ERRORS_BY_NAME, ProviderError
from ops import provider_page
from ops.reshaping import changes

SOURCES = Path("functions/invoke_provider").glob("*.py")


def _reasons(tree):
    """The constant text of what `drop` is told, wherever it is called."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        named = {
            target.id: one.value
            for one in ast.walk(function)
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Name)
        }
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "drop":
                told = call.args[2]
                yield named[told.id] if isinstance(told, ast.Name) else told


def _longest_text(told):
    constants = [one.value for one in ast.walk(told) if isinstance(one, ast.Constant)]
    return max((one for one in constants if isinstance(one, str)), key=len)


def test_the_page_is_what_the_tables_say():
    page = provider_page.page()
    assert provider_page.PATH.read_text("utf-8") == page, "run `python -m ops document`"


def test_every_error_of_a_provider_has_its_line():
    lines = provider_page.page().split("\n## ")[1].splitlines()
    named = {line.split("`")[1] for line in lines if line.startswith("| `")}
    ours = {"ProviderError", "CostLimitReached"}
    providers = {name for name, one in ERRORS_BY_NAME.items() if issubclass(one, ProviderError)}
    assert named == (providers | {"InvalidRequest", "ContentFiltered"}) - ours


def test_a_rule_of_the_machine_that_has_no_words_is_not_passed_over(monkeypatch):
    monkeypatch.setattr(provider_page, "_NEXT", {})
    with pytest.raises(KeyError):
        provider_page.page()


def test_everything_that_is_reshaped_is_tried_for_the_page():
    trees = [ast.parse(path.read_text("utf-8")) for path in SOURCES]
    reasons = {_longest_text(told) for told in chain.from_iterable(map(_reasons, trees))}
    assert len(reasons) > 20
    shown = "\n".join(change.reason for change in changes())
    assert [reason for reason in reasons if reason not in shown] == []
