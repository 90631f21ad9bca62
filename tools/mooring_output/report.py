"""What has happened in a run, and the summary that is printed once, at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mooring_output import roll
from mooring_output.text import names, plain, span

STATUS = "What serves now: ansible-playbook playbooks/status.yml, with the same options."

# What is true when a run was interrupted, by the phase in which that happened.
_LEFT = {
    "": "Nothing has been changed.",
    "Check": "Nothing has been changed.",
    "Install": "What serves has not been touched.",
    "Build": "What serves has not been touched.",
    "Hooks": "A command of the inventory's own may be half done.",
    "Switch": "The switch may be half done: the old workers serve until the new ones have proved themselves.",
    "Restart": "Some workers may have been restarted and others not; those that are not being restarted serve.",
    "Prove": "The load ends. The operation under way goes to its end, then what the proof has changed is taken back by itself.",
    "Remove": "The removal is half done.",
}


@dataclass(frozen=True)
class Failure:
    """A task that has failed on a host."""

    host: str
    task: str
    why: tuple[str, ...]
    place: str = ""
    """The file and line of the task, when its message was not written for the operator."""
    spoken: bool = False
    """Whether the message was written by the playbook (`fail`, `assert`): it then tells what came before, too."""
    unreachable: bool = False


@dataclass(frozen=True)
class Counts:
    """What Ansible has counted for a host."""

    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    rescued: int = 0


@dataclass
class Report:
    """Collects what hosts have said, done and failed at; `end` is the summary."""

    playbook: str = ""
    check: bool = False
    messages: dict[str, list[str]] = field(default_factory=dict)
    """What each host has to say at the end."""
    would: dict[str, list[str]] = field(default_factory=dict)
    """What a run would change on each host; in check mode."""
    failures: dict[str, list[Failure]] = field(default_factory=dict)

    def say(self, host: str, text: str) -> None:
        """Keep a message for the summary."""
        self.messages.setdefault(host, []).extend(plain(text).strip().splitlines())

    def change(self, host: str, task: str) -> None:
        """Keep what a task would change."""
        said = plain(task)
        self.would.setdefault(host, []).append(
            said if said.startswith("would ") else f"would {said[:1].lower()}{said[1:]}"
        )

    def fail(self, failure: Failure) -> None:
        """Keep a failure until it is known whether it was the last word."""
        self.failures.setdefault(failure.host, []).append(failure)

    def end(
        self, counts: Mapping[str, Counts], custom: Mapping[str, Mapping[str, Any]], seconds: float
    ) -> list[str]:
        """Return the summary."""
        lost = {host: 1 for host, count in counts.items() if count.failed or count.unreachable}
        several = len(counts) > 1
        lines = _grouped(self.messages, several)
        if self.check:
            lines += _grouped(self.would, several)
        failures = self._failures(counts)
        if lines and failures:
            lines.append("")
        lines += failures
        lines += roll.words(custom, lost)
        return [*lines, *self._last(counts, lost, seconds)]

    def _failures(self, counts: Mapping[str, Counts]) -> list[str]:
        last = [each for host, all_ in self.failures.items() for each in _unrescued(all_, counts.get(host))]
        alike: dict[tuple[Any, ...], list[str]] = {}
        for each in last:
            key = (each.unreachable, each.task, each.why, each.place, each.spoken)
            alike.setdefault(key, []).append(each.host)
        lines: list[str] = []
        for (unreachable, task, why, place, spoken), hosts in alike.items():
            verb = "UNREACHABLE" if unreachable else "FAILED"
            lines.append(f"{verb}: {names(sorted(hosts))}: {plain(task)}")
            lines += [f"  {line}" for line in why]
            if place:
                lines.append(f"  (the task stands in {place})")
            if unreachable:
                without = ":".join(f"!{host}" for host in sorted(hosts))
                lines.append(
                    f"  Bring it back and run the same command again, or leave it out: --limit 'all:{without}'"
                )
            elif not spoken:
                lines.append("  Fix the cause and run the same command again.")
        return lines

    def _last(self, counts: Mapping[str, Counts], lost: Mapping[str, int], seconds: float) -> list[str]:
        changed = {host: count.changed for host, count in counts.items()}
        total = sum(changed.values())
        figure = f"changed={total}"
        if total and len(changed) > 1:
            shares: dict[int, list[str]] = {}
            for host, count in sorted(changed.items()):
                shares.setdefault(count, []).append(host)
            figure += f" ({'; '.join(f'{names(hosts)}: {count}' for count, hosts in shares.items())})"
        if self.check and lost:
            figure = "nothing has been changed, this was a check"
        elif self.check:
            told = f"a run would change {total} things" if total else "a run would change nothing"
            figure = f"{told} ({figure}). Nothing has been changed"
        elif not total and self.playbook == "deploy.yml" and not lost:
            figure = f"nothing to do, all is as the inventory says ({figure})"
        elif not total:
            figure = f"nothing has been changed ({figure})"
        if not lost:
            return [f"Done in {span(seconds)}: {figure}."]
        lines = [f"Failed after {span(seconds)}: {figure}."]
        unspoken = any(
            not each.spoken
            for host in lost
            for each in _unrescued(self.failures.get(host, []), counts.get(host))
        )
        return lines + ([STATUS] if total and unspoken and not self.check else [])


def interrupted(phase: str, hosts: str, reached: str, playbook: str) -> list[str]:
    """Say what an interrupted run has left, and what to type; `reached` is the last phase that it has come to on any host."""
    where = f" in the phase {phase} on {hosts}" if phase else ""
    return [
        f"Interrupted{where}. {_LEFT.get(reached, 'What was under way may be half done.')}",
        f"Run the same command again: it goes on where {playbook or 'this run'} has stopped. {STATUS}",
    ]


def _unrescued(failures: list[Failure], counts: Counts | None) -> list[Failure]:
    """Leave out what was rescued and is told again by the message that ended the rescue."""
    rescued = counts.rescued if counts else 0
    before, after = failures[:rescued], failures[rescued:]
    return after if not after or any(each.spoken for each in after) else before + after


def _grouped(said: Mapping[str, list[str]], several: bool) -> list[str]:
    """Return each text once, with the hosts that it is of when there are several."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for host, lines in said.items():
        alike.setdefault(tuple(lines), []).append(host)
    told: list[str] = []
    for lines_, hosts in alike.items():
        if several:
            told.append(f"{names(sorted(hosts))}:")
        told += [f"  {line}" if several else line for line in lines_]
    return told
