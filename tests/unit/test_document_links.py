import re
import unicodedata
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.support.documented_commands import documents

PAGES = [*documents(), PROJECT / "CHANGELOG.md"]
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|http:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_SPAN = re.compile(r"`[^`\n]*`")
_CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors_of(text: str) -> set[str]:
    """As GitHub makes them of the headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", _CODE.sub("", text), re.MULTILINE):
        kept = [
            one
            for one in re.sub(r"\]\([^)]*\)", "", heading).lower()
            if one in " -_" or unicodedata.category(one)[0] in "LN"
        ]
        found.add("".join(kept).strip().replace(" ", "-"))
    return found


def broken_in(path: Path, text: str) -> list[str]:
    broken = []
    for target, anchor in _LINK.findall(_SPAN.sub("code", _CODE.sub("", text))):
        file = (path.parent / target) if target else path
        known = anchor and file.suffix == ".md" and file.exists()
        if not file.exists() or (known and anchor not in anchors_of(file.read_text("utf-8"))):
            broken.append(f"{target}#{anchor}" if anchor else target)
    return broken


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(path):
    assert broken_in(path, path.read_text("utf-8")) == []


def test_a_link_to_nothing_is_found():
    page = PROJECT / "docs" / "runbook.md"
    text = "[a](none.md) [b](#none) [c](runbook.md#none) [d](runbook.md#dead-letters) [e](../README.md)"
    assert broken_in(page, text) == ["none.md", "#none", "runbook.md#none"]


def test_every_document_is_linked_from_the_readme():
    readme = (PROJECT / "README.md").read_text("utf-8")
    names = [f"docs/{path.name}" for path in sorted((PROJECT / "docs").glob("*.md"))]
    assert [name for name in names if f"({name}" not in readme] == []
