from decimal import Decimal
from xml.etree import ElementTree

import pytest

from bench.costs import measured
from bench.costs.changes import CHANGES, moved
from bench.costs.curve import RATES, break_even, curve_of, rounded
from bench.costs.drawing import drawn
from bench.costs.others import Container, managed_gateway
from bench.costs.page import break_evens
from bench.costs.prices import prices
from tests.unit.bench.costs.samples import bench_json, model

TEN = Decimal(10)


@pytest.fixture(autouse=True)
def _of_the_bench(monkeypatch, tmp_path):
    results = tmp_path / "results.json"
    results.write_text(bench_json(), "utf-8")
    monkeypatch.setattr(measured, "RESULTS", results)


def container():
    return Container(model().assumed, row_days=30, cpu_ms=Decimal(30))


@pytest.mark.parametrize(
    ("rate", "tasks"), [("0.1", 2), ("20", 2), ("40", 2), ("40.01", 3), ("1000", 50)]
)
def test_a_container_takes_as_many_requests_as_its_processor_does(rate, tasks):
    # 0.6 of a core are 600 ms a second, of 30 each.
    assert container().task_rate == 20
    assert container().tasks(Decimal(rate)) == tasks


def test_two_containers_and_what_stands_with_them_cost_without_a_request():
    # 730 hours of a vCPU and 2 GB; of a balancer, four addresses and a database with 20 GB.
    assert container().task_usd == 730 * (Decimal("0.03238") + 2 * Decimal("0.00356"))
    hourly = Decimal("0.0225") + 4 * Decimal("0.005") + Decimal("0.032")
    assert container().bill.used_usd == 730 * hourly + 20 * Decimal("0.115")


def test_the_managed_gateway_costs_nothing_but_its_requests():
    bill = managed_gateway(model().assumed)
    assert bill.used_usd == 0
    # An invocation, 4 KB to the internet and a line of 526 bytes.
    assert bill.usd_per_million(TEN) == 5 + Decimal("0.36") + Decimal("0.263")


def test_lines_meet_where_they_cost_the_same():
    # 7 a second cost the first 2 + 7 * 3, and the second 23.
    assert break_even(lambda rate: 2 + 3 * rate, lambda _: Decimal(23)) == 7


def test_who_is_dearer_from_the_first_request_on_meets_nobody():
    assert break_even(lambda rate: 1 + rate, lambda rate: rate) is None


def test_who_is_never_dearer_is_no_break_even():
    with pytest.raises(ValueError, match="never"):
        break_even(lambda rate: rate, lambda rate: 2 * rate)


@pytest.mark.parametrize(
    ("number", "told"), [("1234.5", "1230"), ("0.98765", "0.988"), ("20.04", "20.0")]
)
def test_a_rate_is_told_to_three_figures(number, told):
    assert rounded(Decimal(number)) == Decimal(told)


def test_beyond_where_lines_meet_the_container_is_cheaper():
    curve = curve_of(model())
    for name, rate in break_evens(curve).items():
        ours = curve.by_name[name]
        assert ours(rate * Decimal("0.98")) < curve.container.usd_a_month(rate * Decimal("0.98"))
        assert ours(rate * Decimal("1.02")) > curve.container.usd_a_month(rate * Decimal("1.02"))


def test_settings_stand_by_how_much_they_move():
    found = moved(model(), TEN)
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    assert {one.setting for one in found} == CHANGES.keys()
    assert all(one.weight for one in found)


def test_a_setting_moves_what_its_own_price_says():
    by_name = {one.setting: one for one in moved(model(), TEN)}
    # 2,014 ms of 256 MB, and 2,004 of 1,024; a thousandth of the calls restores, and a snapshot is kept.
    more_gb = Decimal(768) / 1024
    waits = Decimal("13.3334") * (Decimal("2.004") - Decimal("0.5035"))
    restores = Decimal("0.001") * more_gb * Decimal("139.7998")
    kept = more_gb * Decimal("1.5046") / TEN
    assert by_name["`provider_memory_mb` 1024"].sync_usd == pytest.approx(waits + restores + kept)
    # Six transitions at 25, instead of a request and 2.1 s of a sixteenth of a GB.
    standard = 150 - 1 - Decimal("16.67") * Decimal("2.1") / 16
    found = by_name["the machine of `/generate` a Standard one"]
    assert found.sync_usd == pytest.approx(standard)
    assert found.job_usd == 0


def test_the_picture_has_each_line_with_its_name_inside_its_frame():
    curve = curve_of(model())
    root = ElementTree.fromstring(drawn(curve, break_evens(curve)))
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {*curve.by_name, "requests a second", "USD", "0.1", "1,000"} <= set(texts)
    width, height = map(Decimal, root.get("viewBox").split()[2:])
    lines = [*root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == len(curve.by_name)
    for line in lines:
        for point in line.get("points").split():
            x, y = map(Decimal, point.split(","))
            assert 0 < x < width
            assert 0 < y < height


def test_rates_are_those_between_which_the_picture_is_drawn():
    assert (RATES[0], RATES[-1]) == (Decimal("0.1"), Decimal(1000))


def test_every_price_has_a_page_of_aws_and_says_who_read_it():
    for price in prices().values():
        assert price.source.startswith("https://aws.amazon.com/")
        assert price.by.partition(":")[0] in {"page", "price list", "others", "not confirmed"}
