"""Start supervisord in the background, with nothing of whoever starts it but the resource limits.

    python -I -m mooring.start --user nobody --conf /var/lib/mooring/supervisor/supervisord.conf

replaces this process by the supervisord of the same virtualenv: in `/`, with that user's own environment (`mooring.target`
says what that is), the default of every signal, none blocked, and no descriptor but the standard three. supervisord
itself sets the umask and becomes a daemon, as its configuration says.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import signal
import sys
from pathlib import Path

from mooring import target

STANDARD_STREAMS = 3


def start(conf: Path, user: str) -> None:
    """Become supervisord. OSError when it can't be run."""
    for number in signal.valid_signals():
        with contextlib.suppress(
            OSError, ValueError
        ):  # SIGKILL and SIGSTOP, and those that libc keeps for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names are numbers
        if int(name) >= STANDARD_STREAMS:
            with contextlib.suppress(OSError):  # the one that the list itself was read by
                os.close(int(name))
    os.chdir("/")
    program = Path(sys.prefix) / "bin/supervisord"
    words = [str(program), "-c", str(conf)]
    os.execve(program, words, target.environment_of(pwd.getpwnam(user).pw_uid))  # noqa: S606 - our own


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="mooring.start", description="Start supervisord, clean.")
    parser.add_argument("--conf", required=True, type=Path, help="its configuration, an absolute path")
    parser.add_argument(
        "--user", required=True, help="the user that it runs as; its configuration makes it that"
    )
    options = parser.parse_args()
    start(options.conf, options.user)


if __name__ == "__main__":
    main()
