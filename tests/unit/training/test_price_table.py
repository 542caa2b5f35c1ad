import json

import pytest

from training import __main__ as training
from training.generated import prices
from training.generated.price_sources import Sources, load_sources
from training.generated.prices import PRICES_FILE, ChangedEdition, render_prices

STANDING = PRICES_FILE.read_text("utf-8")


def _rerendered(change):
    """From the table as somebody left it."""
    table = json.loads(STANDING)
    change(table["editions"])
    return render_prices(json.dumps(table))


def _sources(monkeypatch, **changes):
    told = {name: getattr(load_sources(), name) for name in Sources.model_fields}
    changed = Sources.model_validate(told | changes)
    monkeypatch.setattr(prices, "load_sources", lambda: changed)


def _hand_prices(model_id, **changes):
    told = load_sources().prices
    return tuple(one.model_copy(update=changes) if one.id == model_id else one for one in told)


def test_the_price_table_is_what_its_sources_give():
    assert render_prices(STANDING) == STANDING


def test_a_version_names_the_day_and_the_content():
    for edition in json.loads(STANDING)["editions"]:
        day, _, digest = edition["price_version"].partition(".")
        assert len(bytes.fromhex(digest)) == 4
        days = [entry["effective_from"] for entry in edition["models"].values()]
        # What is announced has an edition of its own.
        assert max(days) <= day or {*days} == {min(days)}


def _cheaper(editions):
    editions[0]["models"]["gpt-4o"]["rates"][0]["input_usd_per_mtok"] = "0.5"


def _earlier(editions):
    [*_, known] = [one["models"] for one in editions if "gpt-4o" in one["models"]]
    known["gpt-4o"]["effective_from"] = "2026-01-01"


def _without_a_model(editions):
    del editions[0]["models"]["gpt-4-turbo"]


def _without_the_first(editions):
    del editions[0]


def _swapped(editions):
    editions.reverse()


@pytest.mark.parametrize(
    "change", [_cheaper, _earlier, _without_a_model, _without_the_first, _swapped]
)
def test_what_stands_in_the_table_is_neither_changed_nor_dropped(change):
    with pytest.raises(ChangedEdition, match="correct it by a new one"):
        _rerendered(change)


def test_a_new_price_is_added_behind_what_stands(monkeypatch):
    now, (sol,) = (
        load_sources().newest,
        [price for price in load_sources().prices if price.id == "gpt-6.2-sol"],
    )
    dearer = sol.rates[0].model_copy(
        update={"input_usd_per_mtok": sol.rates[0].input_usd_per_mtok + 1}
    )
    changed = _hand_prices(
        "gpt-6.2-sol", rates=(dearer, sol.rates[1]), effective_from=now, checked=now
    )
    _sources(monkeypatch, prices=changed)
    made, stood = (json.loads(text)["editions"] for text in (render_prices(STANDING), STANDING))
    assert made[:-1] == stood
    assert made[-1]["models"].keys() == {"gpt-6.2-sol"}
    assert made[-1]["models"]["gpt-6.2-sol"]["effective_from"] == f"{now}"
    assert made[-1]["models"]["gpt-6.2-sol"]["rates"][0]["input_usd_per_mtok"] == "3"


def test_a_source_that_only_calls_itself_otherwise_adds_nothing(monkeypatch):
    _sources(monkeypatch, prices=_hand_prices("gpt-6.2-sol", page="another page"))
    assert render_prices(STANDING) == STANDING


def test_a_price_that_a_later_one_would_hide_is_refused(monkeypatch):
    earlier = load_sources().prices[0].effective_from.replace(year=2025)
    (sol,) = [price for price in load_sources().prices if price.id == "gpt-6.2-sol"]
    _sources(
        monkeypatch,
        prices=_hand_prices("gpt-6.2-sol", rates=sol.rates[:1], effective_from=earlier),
    )
    with pytest.raises(ChangedEdition, match="stands from"):
        render_prices(STANDING)


def test_a_hand_kept_price_of_no_known_model_is_an_error(monkeypatch):
    stranger = load_sources().prices[0].model_copy(update={"id": "gpt-99"})
    _sources(monkeypatch, prices=(*load_sources().prices, stranger))
    with pytest.raises(LookupError, match="gpt-99"):
        render_prices(STANDING)


def test_the_check_fails_for_a_table_that_lacks_what_the_sources_tell(
    monkeypatch, tmp_path, capsys
):
    table = json.loads(STANDING)
    older = tmp_path / "prices.json"
    older.write_text(json.dumps({"editions": table["editions"][:-1]}), "utf-8")
    monkeypatch.setattr(prices, "PRICES_FILE", older)
    monkeypatch.setattr("sys.argv", ["training", "prices", "--check"])
    assert training.main() == 1
    assert "make prices" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["training", "prices"])
    assert training.main() == 0
    assert older.read_text("utf-8") == STANDING


def test_a_table_that_was_changed_by_hand_is_named_in_a_line(monkeypatch, tmp_path, capsys):
    changed = tmp_path / "prices.json"
    changed.write_text(STANDING.replace('"2.5"', '"0.5"', 1), "utf-8")
    monkeypatch.setattr(prices, "PRICES_FILE", changed)
    monkeypatch.setattr("sys.argv", ["training", "prices"])
    assert training.main() == 2
    assert "was changed" in capsys.readouterr().err
    assert changed.read_text("utf-8") != STANDING
