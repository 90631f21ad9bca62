"""`check-file`: supervisord's own parser on a file that is not in place yet."""

from __future__ import annotations

import tempfile
from pathlib import Path

from supervisor.options import ServerOptions

import mooring.plugin  # noqa: F401 - its import teaches the parser IPv6, as in supervisord
from mooring.host.errors import HostError

AROUND = "[supervisord]\n[include]\nfiles = {}\n"


def check_file(path: Path) -> dict[str, int]:
    """Parse a supervisord.conf, or a file that is to be included in one; return its groups and their sizes.

    HostError says what is wrong, in supervisord's words. Folders of logs must exist, users too.
    """
    try:
        whole = any(line.strip() == "[supervisord]" for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"{path} can't be read: {error}") from error
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder) / "supervisord.conf"
        # A percent sign would be taken for an expansion, and a space ends a file's name
        around.write_text(AROUND.format(str(path.resolve()).replace("%", "%%")))
        options = ServerOptions()
        options.configfile = str(path if whole else around)
        try:
            options.process_config(do_usage=False)
        except ValueError as error:
            raise HostError(f"{path}: {' '.join(str(part) for part in error.args)}") from error
    groups = {group.name: len(group.process_configs) for group in options.process_group_configs}
    if not whole and not groups:
        raise HostError(f"{path} has no [fcgi-program:…] or other program")
    return groups
