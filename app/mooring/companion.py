"""A companion: a program that runs beside the workers, from the release's virtualenv, under the same supervisord.

    python -m mooring.companion multicloud.sandbox --port 10001

runs the module as `python -m` would, under a name for `ps`, and ends it with supervisord, so that it never stays
behind as an orphan that holds a port.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

from mooring import process, settings


def main() -> None:
    """Run the module that the command line names. Exits with EX_USAGE without one."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m mooring.companion MODULE [ARGUMENT …]\n")
        raise SystemExit(settings.EX_USAGE)
    module = sys.argv[1]
    process.set_title(os.environ.get("MOORING_INSTANCE", ""), f"companion {module}")
    process.die_with_parent(signal.SIGTERM)
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
