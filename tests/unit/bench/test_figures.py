import json

import pytest

from bench import figures
from bench.figures import Difference, differences, documents, figure, rendered

RESULTS = {
    "rows": {
        "bytes": {"median": 2_500, "p95": 3_000, "max": 4_000},
        "write_units": {"the_row": {"median": 3, "p95": 3, "max": 4}},
    },
    "ratio": 0.61,
    "units": {"1": 3, "10": 5},
}
TABLE = "<!--bench-table:rows-->\n{}<!--/bench-table-->\n"


def marked(name, says):
    return f"It is <!--bench:{name}-->{says}<!--/--> now."


@pytest.mark.parametrize(
    ("name", "said"),
    [("ratio", "0.61"), ("rows.bytes.max", "4,000"), ("units", "3, 5"), ("units.10", "5")],
)
def test_a_figure_is_said_as_it_was_measured(name, said):
    assert figure(RESULTS, name) == said
    assert rendered(marked(name, "1"), RESULTS) == marked(name, said)


@pytest.mark.parametrize("name", ["nothing", "rows.nothing", "ratio.median"])
def test_a_figure_that_was_not_measured_is_an_error_that_names_it(name):
    with pytest.raises(KeyError, match=f"has no {name}"):
        rendered(marked(name, "1"), RESULTS)


def test_a_table_is_put_between_its_marks_and_stays_there():
    text = rendered("# Rows\n\n" + TABLE.format("old\n"), RESULTS)
    assert "| bytes " in text
    assert "2,500 |" in text
    assert "old" not in text
    assert rendered(text, RESULTS) == text
    assert list(differences("a.md", text, RESULTS)) == []


def test_a_table_that_there_is_not_is_an_error():
    with pytest.raises(KeyError, match="no table nothing"):
        rendered(TABLE.format("").replace("rows", "nothing"), RESULTS)


def test_a_text_that_differs_is_told_with_its_place_and_both_values():
    text = "\n\n" + marked("ratio", "0.6") + "\n" + marked("units", "3, 5")
    (found,) = differences("docs/a.md", text, RESULTS)
    assert found == Difference("docs/a.md", 3, "ratio", "0.6", "0.61")
    assert str(found) == "docs/a.md:3: ratio is '0.61', and the text says '0.6'"


def test_of_a_table_that_differs_the_first_line_is_told():
    text = rendered("x\n" + TABLE.format(""), RESULTS).replace("4,000", "4,001")
    (found,) = differences("a.md", text, RESULTS)
    assert (found.line, found.name) == (5, "rows")
    assert "4,001" in found.says
    assert "4,000" in found.measured


@pytest.mark.parametrize(
    "text", ["<!--bench:ratio-->0.61", "<!-- bench:ratio-->1<!--/-->", "<!--bench-table:rows-->"]
)
def test_a_mark_that_nothing_can_be_put_behind_is_told(text):
    (found,) = differences("a.md", "\n" + text, RESULTS)
    assert (found.line, found.name) == (2, "a mark")


def test_the_command_puts_figures_in_and_fails_where_they_differ(tmp_path, monkeypatch, capsys):
    from bench.__main__ import main

    results, readme = tmp_path / "results.json", tmp_path / "README.md"
    results.write_text(json.dumps(RESULTS))
    readme.write_text(marked("ratio", "7"))
    monkeypatch.setattr(figures, "RESULTS", results)
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert main(["figures", "--check"]) == 1
    assert "README.md:1: ratio is '0.61', and the text says '7'" in capsys.readouterr().err
    assert readme.read_text() == marked("ratio", "7")
    assert main(["figures"]) == 0
    assert readme.read_text() == marked("ratio", "0.61")
    assert main(["figures", "--check"]) == 0


def test_all_documents_are_looked_at():
    names = {one.name for one in documents()}
    assert {"README.md", "performance.md", "budgets.md", "kept_answers.md"} <= names


def test_the_documents_say_what_was_measured():
    assert [str(one) for one in figures.check_all()] == []
