"""An attacker who has taken the address of an API host: a real HAProxy gives him no request, as the role configures it."""

from __future__ import annotations

import contextlib
import csv
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.balancer import rendered
from support.certificates import Authority
from support.folders import short_folder
from support.ports import free_port
from support.tls import Thief, thief
from support.waiting import until
from support.worker import Worker, worker

HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")
CHECK_LATER = 600_000
"""Milliseconds between two checks: what a client is answered shows without HAProxy's knowing better."""
NAME = "api.example.org"
ATTACKERS = {"otherca": "127.0.0.2", "othername": "127.0.0.3", "expired": "127.0.0.4", "oldtls": "127.0.0.5"}


class Site:
    """The servers, the authorities, and the configuration that the role renders for them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.good, self.bad = folder, Authority(folder, "good"), Authority(folder, "bad")
        self.new = Authority(folder, "new")
        self.certificate = self.good.sign("api", NAME)
        self.backend = 0
        self.attackers: dict[str, Thief] = {}

    @contextlib.contextmanager
    def served(self) -> Iterator[Worker]:
        """Serve by a real worker, and by each attacker, at one port of several addresses."""
        shown = {
            "otherca": self.bad.sign("otherca", NAME),
            "othername": self.good.sign("othername", "other.example.org"),
            "expired": self.good.sign("expired", NAME, expired=True),
            "oldtls": self.good.sign("oldtls", NAME),
        }
        with contextlib.ExitStack() as servers:
            one = servers.enter_context(
                worker("worker_apps:echo", tls_cert=self.certificate[0], tls_key=self.certificate[1])
            )
            self.backend = one.address[1]
            for name, address in ATTACKERS.items():
                self.attackers[name] = servers.enter_context(
                    thief(shown[name], (address, self.backend), old=name == "oldtls")
                )
            yield one

    def played(self, *hosts: str, checked: bool = True, **values: Any) -> str:
        """Run the role's check, and render the configuration for these hosts and the good one."""
        addresses = {"good": "127.0.0.1", **{name: ATTACKERS[name] for name in hosts}}
        inventory = {
            "api": {
                "hosts": {name: {"ansible_host": address} for name, address in addresses.items()},
                "vars": {
                    "worker_settings": {"MOORING_TLS_CERT": "/etc/ssl/api.pem"},
                    "api_port": self.backend,
                    "workers_ca": str(self.good.path),
                    "workers_tls_name": NAME,
                    **values,
                },
            },
            "loadbalancer": {
                "hosts": {"lb": {"ansible_python_interpreter": sys.executable}},
                "vars": {"loadbalancer_bind": "127.0.0.1"},
            },
        }
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        return rendered(self.folder, checked=checked)

    def counts(self) -> dict[str, int]:
        return {name: len(each.received) for name, each in self.attackers.items()}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with short_folder() as folder:
        yield Site(folder)


class Balancer:
    """HAProxy with a configuration of the role's, as an ordinary user may run it."""

    def __init__(self, folder: Path, text: str, authorities: Path, interval: int) -> None:
        self.folder, self.port, self.authorities = folder, free_port(), folder / "authorities.pem"
        self.authorities.write_bytes(authorities.read_bytes())
        assert HAPROXY is not None
        for pattern, instead in (
            (r"^ +(chroot|user|group|log \/dev) .*\n", ""),
            (r"/run/haproxy/admin\.sock", str(folder / "admin")),
            (r"bind 127\.0\.0\.1:\d+", f"bind 127.0.0.1:{self.port}"),
            (r"ca-file \S+", f"ca-file {self.authorities}"),
            (r"\bcheck inter \d+ms", f"check inter {interval}ms"),
            (r"\bmaxconn \d+", "maxconn 100"),  # within the limit on open files of an ordinary login
        ):
            text, found = re.subn(pattern, instead, text, flags=re.MULTILINE)
            assert found or "ca-file" in pattern, pattern
        self.conf = folder / "haproxy.cfg"
        self.conf.write_text(text)
        self.process = subprocess.Popen([HAPROXY, "-db", "-f", self.conf], cwd=folder)

    def tell(self, words: str) -> str:
        """Give a command to the process that serves now."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(30)
            admin.connect(str(self.folder / "admin"))
            admin.sendall(f"{words}\n".encode())
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def pid(self) -> str:
        """Return the number of that process; "" while none listens."""
        assert self.process.poll() is None, "HAProxy has ended"
        try:
            return re.findall(r"^Pid: (\d+)", self.tell("show info"), re.MULTILINE)[0]
        except OSError:
            return ""

    def states(self) -> dict[str, tuple[str, str]]:
        """Map each server to its state and to what the last check has found."""
        rows = csv.DictReader(self.tell("show stat -1 4 -1").lstrip("# ").splitlines())
        return {row["svname"]: (row["status"].split()[0], row["check_status"]) for row in rows}

    def keep_up(self, *names: str) -> None:
        """Have servers up, whatever a check has found or would find."""
        for name in names:
            self.tell(f"disable health multicloud/{name}")
            self.tell(f"set server multicloud/{name} health up")

    def ask(self, method: str = "GET") -> tuple[int, bytes]:
        """Send one request; the status and the body of its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, "/", body=b"secret" if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, answer.read()


