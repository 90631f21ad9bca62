"""What runs of an instance, as asked of supervisord and of the workers themselves.

When supervisord does not answer, the workers are asked alone: a supervisord that is stopped leaves them serving.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mooring import status_socket
from mooring.host.gate import ASK_TIMEOUT, ask_all
from mooring.host.instance import COLOURS, NAME, Instance
from mooring.host.server import Process, Server, SilentError

Answer = dict[str, Any]


@dataclass(frozen=True)
class Generation:
    """The workers of one colour: each process of supervisord's with its own answer (`error` when it gave none)."""

    colour: str
    workers: tuple[tuple[Process, Answer], ...]
    folders: tuple[str, ...] = ()
    """The releases in whose folders the processes work: known also of one that does not answer."""

    @property
    def ready(self) -> list[Answer]:
        """The answers of those that serve."""
        return [answer for process, answer in self.workers if process.pid and answer.get("ready")]

    @property
    def draining(self) -> int:
        """How many finish what they have, and take nothing new."""
        return sum(answer.get("state") == "draining" or p.state == "STOPPING" for p, answer in self.workers)

    @property
    def running(self) -> bool:
        """Whether a process of it is up, though it may not answer."""
        return any(process.state == "RUNNING" for process, _ in self.workers)

    @property
    def coming(self) -> bool:
        """Whether a process may yet become ready by itself."""
        return any(
            process.state in ("STARTING", "RUNNING")
            and not answer.get("ready")
            and answer.get("state") != "draining"
            for process, answer in self.workers
        )

    @property
    def release(self) -> str:
        """The release that its workers say they run (most of them, should they differ); "" when it is not known.

        They are the application: what they say becomes the name of a folder that root reads, so nothing else is a release.
        """
        said = _releases(self.ready) or _releases(answer for _, answer in self.workers)
        said = said or list(self.folders)
        return Counter(said).most_common(1)[0][0] if said else ""

    @property
    def since(self) -> int:
        """When the first of its processes was started."""
        return min((process.since for process, _ in self.workers if process.pid), default=0)

    @property
    def as_text(self) -> str:
        """The generation for people: `release r1 (blue): 2 of 2 workers are ready`."""
        parts = [f"{len(self.ready)} of {len(self.workers)} workers are ready"]
        if self.draining:
            parts.append(f"{self.draining} drain")
        return f"release {self.release or '(unknown)'} ({self.colour}): {', '.join(parts)}"


def _releases(answers: Iterable[Answer]) -> list[str]:
    said = (answer.get("release") for answer in answers)
    return [release for release in said if isinstance(release, str) and NAME.fullmatch(release)]


def survey(instance: Instance) -> list[Generation]:
    """Ask for the generations that supervisord knows, an active group each, the one that started first before the other.

    SilentError when supervisord does not answer; HostError.
    """
    groups = {instance.group(colour): colour for colour in COLOURS}
    processes = [process for process in Server.of(instance).processes() if process.group in groups]
    answers = dict(
        zip(
            (process.full_name for process in processes),
            ask_all(instance.run_dir, processes, status_socket.READY),
            strict=True,
        )
    )
    found = []
    for group, colour in groups.items():
        own = [process for process in processes if process.group == group]
        if own:
            folders = tuple(filter(None, (_folder_of(instance, process.pid) for process in own)))
            found.append(Generation(colour, tuple((p, answers[p.full_name]) for p in own), folders))
    return sorted(found, key=lambda each: each.since)


def ask_workers(instance: Instance) -> list[Generation]:
    """Ask the workers alone, by their status sockets; those that do not answer are not told of."""
    name = re.compile(rf"{re.escape(instance.name)}-({'|'.join(COLOURS)})-(\d+)\.sock")
    try:
        paths = sorted(path for path in instance.run_dir.iterdir() if name.fullmatch(path.name))
    except OSError:
        paths = []
    with ThreadPoolExecutor(max_workers=32) as pool:
        answers = [answer for answer in pool.map(_ask, paths) if isinstance(answer.get("pid"), int)]
    found = []
    for colour in COLOURS:
        own = [answer for answer in answers if answer.get("colour") == colour]
        if own:
            known = (
                Process(instance.group(colour), str(a.get("number")), "RUNNING", a["pid"], 0, None)
                for a in own
            )
            found.append(Generation(colour, tuple(zip(known, own, strict=True))))
    return found


def _ask(path: Path) -> Answer:
    try:
        return status_socket.ask(path, status_socket.READY, ASK_TIMEOUT)
    except status_socket.NoAnswerError as error:
        return {"error": str(error)}


def _folder_of(instance: Instance, pid: int) -> str:
    """Return the release in whose folder the process works (proc_pid_cwd(5)), "" when it is in none."""
    try:
        path = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return ""
    releases = instance.home / "releases"
    if releases not in path.parents:
        return ""
    name = path.relative_to(releases).parts[0].split(" ")[0]  # "… (deleted)"
    return name if NAME.fullmatch(name) else ""


def serving(instance: Instance) -> str:
    """Say in one sentence what serves at this moment; it never fails.

    `What serves now: release r1 (blue): 2 of 2 workers are ready.`
    """
    try:
        generations, silence = survey(instance), ""
    except SilentError as error:
        generations, silence = ask_workers(instance), f" ({error}; the workers were asked themselves)"
    except Exception as error:  # noqa: BLE001 - the last sentence of a failure must not be another failure
        return f"What serves now cannot be told: {error}."
    up = [each for each in generations if each.ready]
    if len(up) > 1:
        each = " and ".join(one.as_text for one in up)
        return f"Two generations serve now, side by side: {each}{silence}. Deploy again: one of them goes."
    if up:
        return f"What serves now: {up[0].as_text}{silence}."
    down = "; ".join(each.as_text for each in generations)
    return f"Nothing serves now{': ' + down if down else ''}{silence}."
