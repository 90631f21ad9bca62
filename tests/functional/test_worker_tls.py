"""TLS by the worker itself: certificates, versions, client certificates, and everything else as without."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Authority
from support.waiting import DEADLINE, until
from support.worker import Client, Worker, worker


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def one(authority: Authority) -> Iterator[Worker]:
    cert, key = authority.sign("server")
    with worker("worker_apps:site", tls_cert=cert, tls_key=key, header_timeout=600) as running:
        yield running


def context(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.path))


@contextlib.contextmanager
def over_tls(one: Worker, using: ssl.SSLContext) -> Iterator[Client]:
    raw = socket.create_connection(one.address, timeout=DEADLINE)
    try:
        wrapped = using.wrap_socket(raw, server_hostname="127.0.0.1")
    except BaseException:
        raw.close()
        raise
    client = Client(wrapped)
    try:
        yield client
    finally:
        client.close()


def page(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_serves_and_keeps(one: Worker, authority: Authority, version: ssl.TLSVersion) -> None:
    using = context(authority)
    using.minimum_version = using.maximum_version = version
    with over_tls(one, using) as client:
        assert client.ask(page("")).body == b"root"
        assert client.ask(page("big")).body == b"0123456789" * 1_000_000
        assert client.ask(page("file")).body == bytes(range(256)) * 20_000
        assert client.ask(page("generator")).body == b"a" + b"b" * 100_000 + b"c"
        body = b"x" * 1_000_000
        post = b"POST /counts_body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert client.ask(post + body).body == b"1000000"
        client.send(page("") * 3)
        assert [answer.body for answer in [client.answer() for _ in range(3)] if answer] == [b"root"] * 3


def test_the_application_knows(authority: Authority) -> None:
    cert, key = authority.sign("knows")
    with worker("worker_apps:show_environ", tls_cert=cert, tls_key=key) as one:
        with over_tls(one, context(authority)) as client:
            environ = json.loads(client.ask().body)
        assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")


def test_old_versions_are_refused(one: Worker, authority: Authority) -> None:
    using = context(authority)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        using.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        using.maximum_version = ssl.TLSVersion.TLSv1_1
    using.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError), over_tls(one, using):
        pass


def test_plain_text_and_silence_harm_nobody(one: Worker, authority: Authority) -> None:
    with one.client() as plain, one.client() as silent:
        plain.send(page(""))
        with contextlib.suppress(ConnectionResetError):
            assert not plain.file.read().startswith(b"HTTP/")
        silent.send(b"\x16\x03\x01")
        with over_tls(one, context(authority)) as client:
            assert client.ask(page("")).body == b"root"
    until(lambda: one.stats()["open"] == 0, "both are over")
    assert one.stats()["errors"] == 0


def test_a_drain_finishes_over_tls(authority: Authority) -> None:
    cert, key = authority.sign("drains")
    with worker(
        "worker_apps:site", tls_cert=cert, tls_key=key, drain_timeout=600, drain_idle_grace=600
    ) as one:
        with over_tls(one, context(authority)) as client:
            client.ask(page(""))
            one.terminate()
            until(lambda: '"event": "drain"' in one.words(), "the drain has begun")
            assert client.ask(page("")).field("Connection") == "close"
            assert client.at_end()
        assert one.wait() == 0


def test_client_certificates(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.sign("asks")
    stranger = Authority(tmp_path, "stranger")
    with worker("worker_apps:site", tls_cert=cert, tls_key=key, tls_client_ca=authority.path) as one:
        known = context(authority)
        known.load_cert_chain(*authority.sign("client"))
        with over_tls(one, known) as client:
            assert client.ask(page("")).body == b"root"
        unknown = context(authority)
        unknown.load_cert_chain(*stranger.sign("client"))
        for using in (context(authority), unknown):
            # with TLS 1.3 the client learns of it when it reads (RFC 8446 4.4.2.4)
            with pytest.raises((ssl.SSLError, ConnectionError)), over_tls(one, using) as client:
                client.ask(page(""))
        assert one.stats()["requests"] == 1
        assert "the TLS handshake failed: PEER_DID_NOT_RETURN_A_CERTIFICATE" in one.words()
        assert "the TLS handshake failed: CERTIFICATE_VERIFY_FAILED" in one.words()


@pytest.mark.parametrize("which", ["missing", "empty", "other key"])
def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path, which: str) -> None:
    cert, key = authority.sign(which.replace(" ", "_"))
    if which == "missing":
        cert = tmp_path / "nothing.crt"
    elif which == "empty":
        cert.write_text("")
    else:
        _, key = authority.sign("other")
    one = Worker("worker_apps:site", tls_cert=cert, tls_key=key)
    try:
        one.start(ready=False)
        assert one.wait() == 2
        assert f"MOORING_TLS_CERT, MOORING_TLS_KEY: {cert} cannot be used: " in one.words()
    finally:
        one.stop()
