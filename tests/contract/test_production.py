"""How the API runs in production: settings that say what is wrong, TLS that is verified, secrets that stay secret."""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from multicloud.client.connection import ssl_context
from support.api import HTML, PASSWORD, PREFIX, Client, Stage, text_of
from support.certificates import Authority
from support.places import SOURCES
from support.tls import thief
from support.upstream.server import Upstream, drop, region, region_reply, respond
from support.upstream.wire import Seen, Wire
from support.upstream.worker import Worker
from support.waiting import DEADLINE, until

PATH = f"{PREFIX}/v0/owner_region/x"


def run(framework: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Import the API as a server does."""
    code = {
        "django": "from multicloud.django_web.wsgi import application",
        "pecan": "from multicloud.pecan_web.app import make_app; make_app()",
    }[framework]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={"PYTHONPATH": SOURCES, "PATH": os.environ["PATH"], **environment},
        check=False,
    )


def test_it_starts_without_any_setting(framework: str) -> None:
    done = run(framework)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_wrong_setting_is_the_last_thing_it_says(framework: str) -> None:
    done = run(framework, MULTICLOUD_READ_TIMEOUT="soon", MULTICLOUD_POOL_SIZE="0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "multicloud.core.settings.WrongSettingsError: MULTICLOUD_READ_TIMEOUT is 'soon';"
        " allowed: a number of seconds, at least 0.01, for example 30 or 0.5.",
        "MULTICLOUD_POOL_SIZE is '0'; allowed: a whole number from 1 to 10000.",
    ]


def test_django_finds_nothing_to_complain_of() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "INFO"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={
            "PYTHONPATH": SOURCES,
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "multicloud.django_web.settings",
        },
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (3 silenced).\n"), (
        done.stderr
    )


def test_django_is_what_it_says(stage: Stage) -> None:
    stage.client("django", "process")
    from django.conf import settings

    assert (settings.DEBUG, settings.MIDDLEWARE, settings.INSTALLED_APPS) == (False, [], [])
    assert settings.ALLOWED_HOSTS == ["*"]
    assert settings.SILENCED_SYSTEM_CHECKS == ["security.W001", "security.W002", "security.W003"]
    key = subprocess.run(
        [sys.executable, "-c", "from multicloud.django_web.settings import SECRET_KEY as key; print(key)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": SOURCES},
    ).stdout.strip()
    assert len(key) > 50
    assert key != settings.SECRET_KEY, "each process draws its own"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that is its own authority, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def tls(certificate: Path) -> Iterator[Upstream]:
    """A&AI and MSB behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Upstream(context)
    aai = region_reply({("owner", "region"): region()})
    server.reply = lambda seen, wire: (aai if "/cloud-region/" in seen.target else respond(200, b"{}"))(
        seen, wire
    )
    yield server
    server.close()


def test_a_certificate_is_verified(in_process_with: Callable[..., Client], tls: Upstream) -> None:
    unknown = (404, HTML, "Failed to query VIM with id (owner_region) from extsys.")
    assert text_of(in_process_with(aai_url=tls.url).request("GET", PATH)) == unknown
    assert not tls.seen, "no request, and so no credentials, went to a stranger"


IMPOSTORS = ["unknown authority", "wrong name", "expired", "old TLS"]


@pytest.mark.parametrize("which", IMPOSTORS)
@pytest.mark.parametrize("upstream", ["aai", "msb"])
def test_an_impostor_gets_no_request(
    in_process_with: Callable[..., Client], upstream: str, which: str, tmp_path: Path
) -> None:
    """By the name of an upstream, with another authority's certificate, another's, an old one, or by TLS 1.1."""
    good, other = Authority(tmp_path, "good"), Authority(tmp_path, "other")
    signs = other if which == "unknown authority" else good
    name = "other.example.org" if which == "wrong name" else "localhost"
    certificate = signs.sign("shown", name, expired=which == "expired")
    with thief(certificate, old=which == "old TLS") as impostor:
        url = f"https://localhost:{impostor.address[1]}"
        given = {f"{upstream}_url": url, f"{upstream}_ca_file": str(good.path)}
        assert in_process_with(**given).request("GET", PATH).status == (404 if upstream == "aai" else 500)
        if which == "old TLS":
            given = {f"{upstream}_url": url, f"{upstream}_tls_verify": "off"}
            assert in_process_with(**given).request("GET", PATH).status == (404 if upstream == "aai" else 500)
        assert impostor.connections > 0
        assert impostor.received == []


def test_the_right_one_gets_it(in_process_with: Callable[..., Client], tmp_path: Path) -> None:
    good = Authority(tmp_path, "good")
    with thief(good.sign("shown", "localhost")) as right:
        url = f"https://localhost:{right.address[1]}"
        assert in_process_with(msb_url=url, msb_ca_file=str(good.path)).request("GET", PATH).body == b"stolen"
        assert len(right.received) == 1


def test_tls_to_upstreams_begins_at_1_2() -> None:
    assert {ssl_context(None, verify=verify).minimum_version for verify in (True, False)} == {
        ssl.TLSVersion.TLSv1_2
    }


def test_an_authority_can_be_named(
    api_with: Callable[..., Client], tls: Upstream, msb: Upstream, certificate: Path
) -> None:
    api = api_with(aai_url=tls.url, aai_ca_file=str(certificate))
    assert api.request("GET", PATH).status == 200
    assert (len(tls.seen), len(msb.seen)) == (1, 1)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_switched_off(in_process_with: Callable[..., Client], tls: Upstream) -> None:
    assert in_process_with(aai_url=tls.url, aai_tls_verify="off").request("GET", PATH).status == 200


def test_msb_behind_tls(in_process_with: Callable[..., Client], tls: Upstream, certificate: Path) -> None:
    assert in_process_with(msb_url=tls.url, msb_ca_file=str(certificate)).request("GET", PATH).status == 200
    got = in_process_with(msb_url=tls.url).request("GET", PATH)
    assert got.status == 500
    assert b"certificate verify failed" in got.body


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_chunks_over_tls(
    api_with: Callable[..., Client], tls: Upstream, certificate: Path, pieces: int
) -> None:
    api = api_with(msb_url=tls.url, msb_ca_file=str(certificate))
    body = b"x" * 5000

    def reply(_seen: object, wire: object) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")  # type: ignore[attr-defined]
        for _ in range(pieces):
            wire.send(b"%x\r\n%b\r\n" % (len(body), body))  # type: ignore[attr-defined]
        wire.send(b"0\r\n\r\n")  # type: ignore[attr-defined]

    tls.reply = reply
    assert api.request("GET", PATH).body == body * pieces


def test_a_get_is_sent_once_more_over_tls(
    api_with: Callable[..., Client], tls: Upstream, certificate: Path
) -> None:
    """Both the lookup and the forward meet a kept connection that ends as they come."""
    api = api_with(
        aai_url=tls.url, aai_ca_file=str(certificate), msb_url=tls.url, msb_ca_file=str(certificate)
    )
    used: set[Wire] = set()
    replies = tls.reply

    def reply(seen: Seen, wire: Wire) -> None:
        (drop if wire in used else replies)(seen, wire)
        used.add(wire)

    tls.reply = reply
    assert [api.request("GET", PATH).status for _ in range(10)] == [200] * 10
    assert len(tls.seen) > 20


def test_a_redirect_leads_to_tls(
    in_process_with: Callable[..., Client], msb: Upstream, tls: Upstream, certificate: Path
) -> None:
    """By MSB's authorities, which have to be named."""
    msb.reply = respond(308, b"", ("Location", f"{tls.url}/there?a=%2f"))
    api = in_process_with(msb_ca_file=str(certificate), redirect_origins=tls.url)
    assert api.request("GET", PATH, {"Authorization": "Basic eA==", "Project": "p"}).status == 200
    seen = tls.only()
    assert (seen.method, seen.target) == ("GET", "/there?a=%2f")
    assert (seen.value("Authorization"), seen.value("Project")) == (None, None)
    got = in_process_with(redirect_origins=tls.url).request("GET", PATH)
    assert got.status == 500
    assert b"certificate verify failed" in got.body
    assert len(tls.seen) == 1


def test_a_redirect_leads_from_tls_to_none(
    in_process_with: Callable[..., Client], msb: Upstream, tls: Upstream, certificate: Path
) -> None:
    tls.reply = respond(307, b"", ("Location", f"http://127.0.0.1:{tls.port}/there"))
    got = in_process_with(msb_url=tls.url, msb_ca_file=str(certificate)).request(
        "GET", PATH, {"X-Auth-Token": "t"}
    )
    assert got.status == 500
    assert b"MULTICLOUD_REDIRECT_ORIGINS" in got.body
    assert len(tls.seen) == 1


def test_secrets_stay_secret(
    framework: str, stage: Stage, aai: Upstream, msb: Upstream, tmp_path: Path
) -> None:
    """Neither answers, logs, errors nor the process list show the password, whatever fails."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    settings = {**stage.settings, "MULTICLOUD_AAI_PASSWORD_FILE": str(secret), "MULTICLOUD_REQUEST_LOG": "on"}
    del settings["MULTICLOUD_AAI_PASSWORD"]
    with (tmp_path / "stdout").open("wb") as stdout, Worker(framework, settings, stdout.fileno()) as worker:
        shown = []
        for reply in (respond(500), drop, respond(200, b"nonsense"), respond(200, b"{}")):
            aai.reply = reply
            shown.append(worker.client.request("GET", PATH))
        assert len(aai.seen) == 5, "the one that was dropped on a kept connection came once more"
        assert all(seen.value("Authorization") for seen in aai.seen)
        command = Path(f"/proc/{worker.process.pid}/cmdline").read_bytes().decode(errors="replace")
        environment = Path(f"/proc/{worker.process.pid}/environ").read_bytes().decode(errors="replace")
        everything = f"{shown} {command} {environment} {worker.errors()} {(tmp_path / 'stdout').read_text()}"
    assert PASSWORD not in everything
    assert (aai.seen[0].value("Authorization") or "").split()[1] not in everything


def test_the_log_of_a_worker(framework: str, stage: Stage, msb: Upstream, tmp_path: Path) -> None:
    """One line for each request, in the order of their ends, with who answered."""
    msb.reply = respond(200, b"x" * 100_000)
    settings = {**stage.settings, "MULTICLOUD_REQUEST_LOG": "on"}
    with (tmp_path / "stdout").open("wb") as stdout, Worker(framework, settings, stdout.fileno()) as worker:
        worker.client.request("GET", f"{PREFIX}/v0/vim_types", {"X-TransactionId": "first"})
        worker.client.request("GET", f"{PATH}?token=secret", {"X-TransactionId": "second"})
        worker.client.request("GET", f"{PREFIX}/v0/%22%0a%7B", {"X-TransactionId": "third"})
        lines = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
        ours = {line["id"]: line for line in lines}
        assert [ours[each]["status"] for each in ("first", "second", "third")] == [200, 200, 404]
        assert (ours["second"]["path"], ours["second"]["bytes"]) == (PATH, 100_000)
        assert ours["second"]["upstream"] == f"{msb.url}/api/multicloud-pike"
        assert 0 < ours["second"]["upstream_ms"] <= ours["second"]["ms"]
        assert ours["first"]["upstream"] is None
        assert ours["third"]["path"] == f"{PREFIX}/v0/%22%0a%7B"
    assert "secret" not in (tmp_path / "stdout").read_text()


def test_a_log_that_nobody_reads_holds_nobody_up(framework: str, stage: Stage) -> None:
    """Neither a full pipe nor a closed one: not the request that finds it so, and none beside it."""
    reader, writer = os.pipe()
    try:
        with Worker(framework, {**stage.settings, "MULTICLOUD_REQUEST_LOG": "on"}, writer) as worker:
            path = f"{PREFIX}/v0/{'x' * 1000}.x"
            for _ in range(100):  # 64 KiB is what a pipe holds
                assert worker.client.request("GET", path).status == 404
            os.close(reader)
            assert worker.client.request("GET", path).status == 404
    finally:
        os.close(writer)


def test_the_sandbox(framework: str, tmp_path: Path) -> None:
    """The example of the README: a token, networks, a server, the capacity; and it ends at once on SIGTERM."""
    log = tmp_path / "sandbox.log"
    with log.open("wb") as stdout:
        sandbox = subprocess.Popen(
            [sys.executable, "-m", "multicloud.sandbox", "--port", "0"],
            stdout=stdout,
            env={"PYTHONPATH": SOURCES, "PATH": os.environ["PATH"]},
        )
    try:
        until(lambda: "Listening on " in log.read_text(), "the sandbox listens")
        first, second = log.read_text().splitlines()[:2]
        assert first.startswith("This is the sandbox of the Multi-Cloud API")
        url = second.split()[2].rstrip("/")
        settings = {"MULTICLOUD_AAI_URL": f"{url}/aai", "MULTICLOUD_MSB_URL": url}
        with Worker(framework, settings) as worker:
            _a_session(worker.client)
    finally:
        sandbox.terminate()
        assert sandbox.wait(DEADLINE) == 0


def _a_session(api: Client) -> None:
    north = f"{PREFIX}/v0/openstack_north"

    def ask(method: str, path: str, value: object = None, **fields: str) -> tuple[int, object]:
        body = None if value is None else json.dumps(value).encode()
        got = api.request(
            method, path, {name.replace("_", "-"): field for name, field in fields.items()}, body
        )
        return got.status, json.loads(got.body) if got.body else None

    got = api.request("POST", f"{north}/identity/v3/auth/tokens", {}, b'{"auth": {}}')
    token = got.value("X-Subject-Token")
    assert got.status == 201
    assert token
    networks = f"{north}/demo/networks"
    assert [each["name"] for each in ask("GET", networks, X_Auth_Token=token)[1]["networks"]] == ["public"]
    assert ask("GET", networks, X_Auth_Token=token[::-1])[0] == 401
    made = ask("POST", networks, {"name": "net-1", "networkType": "vlan", "shared": False})[1]
    assert (
        ask("POST", networks, {"name": "net-1", "networkType": "vlan", "shared": False})[1]["returnCode"] == 0
    )
    assert ask("POST", networks, {"name": "net-2"}) == (400, {"error": "a network needs networkType, shared"})
    subnet = {"networkId": made["id"], "name": "sub-1", "cidr": "192.0.2.0/24", "ipVersion": 4}
    assert ask("POST", f"{north}/demo/subnets", subnet)[0] == 201
    assert ask("DELETE", f"{networks}/{made['id']}")[0] == 409
    flavor = ask("GET", f"{north}/demo/flavors?name=small")[1]["flavors"][0]
    server = {"name": "vm-1", "boot": {"type": 2}, "flavorId": flavor["id"]}
    made = ask("POST", f"{PREFIX}/v1/openstack/north/demo/servers", server)[1]
    assert ask("POST", f"{north}/demo/servers/{made['id']}/action", {"os-stop": None})[0] == 202
    assert ask("GET", f"{north}/demo/servers/{made['id']}")[1]["status"] == "SHUTOFF"
    assert ask("DELETE", f"{north}/demo/servers/{made['id']}") == (204, None)
    assert ask("GET", f"{north}/demo/servers/{made['id']}")[0] == 404
    for path, key in (("tenants", "tenants"), ("demo/hosts", "hosts")):
        assert len(ask("GET", f"{north}/{path}")[1][key]) == 2
    assert ask("GET", f"{north}/demo/limits")[1]["maxTotalCores"] == 64
    wanted = {
        "vCPU": 10,
        "Memory": 8192,
        "Storage": 100,
        "VIMs": ["openstack_north", "openstack_edge", "no_where"],
    }
    assert ask("POST", f"{PREFIX}/v0/check_vim_capacity", wanted) == (200, {"VIMs": ["openstack_north"]})
    for owner, name in [("vmware", "south"), ("vsphere", "north"), ("azure", "south")]:
        assert ask("GET", f"{PREFIX}/v1/{owner}/{name}/demo/images")[0] == 200
    assert ask("DELETE", north) == (204, None)
    assert [each["name"] for each in ask("GET", networks)[1]["networks"]] == ["public"]


def test_capacity_works_in_plain_threads(stage: Stage) -> None:
    """Many at once in process: nothing of the core relies on a server's green threads."""
    api = stage.client("pecan", "process")
    statuses = []

    def ask() -> None:
        got = api.request("POST", f"{PREFIX}/v0/check_vim_capacity", {}, b'{"VIMs": ["owner_region"]}')
        statuses.append(got.status)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert statuses == [200] * 20


def test_a_body_that_the_server_refuses(framework: str, stage: Stage, msb: Upstream) -> None:
    """The server's own limit on bodies holds for chunked ones, and its status reaches the client."""
    client = stage.client(framework, "socket", MOORING_MAX_BODY="100000")
    chunked = {"Transfer-Encoding": "chunked"}
    for method, path in (("PUT", PATH), ("POST", f"{PREFIX}/v0/check_vim_capacity")):
        assert client.request(method, path, chunked, b"x" * 200_000).status == 413
    assert client.request("PUT", PATH, chunked, b"x" * 90_000).status == 200
