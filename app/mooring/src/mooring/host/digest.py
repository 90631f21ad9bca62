"""A digest of an instance's secrets that tells nobody whether a guess is right: the key is a file for the deployer alone.

A changed secret must be another release, so the release's id and its release.json need something of the secrets. A plain hash
would let everybody who sees them (the service user's group, the output of `--diff`, a log of it) try passwords at leisure.
The key is made once for a mooring_root and never leaves the host: the same secrets have the same digest there, whoever deploys.

Python 3.8's standard library alone, and `mooring.texts`. The controller sends this program by standard input.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import sys
from pathlib import Path

from mooring import texts

KEY_BYTES = 32
UNKNOWN = "not known before the first deploy"
"""In place of a digest in check mode, which makes no key."""


class KeyFileError(Exception):
    """There is no key that could be trusted; the text says why, and the way out."""


def main(order: str) -> int:
    """Print a JSON object with the `digest` of the order's `secrets`; its `key` names the file, which is made unless `check`.

    The exit status is 1, with one sentence on stderr, when the key can be neither read nor made.
    """
    given = json.loads(order)
    path = Path(given["key"])
    try:
        key = read(path)
        if key is None and not given["check"]:
            make(path)
            key = read(path)
    except (KeyFileError, OSError) as error:
        said = f"{path}: {error.strerror}" if isinstance(error, OSError) else str(error)
        texts.write_line(sys.stderr, said)
        return 1
    text = json.dumps(given["secrets"], sort_keys=True).encode("ascii")
    digest = UNKNOWN if key is None else hmac.new(key, text, hashlib.sha256).hexdigest()
    json.dump({"digest": digest}, sys.stdout)
    return 0


def read(path: Path) -> bytes | None:
    """Read the key; None when there is none. KeyFileError when somebody else may know it, OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise KeyFileError(_refusal(path, "is a link")) from error
        raise
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise KeyFileError(_refusal(path, "is no file"))
        if facts.st_uid not in (0, os.geteuid()):
            raise KeyFileError(_refusal(path, f"belongs to another user (number {facts.st_uid})"))
        if stat.S_IMODE(facts.st_mode) & 0o077:
            raise KeyFileError(
                _refusal(path, f"has the mode {stat.S_IMODE(facts.st_mode):04o}, so others may know it")
            )
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise KeyFileError(_refusal(path, f"does not have the {KEY_BYTES} bytes of a key"))
    return key


def _refusal(path: Path, problem: str) -> str:
    return (
        f"{path} {problem}. Remove it and run the same command again: a new key is made, and an instance with secrets gets a new"
        " release"
    )


def make(path: Path) -> None:
    """Make the key, unless another deploy has just made it. OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # there is a whole key or none, and the first one stays
    finally:
        draft.unlink()
