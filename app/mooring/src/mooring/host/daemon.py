"""supervisord, from outside of its virtualenv: is it there, have it drop an instance, end it.

Its virtualenv may be damaged while it runs on, so nothing here needs it: Python 3.8's standard library alone, and modules of
ours that keep to it. The calls `supervisord.find`, `supervisord.shutdown` and `instance.remove` send it to the target's own
Python. supervisord runs as the service user: what it answers is checked before root believes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from mooring import rpc, texts, untrusted
from mooring.host import errors
from mooring.host.instance import Instance, Root

CALL_TIMEOUT = 30  # seconds for an answer that waits for nothing
POLL = 0.1  # seconds between two looks
UNKNOWN_METHOD, BAD_NAME, CANT_REREAD = 1, 10, 92  # supervisor.xmlrpc.Faults


class DaemonError(errors.HostError):
    """It could not be done; the text says why, and the way out."""


class Daemon:
    """The supervisord that was, or is to be, started with the configuration `conf`."""

    def __init__(self, conf: Path, control: Path | None = None) -> None:
        self.conf = conf
        self.socket = control or conf.parent / "run/supervisor.sock"

    def find(self, timeout: float) -> int:
        """Return its pid, 0 when it does not run. DaemonError when it runs, and does not answer within `timeout` seconds.

        Silence is no proof that there is none: somebody may have removed its control socket (the plugin makes it again
        within 5 s), it may be ending, or stopped. A second one would have the same files, and not one of its ports.
        """
        end = time.monotonic() + timeout
        while True:
            try:
                return self._told()
            except (OSError, xmlrpc.client.Error) as error:
                why = getattr(error, "strerror", None) or error
            pid = self.process()
            if not pid:
                return 0
            if time.monotonic() > end:
                raise DaemonError(
                    f"supervisord (process {pid}) of {self.conf} runs and does not answer: {why}. It serves on; to have it"
                    f" managed again end it, which closes its ports until the next deploy: kill -CONT {pid}; kill {pid}"
                )
            time.sleep(POLL)

    def _told(self) -> int:
        """Ask for its pid, which is that of a process of its own user, or no answer: this may be root, who sends it a signal."""
        pid = self.call("supervisor.getPID")
        if type(pid) is not int or not untrusted.runs_as(pid, {untrusted.user_of(self.socket)}):
            raise untrusted.UntrustedError(
                f"it says that it is process {pid!r:.40}, which is none of its user's"
            )
        return pid

    def outdated(self, timeout: float) -> bool:
        """Tell whether it runs with another configuration than `conf`: that was changed, and it was not reloaded since.

        One without our plugin, or with a plugin that cannot tell, is taken as it is. DaemonError when it has not answered after
        `timeout` seconds: while it is reloaded, it has no control socket for a moment.
        """
        end = time.monotonic() + timeout
        while True:
            try:
                loaded = self.call("mooring.getConfiguration")
            except xmlrpc.client.Fault as fault:
                if fault.faultCode == UNKNOWN_METHOD:
                    return False
                why = fault.faultString
            except (OSError, xmlrpc.client.Error) as error:
                why = getattr(error, "strerror", None) or str(error)
            else:
                return bool(loaded != hashlib.sha256(self.conf.read_bytes()).hexdigest())
            if time.monotonic() > end:
                raise DaemonError(
                    f"supervisord of {self.conf} does not answer: {why}. Run the same command again."
                )
            time.sleep(POLL)

    def process(self) -> int:
        """Look for its process in /proc, by its user and its command line (proc_pid_cmdline(5)); 0 for none.

        Anybody can give a process of his own such a command line. One of another pid namespace is a container's, which may
        have the same paths. The path is compared as a whole: that of /srv/mooring ends in that of /mooring.
        """
        ours, named = _pid_namespace("self"), {str(self.conf), f"--configuration={self.conf}"}
        owners = self._owners()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended since, or is not ours to look into
                if not untrusted.runs_as(
                    int(entry.name), owners
                ):  # first: nothing is read of another user's memory
                    continue
                words = untrusted.words_of(entry, "cmdline").decode("utf-8", "replace").split("\0")
                if named.isdisjoint(words) or _pid_namespace(entry.name) != ours:
                    continue
                if any(Path(word).name == "supervisord" for word in words):
                    return int(entry.name)
        return 0

    def _owners(self) -> set[int]:
        """Return whose process it can be: the service user's, who owns its folders; root's, as long as it starts; and ours."""
        owners = {0, os.geteuid()}
        for folder in {self.socket.parent, self.conf.parent / "run", self.conf.parent / "log"}:
            with contextlib.suppress(OSError):
                owners.add(folder.stat().st_uid)
        return owners

    def call(self, method: str, *arguments: Any, timeout: float = CALL_TIMEOUT) -> Any:
        """Call an RPC method over the control socket."""
        return texts.plain_value(rpc.call(self.socket, method, arguments, timeout))

    def clear(self, instance: str, timeout: float) -> list[str]:
        """Drain and remove the instance's processes and program files; a removed group's processes have `timeout` seconds.

        Where no supervisord runs, only the files go.
        """
        own = re.compile(re.escape(instance) + "-[a-z][a-z0-9_]*")  # as mooring.host.server.own_groups
        files = [path for path in (self.conf.parent / "conf.d").glob("*.conf") if own.fullmatch(path.stem)]
        left = drafts(self.conf.parent / "conf.d", own)
        running = self.find(CALL_TIMEOUT) != 0
        groups = {path.stem for path in files}
        if running:
            told = self.call("supervisor.getAllProcessInfo")
            names = (
                [each.get("group") for each in told if isinstance(each, dict)]
                if isinstance(told, list)
                else []
            )
            groups |= {name for name in names if isinstance(name, str) and own.fullmatch(name)}
        for path in files + left:
            drop(path)
        if running:
            with _passing(CANT_REREAD):  # a wrong file that is not ours prevents no removal
                self.call("supervisor.reloadConfig")
            for group in sorted(groups):
                with _passing(BAD_NAME):  # it was a file alone
                    self.call("supervisor.stopProcessGroup", group, timeout=timeout)
                    self.call("supervisor.removeProcessGroup", group)
        return sorted(groups)

    def shutdown(self, timeout: float) -> int:
        """End supervisord, which drains all that it runs; its pid, 0 when it did not run. One that does not answer too.

        Which process that is, /proc tells and not the control socket: the socket's folder is the service user's, and whoever
        answers there could name a process of root's. DaemonError.
        """
        pid = self.process()
        if not pid:
            with _passing_silence():
                told = self.call("supervisor.getPID")
                raise DaemonError(
                    f"What answers at {self.socket} is no supervisord of {self.conf} that runs here: it names process {told!r}."
                    f" Nothing was ended. `fuser {self.socket}` tells which process it is: end that, and run this again"
                )
            return 0
        # One that was stopped takes its signal once it goes on
        if not untrusted.send_signals(pid, self._owners(), signal.SIGTERM, signal.SIGCONT) and _runs(pid):
            raise DaemonError(
                f"process {pid} is not supervisord of {self.conf} any more: run the same command again"
            )
        end = time.monotonic() + timeout
        while _runs(pid):
            if time.monotonic() > end:
                raise DaemonError(
                    f"supervisord (process {pid}) of {self.conf} has not ended within {timeout:g} s: what it runs still"
                    " drains. Run the same command again"
                )
            time.sleep(POLL)
        return pid


def find(root: Path, timeout: float) -> dict[str, Any]:
    """Look whether supervisord of this `mooring_root` runs; `pid` is 0 when it does not. DaemonError; see `Daemon.find`."""
    return {"changed": False, "pid": Daemon(Root(root).configuration).find(timeout)}


def shutdown(root: Path, timeout: float) -> dict[str, Any]:
    """End supervisord of this `mooring_root`, which drains all that it runs; `pid` is 0 when it did not run. DaemonError."""
    with _in_words(Root(root).configuration):
        pid = Daemon(Root(root).configuration).shutdown(timeout)
    return {"changed": pid > 0, "pid": pid}


@contextlib.contextmanager
def _in_words(conf: Path) -> Any:
    try:
        yield
    except (OSError, xmlrpc.client.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise DaemonError(f"supervisord of {conf} does not do it: {why}") from error


def clear(instance: Instance, timeout: float) -> list[str]:
    """Drain and remove the processes and program files of an instance, whose lock the caller holds; the groups. DaemonError."""
    conf = instance.conf_dir.parent / "supervisord.conf"
    with _in_words(conf):
        return Daemon(conf, instance.control).clear(instance.name, timeout)


def drafts(conf_dir: Path, own: re.Pattern[str]) -> list[Path]:
    """List what a killed command has left of program files that it wrote (`mooring.host.files.write`), of groups of `own`."""
    found = sorted(conf_dir.glob("*.conf.partial"))
    return [path for path in found if own.fullmatch(path.name[: -len(".conf.partial")])]


def drop(path: Path) -> bool:
    """Remove a program file, and move aside a folder of its name; whether anything was there. OSError."""
    if path.is_dir() and not path.is_symlink():
        path.rename(
            path.with_name(f"{path.name}.aside-{time.time_ns()}")
        )  # no .conf: supervisord does not read it
        return True
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _pid_namespace(process: str) -> str:
    return os.readlink(f"/proc/{process}/ns/pid")  # noqa: PTH115 - its text is the fact


def _runs(pid: int) -> bool:
    """Tell whether the process is there; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def _passing_silence() -> Any:
    with contextlib.suppress(OSError, xmlrpc.client.Error):
        yield


@contextlib.contextmanager
def _passing(code: int) -> Any:
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise
