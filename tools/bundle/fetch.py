"""Find one source archive by pip's own finder and fetch it by its hash: a script of `sdists`, run with pip's rules.

    echo '{"name": …, "specifier": …, "url": …, "hashes": […], "options": [words of pip download]}' | python fetch.py

Prints the file's path as JSON; exit status 1 with one sentence on stderr.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pip._internal.commands import create_command
from pip._internal.exceptions import PipError
from pip._internal.models.link import Link
from pip._internal.utils.hashes import Hashes
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.requests.exceptions import RequestException

MOST_BYTES = 1024**3
CHUNK = 256 * 1024


def main() -> int:
    """Fetch what standard input describes."""
    order = json.load(sys.stdin)
    command: Any = create_command("download")
    options, _ = command.parse_args([*map(_filled_in, order["options"]), "placeholder"])
    options.format_control.disallow_binaries()
    allowed = Hashes({})
    for each in order["hashes"]:
        algorithm, _, digits = each.partition(":")
        allowed._allowed.setdefault(algorithm, []).append(digits)
    try:
        with command.main_context():
            session = command.get_default_session(options)
            link = Link(order["url"]) if order["url"] else _found(command, options, session, order, allowed)
            if link is None:
                sys.stderr.write(
                    "the index has neither a wheel for the target nor a source archive with that hash\n"
                )
                return 1
            answer = session.get(
                link.url_without_fragment, headers={"Accept-Encoding": "identity"}, stream=True
            )
            answer.raise_for_status()
            content = _received(answer.iter_content(CHUNK))
    except (PipError, RequestException, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if len(content) > MOST_BYTES:
        sys.stderr.write(f"{link.filename} is larger than {MOST_BYTES} bytes\n")
        return 1
    if not any(
        hashlib.new(each.split(":")[0], content).hexdigest() == each.split(":")[1] for each in order["hashes"]
    ):
        sys.stderr.write(f"{link.filename} does not have the hash that the requirements file names\n")
        return 1
    path = Path(options.download_dir, link.filename)
    path.write_bytes(content)
    sys.stdout.write(json.dumps(str(path)) + "\n")
    return 0


def _received(pieces: Iterable[bytes]) -> bytes:
    """Join what an index sends; no more is received than one piece above the limit."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > MOST_BYTES:
            break
    return bytes(content)


def _filled_in(word: str) -> str:
    """Fill in variables of the environment, written as pip's requirements files have them: ${NAME}."""
    return re.sub(r"\$\{([A-Z0-9_]+)\}", lambda name: os.environ.get(name[1], name[0]), word)


def _found(command: Any, options: Any, session: Any, order: dict[str, Any], allowed: Hashes) -> Link | None:
    finder = command._build_package_finder(options=options, session=session, ignore_requires_python=True)
    best = finder.find_best_candidate(order["name"], SpecifierSet(order["specifier"]), allowed).best_candidate
    return None if best is None else best.link


if __name__ == "__main__":
    sys.exit(main())
