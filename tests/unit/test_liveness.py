"""The watchdog's rule: which worker that does not answer is blocked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring.bootstrap.liveness import BUSY_SHARE, Liveness, Sample, Verdict

TIMEOUT = 10.0


def judge(
    samples: Callable[[float], Sample], until: float = TIMEOUT, grace: float = 0.0, step: float = 1.0
) -> Verdict:
    """Return the last verdict on a worker that does not answer for `until` seconds."""
    liveness, now, verdict = Liveness(TIMEOUT, grace, 0.0), 0.0, Verdict.WAIT
    while now < until:
        now += step
        verdict = liveness.judge(samples(now), now)
    return verdict


def sleeping(_: float) -> Sample:
    return Sample("S", 3.0, traced=False)


def computing(now: float) -> Sample:
    return Sample("R", now, traced=False)


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        (sleeping, Verdict.BLOCKED),
        (lambda _: Sample("D", 3.0, traced=False), Verdict.BLOCKED),
        (lambda _: Sample("T", 3.0, traced=False), Verdict.BLOCKED),
        (lambda now: Sample("T", now, traced=False), Verdict.BLOCKED),  # it computed before it was stopped
        (lambda _: Sample("t", 3.0, traced=True), Verdict.TRACED),
        (lambda _: Sample("T", 3.0, traced=True), Verdict.TRACED),
        (computing, Verdict.BUSY),
        (
            lambda now: Sample("S", 0.5 * now, traced=False),
            Verdict.BUSY,
        ),  # seen asleep at every look, by chance
        (lambda now: Sample("S", 0.01 * now, traced=False), Verdict.BLOCKED),  # a loop around a short sleep
        (lambda _: Sample("R", 0.0, traced=False), Verdict.STARVED),
        (lambda now: Sample("R" if now % 2 else "S", 0.0, traced=False), Verdict.STARVED),
        (lambda now: Sample("R" if now == 5 else "S", 0.0, traced=False), Verdict.BLOCKED),
    ],
)
def test_verdicts_after_the_timeout(samples: Callable[[float], Sample], verdict: Verdict) -> None:
    assert judge(samples) is verdict


@pytest.mark.parametrize("samples", [sleeping, computing])
def test_no_verdict_before_the_timeout(samples: Callable[[float], Sample]) -> None:
    assert judge(samples, until=TIMEOUT - 2) is Verdict.WAIT


def test_grace_comes_on_top() -> None:
    assert judge(sleeping, until=TIMEOUT + 28, grace=30) is Verdict.WAIT
    assert judge(sleeping, until=TIMEOUT + 30, grace=30) is Verdict.BLOCKED


def test_who_was_busy_and_is_blocked_now_is_blocked() -> None:
    def samples(now: float) -> Sample:
        return Sample("R", now, traced=False) if now <= 60 else Sample("S", 60.0, traced=False)

    assert judge(samples, until=60) is Verdict.BUSY
    assert judge(samples, until=60 + TIMEOUT - 2) is Verdict.BUSY
    assert judge(samples, until=60 + TIMEOUT + 1) is Verdict.BLOCKED


def test_time_in_which_we_were_stopped_ourselves_does_not_count() -> None:
    liveness = Liveness(TIMEOUT, 0.0, 0.0)
    assert liveness.judge(sleeping(1), 1.0) is Verdict.WAIT
    assert liveness.judge(sleeping(3600), 3600.0) is Verdict.WAIT


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60))
def test_who_computes_all_the_time_is_never_blocked(steps: list[float]) -> None:
    liveness, now = Liveness(TIMEOUT, 0.0, 0.0), 0.0
    for step in steps:
        now += step
        assert liveness.judge(Sample("S", now * BUSY_SHARE * 1.01, traced=False), now) is not Verdict.BLOCKED
