"""docs/costs.md as it is committed; `make check` holds it against the template."""

import re
from decimal import Decimal
from math import ceil

import pytest

from bench.costs.__main__ import PAGE
from bench.costs.page import GOALS_USD, rendered

MONTH_S = 2_628_000
MOST_USD = {"sync": 22, "jobs": 183}
"""Per million requests, while the goals are not reached: no step back."""


def block(name):
    text = PAGE.read_text("utf-8")
    found = re.search(rf"(?s)<!-- costs: {name} -->\n(.*?)<!-- /costs -->", text)
    assert found
    return found[1]


def table(name):
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in block(name).splitlines()
        if line.startswith("|")
    ]
    return rows[0], rows[2:]


def number(text):
    return Decimal(text.replace(",", "").replace("*", "").replace("–", "0"))


def monthly_usd(name, rate, tasks):
    """By hand, from the page's own table of terms."""
    head, rows = table("formula")
    [terms] = [row[1:] for row in rows if row[0] == name]
    requests = rate * MONTH_S
    usd = number(terms[0])
    for title, term in zip(head[2:], terms[1:], strict=True):
        every_s = re.search(r"each (\d+) s", title)
        times = min(requests, MONTH_S / Decimal(every_s[1])) if every_s else requests
        usd += number(term) * times / 1_000_000
    if name == "a container with a proxy":
        told = re.search(r"besides ([\d.]+) USD.*rate / ([\d.]+)", block("formula"))
        assert told
        assert tasks == max(2, ceil(rate / Decimal(told[2])))
        usd += tasks * Decimal(told[1])
    return usd


def test_each_figure_of_the_curve_can_be_reckoned_by_hand_from_the_table_before_it():
    head, rows = table("curve")
    names = head[2:-1]
    assert len(rows) == 9
    for row in rows:
        rate, tasks = number(row[0]), int(row[-1])
        for name, told in zip(names, row[2:-1], strict=True):
            step = Decimal("0.1") if "." in told else Decimal(1)
            assert number(told) == pytest.approx(monthly_usd(name, rate, tasks), abs=step)


def test_where_lines_meet_both_cost_the_same():
    rates = re.findall(
        r"- (.*?): cheaper than the container up to \*\*([\d.]+)\*\*", block("break-evens")
    )
    assert len(rates) == 2
    for name, rate in rates:
        ours = monthly_usd(name, Decimal(rate), 2)
        theirs = monthly_usd("a container with a proxy", Decimal(rate), 2)
        assert ours == pytest.approx(theirs, rel=Decimal("0.01"))


def test_components_add_up_to_what_stands_below_them():
    _, rows = table("million")
    *parts, whole = rows
    for column in (1, 2):
        added = sum(number(row[column]) for row in parts)
        # Each of them is rounded.
        assert added == pytest.approx(number(whole[column]), abs=Decimal("0.005") * len(parts))


def test_a_million_costs_no_more_than_it_did():
    head, rows = table("million")
    whole = dict(zip(head[1:], map(number, rows[-1][1:]), strict=True))
    assert whole["sync"] <= MOST_USD["sync"]
    assert whole["jobs"] <= MOST_USD["jobs"]


def test_the_page_says_of_each_goal_whether_it_is_held():
    _, rows = table("goals")
    assert [number(row[1]) for row in rows] == [*GOALS_USD.values()]
    for _, goal, reached, verdict in rows:
        over = number(reached) - number(goal)
        assert verdict == (f"missed by {over:.2f}" if over > 0 else "held")


def test_five_settings_are_numbered():
    _, rows = table("settings")
    assert [row[0] for row in rows[:6]] == ["1", "2", "3", "4", "5", ""]


def test_a_page_without_a_place_for_a_block_is_refused():
    with pytest.raises(LookupError, match="costs: million"):
        rendered("# A page\n", {"million": "| a |"})


def test_a_block_is_made_anew_and_nothing_else():
    text = "a\n<!-- costs: million -->\nold\n<!-- /costs -->\nb\n"
    made = rendered(text, {"million": "new \\1"})
    assert made == "a\n<!-- costs: million -->\nnew \\1\n<!-- /costs -->\nb\n"
