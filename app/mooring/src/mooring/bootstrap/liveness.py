"""When is a worker that does not answer blocked, and when only busy? The rule of the watchdog, without any process.

The hub of a worker answers its status socket whenever it turns. A worker that does not answer is one of
these:

- *busy*: its main thread (the hub's) computes, in Python or in C. It will answer; killing it would lose its
  clients.
- *starved*: its main thread could run, and gets no CPU, since the machine is overloaded. Killing it helps
  nobody.
- *traced*: a debugger holds it. Whoever attached that does not want it killed.
- *blocked*: neither of these. It is stopped (SIGSTOP), or waits in C for a lock, a disk, or a server's
  answer.

Only a blocked worker is killed, when it has not answered and been blocked for the whole of the timeout. What
tells them apart is the kernel's account of the main thread, sampled regularly: CPU time of at least
BUSY_SHARE of the time says busy; being runnable (state R) in at least STARVED_SHARE of the samples says
starved. Sources: proc_pid_stat(5).
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass

BUSY_SHARE = 0.02
STARVED_SHARE = 0.5
SAMPLES = 10  # samples per timeout


class Verdict(enum.Enum):
    """What to think of a worker that does not answer."""

    WAIT = "too early to say"
    BUSY = "it computes"
    STARVED = "it gets no CPU"
    TRACED = "a debugger holds it"
    BLOCKED = "it is stopped or blocked"


@dataclass(frozen=True)
class Sample:
    """The main thread at one moment: state letter, CPU seconds so far, and whether it is traced."""

    state: str
    cpu: float
    traced: bool


class Liveness:
    """Judges one worker from its last answer on.

    `timeout` and `grace` (granted once more on top) are in seconds. Time counts at most double the interval
    of the samples: when we have been stopped ourselves, or the whole machine was, nobody is to blame for it.
    """

    def __init__(self, timeout: float, grace: float, now: float) -> None:
        self._timeout, self._due = timeout, timeout + grace
        self._last, self._unanswered = now, 0.0
        self._samples: deque[tuple[float, Sample]] = deque()

    @property
    def interval(self) -> float:
        """Seconds from one sample to the next."""
        return self._timeout / SAMPLES

    def judge(self, sample: Sample, now: float) -> Verdict:
        """Take one more sample into account, and judge by those of the last timeout."""
        self._unanswered += min(now - self._last, 2 * self.interval)
        self._last = now
        self._samples.append((self._unanswered, sample))
        while self._samples and self._samples[0][0] < self._unanswered - self._timeout:
            self._samples.popleft()
        # One interval less: the last answer came up to an interval before that was noticed
        if self._unanswered < self._due - self.interval:
            return Verdict.WAIT
        return self._verdict()

    def _verdict(self) -> Verdict:
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        if last.traced:
            return Verdict.TRACED
        if last.state == "T":
            return Verdict.BLOCKED
        if last.cpu - first.cpu >= BUSY_SHARE * (end - start):
            return Verdict.BUSY
        if sum(sample.state == "R" for _, sample in self._samples) >= STARVED_SHARE * len(self._samples):
            return Verdict.STARVED
        return Verdict.BLOCKED
