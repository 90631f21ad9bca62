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
import stat
from pathlib import Path
from typing import Any

from mooring.host import errors

KEY_BYTES = 32
UNKNOWN = "not known before the first deploy"
"""In place of a digest in check mode, which makes no key."""


class KeyFileError(errors.HostError):
    """There is no key that could be trusted; the text says why, and the way out."""


def digest(key: Path, secrets: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Return the keyed `digest` of the secrets; `key` names the file of the key, which is made unless `check`. KeyFileError."""
    found = read(key)
    if found is None and not check:
        make(key)
        found = read(key)
    text = json.dumps(secrets, sort_keys=True).encode("ascii")
    return {
        "changed": False,
        "digest": UNKNOWN if found is None else hmac.new(found, text, hashlib.sha256).hexdigest(),
    }


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
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # there is a whole key or none, and the first one stays
    finally:
        draft.unlink()
