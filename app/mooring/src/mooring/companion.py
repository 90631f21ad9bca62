"""A companion: a program that runs beside the workers, from the release's virtualenv, under the same supervisord.

    python -m mooring.companion multicloud.sandbox --port 10001

runs the module as `python -m` would, under a name for `ps`, and ends it with supervisord, so that it never stays
behind as an orphan that holds a port. What the module has started ends with it, and what a killed predecessor left
before it starts: the rule of `mooring.family`.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import sys
from typing import Any

from mooring import family, process, settings, texts

COMPANION = "MOORING_COMPANION"
"""The companion's name, in its environment and in that of all that it starts."""


def main() -> None:
    """Run the module that the command line names. Exits with EX_USAGE without one."""
    if len(sys.argv) < 2:
        texts.write_line(sys.stderr, "usage: python -m mooring.companion MODULE [ARGUMENT …]")
        raise SystemExit(settings.EX_USAGE)
    module = sys.argv[1]
    name = (os.environ.get(settings.variable("instance"), ""), f"companion {module}")
    process.set_title(*name)
    process.die_with_parent(signal.SIGTERM)
    if os.environ.get(settings.variable("children")) != "leave":
        marks = {key: os.environ.get(key, "") for key in (settings.variable("instance"), COMPANION)}
        timeout = float(
            os.environ.get(settings.variable("children_timeout")) or settings.Settings.children_timeout
        )
        family.end_orphans(process.title_of(*name), marks, timeout)
        # The default would end this process without a word to its children.
        signal.signal(signal.SIGTERM, _leave)
        atexit.register(_end_children, os.getpid(), timeout)
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _leave(number: int, _: Any) -> None:
    """End as by the signal's default, and with atexit's calls."""
    raise SystemExit(128 + number)


def _end_children(of: int, timeout: float) -> None:
    """End the process group, unless this is a forked child of the module's."""
    if os.getpid() == of:
        ended, killed = family.end_group(timeout)
        for one in [*ended, *killed]:
            texts.write_line(sys.stderr, f"mooring companion: {one} has been ended with it")


if __name__ == "__main__":
    main()
