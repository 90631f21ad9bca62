"""The watchdog's rule: which silent worker is blocked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.bootstrap.silence import BUSY_SHARE, Look, Silence, Verdict

TIMEOUT = 10.0


def judge(
    looks: Callable[[float], Look], until: float = TIMEOUT, grace: float = 0.0, step: float = 1.0
) -> Verdict:
    """Return the last verdict on a worker that is silent for `until` seconds."""
    silence, now, verdict = Silence(TIMEOUT, grace, 0.0), 0.0, Verdict.WAIT
    while now < until:
        now += step
        verdict = silence.look(looks(now), now)
    return verdict


def sleeping(_: float) -> Look:
    return Look("S", 3.0, traced=False)


def computing(now: float) -> Look:
    return Look("R", now, traced=False)


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        (sleeping, Verdict.BLOCKED),
        (lambda _: Look("D", 3.0, traced=False), Verdict.BLOCKED),
        (lambda _: Look("T", 3.0, traced=False), Verdict.BLOCKED),
        (lambda now: Look("T", now, traced=False), Verdict.BLOCKED),  # it computed before it was stopped
        (lambda _: Look("t", 3.0, traced=True), Verdict.TRACED),
        (lambda _: Look("T", 3.0, traced=True), Verdict.TRACED),
        (computing, Verdict.BUSY),
        (
            lambda now: Look("S", 0.5 * now, traced=False),
            Verdict.BUSY,
        ),  # seen asleep at every look, by chance
        (lambda now: Look("S", 0.01 * now, traced=False), Verdict.BLOCKED),  # a loop around a short sleep
        (lambda _: Look("R", 0.0, traced=False), Verdict.STARVED),
        (lambda now: Look("R" if now % 2 else "S", 0.0, traced=False), Verdict.STARVED),
        (lambda now: Look("R" if now == 5 else "S", 0.0, traced=False), Verdict.BLOCKED),
    ],
)
def test_verdicts_after_the_timeout(looks: Callable[[float], Look], verdict: Verdict) -> None:
    assert judge(looks) is verdict


@pytest.mark.parametrize("looks", [sleeping, computing])
def test_no_verdict_before_the_timeout(looks: Callable[[float], Look]) -> None:
    assert judge(looks, until=TIMEOUT - 2) is Verdict.WAIT


def test_grace_comes_on_top() -> None:
    assert judge(sleeping, until=TIMEOUT + 28, grace=30) is Verdict.WAIT
    assert judge(sleeping, until=TIMEOUT + 30, grace=30) is Verdict.BLOCKED


def test_who_was_busy_and_is_blocked_now_is_blocked() -> None:
    def looks(now: float) -> Look:
        return Look("R", now, traced=False) if now <= 60 else Look("S", 60.0, traced=False)

    assert judge(looks, until=60) is Verdict.BUSY
    assert judge(looks, until=60 + TIMEOUT - 2) is Verdict.BUSY
    assert judge(looks, until=60 + TIMEOUT + 1) is Verdict.BLOCKED


def test_time_in_which_we_were_stopped_ourselves_does_not_count() -> None:
    silence = Silence(TIMEOUT, 0.0, 0.0)
    assert silence.look(sleeping(1), 1.0) is Verdict.WAIT
    assert silence.look(sleeping(3600), 3600.0) is Verdict.WAIT


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60))
def test_who_computes_all_the_time_is_never_blocked(steps: list[float]) -> None:
    silence, now = Silence(TIMEOUT, 0.0, 0.0), 0.0
    for step in steps:
        now += step
        assert silence.look(Look("S", now * BUSY_SHARE * 1.01, traced=False), now) is not Verdict.BLOCKED
