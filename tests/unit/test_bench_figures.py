"""The benchmark's arithmetic and its report."""

from __future__ import annotations

import pytest

from bench import figures, plan, report
from bench.figures import Target
from bench.servers import ALL, BY_NAME

TARGET = Target("ours vs theirs", "raw", "kept-100", "mooring-raw", "eventlet-raw", 2)


def row(server, number, rate, *, load="kept-100", p99=10.0, failures=None):
    return {
        "scenario": "raw",
        "server": server,
        "load": load,
        "round": number,
        "requests": 1000,
        "rate": rate,
        "p50_ms": 1.0,
        "p99_ms": p99,
        "failures": failures or {},
        "cpu_us": 1e6 / rate,
        "busiest": 0.5,
        "memory": 20 << 20,
        "memory_all": 50 << 20,
    }


def pairs(ours, theirs):
    return [row("mooring-raw", number, rate) for number, rate in enumerate(ours)] + [
        row("eventlet-raw", number, rate) for number, rate in enumerate(theirs)
    ]


def test_a_ratio_is_of_medians_and_its_spread_of_pairs():
    found = figures.ratio(pairs([300, 200, 1000], [100, 200, 100]), TARGET)
    assert found == figures.Ratio(3.0, 1.0, 10.0, 3)


def test_pairs_are_of_the_same_round_whatever_the_order():
    rows = pairs([100, 400], [50, 100])
    assert figures.ratio(rows[::-1], TARGET) == figures.ratio(rows, TARGET)
    assert figures.ratio(rows, TARGET).least == 2.0


def test_other_loads_and_servers_do_not_count():
    rows = [*pairs([200], [100]), row("mooring-raw", 1, 9, load="wrk-close-100"), row("bjoern-raw", 1, 9)]
    assert figures.ratio(rows, TARGET).value == 2.0


def test_what_was_not_measured_has_no_ratio():
    assert figures.ratio([row("mooring-raw", 1, 100)], TARGET) is None


@pytest.mark.parametrize(("rate", "yes"), [(200, True), (199.6, True), (199, False)])
def test_a_target_is_reached_as_it_is_shown(rate, yes):
    found = figures.ratio(pairs([rate], [100]), TARGET)
    assert figures.reached(TARGET, found) is yes


def test_of_a_latency_less_is_better():
    target = Target("p99", "raw", "kept-100", "mooring-raw", "eventlet-raw", 0.4, "p99_ms")
    rows = [row("mooring-raw", 1, 1, p99=4.0), row("eventlet-raw", 1, 1, p99=10.0)]
    assert figures.reached(target, figures.ratio(rows, target))
    rows[0]["p99_ms"] = 5.0
    assert not figures.reached(target, figures.ratio(rows, target))


def test_failures_are_summed_by_kind_and_peers_left_out():
    rows = [
        row("mooring-raw", 1, 1, failures={"read": 2}),
        row("mooring-raw", 2, 1, failures={"read": 1, "connect": 4}),
        row("eventlet-raw", 1, 1, failures={"read": 99}),
    ]
    assert figures.failures(rows) == {"read": 3, "connect": 4}
    assert figures.requests(rows) == 2000


def test_the_report_tells_a_missed_target_and_a_failure():
    rows = pairs([390], [100])
    rows[0]["failures"] = {"status": 7}
    text = report.targets(rows)
    assert "| 3.90x |" in text
    assert "**missed** |" in text
    assert "**missed**: 7 status" in text


def test_the_report_sorts_servers_by_rate():
    text = report.scenario(pairs([100], [300]), "raw")
    assert text.index("stock eventlet.wsgi") < text.index("Mooring")


@pytest.mark.parametrize("steps", [plan.FULL, plan.QUICK], ids=["full", "quick"])
def test_every_server_of_a_plan_is_known_and_every_scenario_is_reported(steps):
    for step in steps:
        assert set(step.servers) <= set(BY_NAME), step
        assert step.scenario in report.WHERE, step


def test_the_full_plan_measures_every_server_and_every_target_by_five_pairs():
    measured = {
        (step.scenario, load.name, server): step.rounds
        for step in plan.FULL
        for load in step.loads
        for server in step.servers
    }
    assert {server for _, _, server in measured} == {server.name for server in ALL}
    for target in figures.TARGETS:
        for server in (target.server, target.peer):
            assert measured[target.scenario, target.load, server] >= 5, target


def test_a_busy_machine_is_told():
    assert "was not quiet" in report.disturbed({"load average before": "9.5", "cores": "2"})
    assert report.disturbed({"load average before": "0.2", "cores": "2"}) == ""


def test_what_an_ended_run_has_not_come_to_is_told():
    rows = [
        {"scenario": step.scenario, "load": load.name}
        for step in plan.QUICK
        for load in step.loads
        if step.scenario != "forward"
    ]
    text = report.unmeasured({"runs": rows, "quick": True})
    assert "ended early" in text
    assert "forwarding, 1000 clients" in text
    assert "no keep-alive" not in text
    assert not report.unmeasured(
        {"runs": [*rows, {"scenario": "forward", "load": "forward-1000"}], "quick": True}
    )


def test_evenness_is_of_one_server():
    target = figures.Evenness("p99 over p50", "raw", "kept-100", "mooring-raw", 5)
    rows = [row("mooring-raw", number, 100, p99=p99) for number, p99 in enumerate((4.0, 6.0, 5.0))]
    assert figures.evenness(rows, target) == figures.Ratio(5.0, 4.0, 6.0, 3)
    assert figures.evenness([row("bjoern-raw", 1, 100)], target) is None
