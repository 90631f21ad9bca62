"""The keyed digest of secrets: stable on a host, worth nothing without the key, which nobody else may know."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mooring.host import digest


class Host:
    """A host with a key, or without one."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / ".secrets-key"

    def digest(self, *, check: bool = False, status: int = 0, **secrets: str) -> str:
        """Digest secrets; the digest, or the refusal."""
        if not status:
            return str(digest.digest(self.key, secrets, check=check)["digest"])
        with pytest.raises((digest.KeyFileError, OSError)) as refusal:
            digest.digest(self.key, secrets, check=check)
        return str(refusal.value)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_same_secrets_have_the_same_digest_and_others_another(host: Host) -> None:
    first = host.digest(A="hush", B="é")
    assert first == host.digest(B="é", A="hush")
    assert (
        len({first, host.digest(A="hush"), host.digest(A="hush!", B="é"), host.digest(A="é", B="hush")}) == 4
    )


def test_the_digest_is_keyed_and_the_key_is_for_its_maker_alone(host: Host) -> None:
    said = host.digest(A="hush")
    facts = host.key.stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_uid) == (0o600, os.geteuid())
    key, text = host.key.read_bytes(), b'{"A": "hush"}'
    assert said == hmac.new(key, text, hashlib.sha256).hexdigest()
    assert said != hashlib.sha256(text).hexdigest()
    assert [path.name for path in host.key.parent.iterdir()] == [host.key.name]


def test_another_host_has_another_key(host: Host, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert host.digest(A="hush") != Host(tmp_path / "other").digest(A="hush")


def test_a_check_makes_no_key_and_uses_the_one_that_is_there(host: Host) -> None:
    assert host.digest(A="hush", check=True) == digest.UNKNOWN
    assert not host.key.exists()
    assert host.digest(A="hush") == host.digest(A="hush", check=True)


def test_the_key_of_a_deploy_at_the_same_time_stays(host: Host) -> None:
    digest.make(host.key)
    first = host.key.read_bytes()
    digest.make(host.key)
    assert host.key.read_bytes() == first
    assert [path.name for path in host.key.parent.iterdir()] == [host.key.name]


def _link(key: Path) -> None:
    key.with_name("known").write_bytes(b"k" * digest.KEY_BYTES)
    key.with_name("known").chmod(0o600)
    key.symlink_to("known")


def _written(content: bytes, mode: int) -> Any:
    def write(key: Path) -> None:
        key.write_bytes(content)
        key.chmod(mode)

    return write


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (_written(b"k" * digest.KEY_BYTES, 0o640), "has the mode 0640, so others may know it"),
        (_written(b"", 0o600), "does not have the 32 bytes of a key"),
        (_written(b"k" * 1000, 0o600), "does not have the 32 bytes of a key"),
        (_link, "is a link"),
        (os.mkfifo, "is no file"),
    ],
)
def test_a_key_that_another_may_know_is_refused_with_the_way_out(host: Host, plant: Any, words: str) -> None:
    """Also one that would block for ever."""
    plant(host.key)
    said = host.digest(A="hush", status=1)
    assert said.startswith(f"{host.key} {words}. Remove it and run the same command again: ")
    assert "hush" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_is_refused(host: Host) -> None:
    host.digest(A="hush")
    os.chown(host.key, 65534, 65534)
    assert "belongs to another user (number 65534)" in host.digest(A="hush", status=1)
