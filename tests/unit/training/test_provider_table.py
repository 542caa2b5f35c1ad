import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from training import __main__ as training
from training.generated import provider_table
from training.generated.price_sources import load_sources
from training.generated.provider_table import PAGE, rendered


def rows_of(page):
    lines = page.split("<!-- providers:")[1].split("<!-- /providers -->")[0].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_page_has_the_table_that_the_catalogue_gives():
    page = PAGE.read_text("utf-8")
    assert rendered(page) == page


def test_every_provider_has_a_row_with_its_live_models():
    rows = rows_of(PAGE.read_text("utf-8"))
    assert list(rows) == list(BUILT_IN_PROVIDERS)
    for model in load_catalogue().for_text:
        is_listed = f"`{model.id}`" in rows[model.provider][1].split(", ")
        assert is_listed == (bool(model.quality) and not model.is_retired(load_sources().newest)), (
            model
        )


def test_a_row_counts_who_can_do_what_and_names_the_range_of_prices():
    rows = rows_of(PAGE.read_text("utf-8"))
    assert rows["openai"][2:] == [
        "all", "all", "all", "0.1 to 10 / 0.5 to 50",
        "`text-embedding-3-large`, `text-embedding-3-small`",
    ]  # fmt: skip
    assert rows["local"][2:] == ["–", "–", "–", "0 / 0", "–"]


def test_a_page_without_a_place_for_the_table_is_an_error():
    with pytest.raises(LookupError, match="no block"):
        rendered("# Nothing here")


def test_the_check_fails_for_a_table_that_was_changed_by_hand(monkeypatch, tmp_path, capsys):
    changed = tmp_path / "catalogue.md"
    changed.write_text(PAGE.read_text("utf-8").replace("0.1 to 10", "0.1 to 11"), "utf-8")
    monkeypatch.setattr(provider_table, "PAGE", changed)
    monkeypatch.setattr("sys.argv", ["training", "providers", "--check"])
    assert training.main() == 1
    assert "catalogue.md" in capsys.readouterr().err
