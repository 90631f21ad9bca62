"""Looks at the command lines of all processes for a text, again and again.

    watch.py FILE-WITH-THE-TEXT FOLDER

Writes `FOLDER/started` when it looks, `FOLDER/found` with each command line that has the text, and ends when `FOLDER/stop`
is there, or after ten minutes. Its own command line names the file alone.
"""

import sys
import time
from pathlib import Path

LIMIT = 600  # seconds
PAUSE = 0.005  # seconds between two looks: a command that lives shorter may be missed


def command_line(path: Path) -> bytes:
    """Return the command line of a process; none of one that has ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def main() -> None:
    """Look until told to stop."""
    text, folder = Path(sys.argv[1]).read_bytes().strip(), Path(sys.argv[2])
    seen: set[bytes] = set()
    end = time.monotonic() + LIMIT
    (folder / "started").touch()
    while not (folder / "stop").exists() and time.monotonic() < end:
        lines = map(command_line, Path("/proc").glob("[0-9]*/cmdline"))
        seen.update(line for line in lines if text in line)
        (folder / "found").write_bytes(b"\n".join(sorted(seen)))
        time.sleep(PAUSE)


main()
