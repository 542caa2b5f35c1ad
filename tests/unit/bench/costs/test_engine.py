"""Against figures that were reckoned by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bench.costs import engine, measured
from bench.costs.bill import MILLION
from bench.costs.happy_path import transitions
from tests.unit.bench.costs.samples import PATH, ROW, bench_json, model, one, stage

TEN = Decimal(10)
CALLED = ("Classify", "Score", "Invoke", "RecordMetrics")


@pytest.fixture(autouse=True)
def _of_the_bench(monkeypatch, tmp_path):
    results = tmp_path / "results.json"
    results.write_text(bench_json(), "utf-8")
    monkeypatch.setattr(measured, "RESULTS", results)


def usd(bill, component, what=None):
    """Per million, were there one a second or less."""
    lines = [one for one in bill.lines if one.component == component and what in {None, one.what}]
    return sum(MILLION * one.usd for one in lines)


def test_a_function_is_billed_for_its_memory_for_as_long_as_it_works_and_waits():
    bill = model().sync_bill()
    # A whole core: 1 ms of 1,769 MB at 16.6667 a million GB-seconds, and 0.20 for being called.
    assert usd(bill, "Lambda: Classify") == Decimal("0.2") + Decimal("16.6667") * 1769 / 1024 / 1000
    # 1,024 of 1,769 MB make of 1 ms 1.73, billed as 2.
    assert usd(bill, "Lambda: Score") == Decimal("0.2") + Decimal("13.3334") * 2 / 1000
    # 256 MB make of 2 ms 13.82, and 2 s are waited for: 2,014 ms of a quarter of a GB.
    assert usd(bill, "Lambda: Invoke") == Decimal("0.2") + Decimal("13.3334") * Decimal("0.5035")
    # 3.46 ms and 5 of waiting for one write.
    assert usd(bill, "Lambda: RecordMetrics") == Decimal("0.2") + Decimal("13.3334") * 9 / 1000


def test_an_express_execution_is_billed_in_64_mb_and_tenths_of_a_second():
    bill = model().sync_bill()
    # 1 + 2 + 2,014 ms, and 10 for each of four calls; nobody waits for the record: 2,057, billed as 2,100.
    assert model().express_ms("Generate", "sync") == 2_100
    assert usd(bill, "Step Functions: Generate") == 1 + Decimal("16.67") * Decimal("2.1") / 16


def test_a_standard_execution_is_billed_by_the_steps_of_its_definition():
    assert transitions([*PATH]) == 6
    assert usd(model().job_bill(), "Step Functions: Jobs") == 150


def test_a_row_is_billed_in_units_of_1_kb_and_so_is_each_of_its_entries():
    # 2,048 bytes, and 100 in the index.
    assert model().write_units(ROW) == 3
    assert usd(model().sync_bill(), "DynamoDB: RecordMetrics") == Decimal("1.875")


def test_a_row_has_no_entry_in_an_index_whose_key_it_lacks():
    without = ROW.model_copy(update={"attributes": {"request_id": 2_049}})
    assert model().write_units(without) == 3


def test_a_line_of_a_log_is_billed_by_its_bytes_and_26_more():
    bill = model().sync_bill()
    assert usd(bill, "Logs: functions") == 4 * Decimal("0.25")
    assert usd(bill, "Logs: metrics") == 1
    assert usd(bill, "Logs: access") == Decimal("0.25")


def test_a_job_pays_the_gateway_for_its_start_and_for_each_poll():
    assert usd(model().job_bill(), "API Gateway") == Decimal("10.5")
    assert usd(model().sync_bill(), "API Gateway") == Decimal("3.5")


def test_what_comes_once_a_second_is_shared_by_the_requests_of_that_second():
    lines = [one for one in model().sync_bill().lines if one.what == "first traces"]
    [first] = lines
    assert first.usd_per_million(Decimal(1)) == Decimal("4.75")
    assert first.usd_per_million(Decimal("0.1")) == Decimal("4.75")
    assert first.usd_per_million(TEN) == Decimal("0.475")


def test_nothing_is_traced_where_tracing_is_off():
    assert usd(model(is_traced=False).sync_bill(), "X-Ray") == 0


@pytest.mark.parametrize("kind", ["sync_bill", "job_bill"])
@pytest.mark.parametrize("rate", ["0.1", "1", "10", "1000"])
def test_components_make_the_whole(kind, rate):
    bill = getattr(model(), kind)()
    parts = bill.by_component(Decimal(rate)).values()
    assert sum(parts) == pytest.approx(bill.usd_per_million(Decimal(rate)), rel=Decimal("1e-20"))
    assert all(one >= 0 for one in parts)


@pytest.mark.parametrize("rate", ["0.1", "1", "10", "1000"])
def test_a_month_is_what_is_fixed_and_each_term_as_often_as_it_comes(rate):
    bill, requests, month_s = model().sync_bill(), Decimal(rate) * 2_628_000, Decimal(2_628_000)
    terms = sum(
        amount * (min(requests, month_s / every_s) if every_s else requests)
        for every_s, amount in bill.terms().items()
    )
    assert bill.usd_a_month(Decimal(rate)) == pytest.approx(bill.used_usd + terms)


def test_times_and_the_proxys_are_those_of_the_bench():
    assert measured.proxy_cpu_ms() == 30
    found = measured.Measured(
        health_keys=0, functions={"sync": {"Api": one("9"), "Score": one("9")}}
    )
    spent_ms = measured.cpu_ms(found, "sync")
    assert spent_ms == {
        "Api": 9, "Classify": 1, "Score": 1, "Invoke": 2, "RecordMetrics": 2,
        measured.TALLY: 1, measured.TALLY_BATCH: 4,
    }  # fmt: skip


def test_twice_the_time_is_twice_the_gb_seconds(monkeypatch):
    once = {name: gb_s(model(), name) for name in CALLED}
    spent = measured.cpu_ms
    monkeypatch.setattr(
        engine, "cpu_ms", lambda *asked: {name: 2 * ms for name, ms in spent(*asked).items()}
    )
    assumed = model().assumed
    waits = {name: 2 * assumed[name] for name in ("provider_s", "table_call_ms")}
    twice = replace(model(), assumed={**assumed, **waits})
    for name in CALLED:
        # But for the whole millisecond that each is rounded up to.
        assert gb_s(twice, name) == pytest.approx(2 * once[name], abs=Decimal("0.002"))


def gb_s(found, name):
    [line] = [
        line
        for line in found.sync_bill().lines
        if (line.component, line.what) == (f"Lambda: {name}", "GB-seconds")
    ]
    return line.quantity


def test_what_nobody_calls_costs_its_snapshots_alarms_dashboard_secrets_queue_and_clock():
    bill = model().sync_bill()
    by_component = {}
    for line in bill.monthly:
        by_component[line.component] = by_component.get(line.component, 0) + line.usd
    # (1,769 + 256) MB for 2,628,000 s.
    assert by_component["Snapshots"] == Decimal(2025) / 1024 * 2_628_000 * Decimal("0.0000015046")
    assert by_component["Alarms"] == Decimal("4.2")
    assert by_component["Dashboard"] == 3
    assert by_component["Secrets"] == Decimal("1.6")
    assert by_component["Queue of stopped jobs"] == Decimal("0.26")
    assert sum(by_component.values()) == bill.fixed_usd


def test_a_machine_that_logs_everything_is_billed_for_it():
    machines = stage().machines
    logged = {**machines, "Generate": replace(machines["Generate"], log_level="ALL")}
    assert usd(model().sync_bill(), "Logs: executions") == 0
    # Five states' events, and of four functions an event and twice an answer, each with 26 bytes more.
    expected = Decimal(5 * 726 + 4 * 5_026) / 10**9 * MILLION / 2
    assert usd(model(machines=logged).sync_bill(), "Logs: executions") == expected
