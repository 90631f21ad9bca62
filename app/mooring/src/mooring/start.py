"""Start supervisord, with nothing of whoever starts it but the resource limits.

    python -I -m mooring.start --user mooring --conf /var/lib/mooring/supervisor/supervisord.conf

replaces this process by the supervisord of the same virtualenv: in `/`, with that user's own environment (`mooring.host.users`
says what that is), the default of every signal, none blocked, no descriptor but the standard three, and no key
(`mooring.inherited`). supervisord itself sets the umask, becomes a daemon, which has no terminal, and becomes the user,
as its configuration says. Our plugin in it gives up core files and the right to gain rights.

With `--service`, as systemd's unit has it, it becomes no daemon, and keeps the sockets that systemd passes (sd_listen_fds(3)).
"""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from pathlib import Path

from mooring import inherited, texts
from mooring.host import users


def start(conf: Path, user: str, *, service: bool) -> None:
    """Become supervisord. OSError when it can't be run; KeptError."""
    passed = passed_by_systemd() if service else {}
    inherited.restore_signals()
    inherited.close_files(int(passed.get("LISTEN_FDS", "0")))
    if not service:  # systemd has given it one (KeyringMode)
        inherited.leave_keyring()
    os.chdir("/")
    program = Path(sys.prefix) / "bin/supervisord"
    words = [sys.executable, "-I", str(program), "-c", str(conf), *(["--nodaemon"] if service else [])]
    environment = {**users.environment_of(pwd.getpwnam(user).pw_uid), **passed}
    os.execve(sys.executable, words, environment)  # noqa: S606 - our own


def passed_by_systemd() -> dict[str, str]:
    """Return the variables that tell of sockets which were passed to this very process; the program keeps its number."""
    found = {name: os.environ[name] for name in ("LISTEN_PID", "LISTEN_FDS") if name in os.environ}
    is_ours = found.get("LISTEN_PID") == str(os.getpid()) and found.get("LISTEN_FDS", "").isdecimal()
    return found if is_ours else {}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="mooring.start", description="Start supervisord, clean.")
    parser.add_argument("--conf", required=True, type=Path, help="its configuration, an absolute path")
    parser.add_argument(
        "--user", required=True, help="the user that it runs as; its configuration makes it that"
    )
    parser.add_argument("--service", action="store_true", help="stay in the foreground, for systemd")
    options = parser.parse_args()
    try:
        start(options.conf, options.user, service=options.service)
    except inherited.KeptError as error:
        texts.write_line(sys.stderr, f"supervisord is not started: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