@contextlib.contextmanager
def balancer(text: str, authorities: Path, interval: int = CHECK_LATER) -> Iterator[Balancer]:
    with short_folder() as folder:
        one = Balancer(folder, text, authorities, interval)
        try:
            until(one.pid, "HAProxy listens")
            yield one
        finally:
            one.process.terminate()
            one.process.wait(60)


@needs_haproxy
def test_who_has_taken_a_host_s_address_gets_no_request(site: Site) -> None:
    """Neither before a check has found him out, nor by the checks themselves; and no client of HAProxy's sees it."""
    with site.served():
        verified = site.played(*ATTACKERS, checked=False)
        with balancer(verified, site.good.path) as one:
            one.keep_up(*one.states())
            for name in ATTACKERS:
                for each in ATTACKERS:
                    one.tell(f"set server multicloud/{each} state {'ready' if each == name else 'maint'}")
                one.keep_up("good", name)
                before = site.attackers[name].connections
                answers = [one.ask(method) for method in ("GET", "POST") * 5]
                assert {status for status, _ in answers} == {200}
                assert b"stolen" not in {body for _, body in answers}
                assert site.attackers[name].connections > before, "he has been tried"
        with balancer(verified, site.good.path, 100) as one:
            for name in ATTACKERS:
                until(lambda name=name: one.states()[name] == ("DOWN", "L6RSP"), f"{name} is marked down")
            until(lambda: one.states()["good"][0] == "UP", "the right host is up")
            one.keep_up("good")
            assert {one.ask() for _ in range(5)} == {(200, one.ask()[1])}
        assert site.counts() == dict.fromkeys(ATTACKERS, 0)
        with balancer(site.played("otherca", checked=False, workers_tls_verify=False), site.good.path) as one:
            until(lambda: one.ask() == (200, b"stolen"), "that is what the attack can do")
        assert site.counts()["otherca"] > 0


@needs_haproxy
def test_no_request_fails_while_certificates_of_two_authorities_serve(site: Site) -> None:
    """A change of the authority: both in the file, new workers beside old ones, then the new one alone."""
    both = site.folder / "both.pem"
    both.write_bytes(site.good.path.read_bytes() + site.new.path.read_bytes())
    answers: list[int] = []
    end = threading.Event()
    new = site.new.sign("renewed", NAME)
    with worker("worker_apps:echo", tls_cert=site.certificate[0], tls_key=site.certificate[1]) as blue:
        site.backend = blue.address[1]
        text = site.played(checked=False)
        green = Worker(
            "worker_apps:echo", tls_cert=new[0], tls_key=new[1], colour="green", run_dir=blue.folder
        )
        try:
            with balancer(text, both) as one:
                one.keep_up("good")

                def client(method: str) -> None:
                    while not end.is_set():
                        answers.append(one.ask(method)[0])

                def more() -> None:
                    wanted = len(answers) + 20
                    until(lambda: len(answers) > wanted, "clients are answered")

                clients = [threading.Thread(target=client, args=(method,)) for method in ("GET", "POST")]
                for thread in clients:
                    thread.start()
                try:
                    more()
                    green.start(stdin=blue.listener)
                    more()
                    blue.terminate()
                    assert blue.wait() == 0
                    more()
                finally:
                    end.set()
                    for thread in clients:
                        thread.join(60)
            assert set(answers) == {200}
            for authorities, status in ((site.new.path, 200), (site.good.path, 503)):
                with balancer(text, authorities) as one:
                    one.keep_up("good")
                    assert one.ask()[0] == status
        finally:
            green.stop()


def test_a_certificate_that_cannot_be_verified_is_told_before_anything_changes(site: Site) -> None:
    """A host that is down, or whose TLS is another's matter, does not keep the load balancer from its configuration."""
    with site.served():
        for hosts, values, words in (
            (
                ATTACKERS,
                {},
                ["otherca shows a certificate that is not good for", "Hostname mismatch", "has expired"],
            ),
            ((), {"workers_ca": str(site.bad.path)}, ["good shows a certificate", "unable to get"]),
        ):
            (site.folder / "haproxy.cfg").unlink(missing_ok=True)
            with pytest.raises(AssertionError) as caught:
                site.played(*hosts, **values)
            said = " ".join(str(caught.value).split())
            assert [each for each in words if each not in said] == []
            assert "oldtls shows" not in said
            assert not (site.folder / "haproxy.cfg").exists(), "nothing has been changed"
        assert site.counts() == dict.fromkeys(ATTACKERS, 0)
        site.played("oldtls")
    site.played("otherca")
