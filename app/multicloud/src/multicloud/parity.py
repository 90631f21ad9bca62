"""Ask two servers of the API the same and print where they differ: ``python -m multicloud.parity URL1 URL2``.

For whoever moves from one framework to the other and wants to see for himself. Nothing that is asked changes anything:
what a region could act upon is refused before (by its method, its Accept field, its body), and regions are
asked with GET only, and only those that are named.
"""

from __future__ import annotations

import argparse
import http.client
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from multicloud.core.routes import PREFIX

COMPARED = ("content-type", "content-length", "allow")
"""Header fields that must be the same; others (Date, Server, the request's id) are the server's or the request's."""

SHOWN = 300
"""Bytes of a body that are shown."""


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def __str__(self) -> str:
        more = "".join(f" {name}: {value}" for name, value in self.headers.items())
        return f"{self.method} {self.path}{more}{'' if self.body is None else f' {self.body[:60]!r}'}"


@dataclass(frozen=True)
class Response:
    """What of a response must be the same."""

    status: int
    headers: tuple[tuple[str, str | None], ...]
    body: bytes

    def __str__(self) -> str:
        headers = "".join(f" {name}: {value!r}" for name, value in self.headers if value is not None)
        cut = "…" if len(self.body) > SHOWN else ""
        return f"{self.status}{headers} {self.body[:SHOWN]!r}{cut}"


FIXED = ("/v0/vim_types", "/v1/vim_types", "/v0/swagger.json")
CAPACITY = ("/v0/check_vim_capacity", "/v1/check_vim_capacity")
UNKNOWN_REGIONS = ("/v0/no_region", "/v1/no/region")
BELOW = ("", "/", "/identity/v3", "/identity/v3/auth/tokens", "/registry", "/extensions", "/tenant/networks")


def all_requests(regions: Sequence[str]) -> Iterator[Request]:
    """Yield all requests; of regions (as ``owner_region``) only those that are named."""
    yield from _refused_methods()
    yield from _local()
    yield from _unmatched()
    yield from _capacity()
    yield from _unknown_regions()
    for region in regions:
        owner, _, name = region.partition("_")
        for base in (f"/v0/{region}", f"/v1/{owner}/{name}"):
            yield Request("GET", base)
            yield Request("GET", f"{base}/identity/v3")
            yield Request("GET", f"{base}/extensions")


def _refused_methods() -> Iterator[Request]:
    of_regions = [f"{base}{rest}" for base in UNKNOWN_REGIONS for rest in BELOW]
    for path in (*FIXED, *CAPACITY, *of_regions, "/v1/no/region/infra_workload/1"):
        for method in ("OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO", "get"):
            yield Request(method, path)
        yield Request("DELETE", path, {"Accept": "text/html"})
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    yield Request("POST", "/v1/no/region/infra_workload", multipart, b"--x--\r\n")


def _local() -> Iterator[Request]:
    accepts = ("*/*", "application/json", "application/*;q=0.5", "text/html", "", "application/json;q=0")
    for path in FIXED:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            yield Request(method, path)
        for accept in accepts:
            yield Request("GET", path, {"Accept": accept})


def _unmatched() -> Iterator[Request]:
    known = ("", "/", "/v0", "/v0/", "/v2/vim_types", "/v1/swagger.json", "/V0/vim_types", "/v1/owner")
    for path in (*known, "/v0/a.b/c", "/v0/caf\xc3\xa9_region/x", "/\xff"):
        for method in ("GET", "HEAD", "POST", "OPTIONS", "FOO"):
            yield Request(method, path)
    for path in ("/v0/owner/networks", "/v0/_region/x", "/v0/owner_/x", "/v0/owner"):
        yield Request("GET", path)
        yield Request("HEAD", path)


def _capacity() -> Iterator[Request]:
    odd = (b"", b"{", b"[]", b"null", b"\xff")
    for path in CAPACITY:
        for body in (*odd, b'{"VIMs": 1}', b'{"VIMs": [1]}', b"{}", b'{"VIMs": []}'):
            yield Request("POST", path, {"Content-Type": "application/json"}, body)


def _unknown_regions() -> Iterator[Request]:
    targets = ("/caf\xc3\xa9?\xe2\x82\xac", "/\xff?", "/a%2Fb//c;d/../e?x=%26&y")
    for base in UNKNOWN_REGIONS:
        for rest in (*BELOW[1:], *targets):
            yield Request("GET", base + rest)


class _AnyTarget(http.client.HTTPConnection):
    """A connection that sends any target, one byte per character; http.client's own takes ASCII alone."""

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


class _AnyTargetTls(_AnyTarget, http.client.HTTPSConnection):
    """The same over TLS."""


class Server:
    """One of the two servers."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/").removesuffix(PREFIX)
        self._parts: SplitResult = urlsplit(self.url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{url} is no base URL; give one like http://127.0.0.1:9001")

    def send(self, request: Request, timeout: float) -> Response:
        """Return what the server answers. Raises OSError and http.client.HTTPException."""
        kind = _AnyTargetTls if self._parts.scheme == "https" else _AnyTarget
        connection = kind(str(self._parts.hostname), self._parts.port, timeout=timeout)
        try:
            connection.request(
                request.method, f"{self._parts.path}{PREFIX}{request.path}", request.body, request.headers
            )
            response = connection.getresponse()
            body = response.read()
            return Response(
                response.status, tuple((name, response.getheader(name)) for name in COMPARED), body
            )
        finally:
            connection.close()


def compare(servers: Sequence[Server], requests: Iterator[Request], timeout: float) -> tuple[int, list[str]]:
    """Ask both servers everything; return how much that was, and a text for each difference.

    Raises OSError and http.client.HTTPException when a server gives no answer.
    """
    count, differences = 0, []
    for request in requests:
        count += 1
        first, second = (server.send(request, timeout) for server in servers)
        if first != second:
            differences.append(
                f"{request}\n  {servers[0].url}\n    {first}\n  {servers[1].url}\n    {second}\n"
            )
    return count, differences


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison. Returns 0: the same; 1: differences, printed; 2: wrong usage, or a server gives no answer."""
    parser = argparse.ArgumentParser(
        prog="python -m multicloud.parity", description="Compare two servers of the Multi-Cloud API."
    )
    parser.add_argument("url", nargs=2, help="base URL of a server, for example http://127.0.0.1:9001")
    parser.add_argument(
        "--region", action="append", default=[], help="also GET from this region (owner_region)"
    )
    parser.add_argument(
        "--timeout", type=float, default=60, help="seconds to wait for an answer (%(default)s)"
    )
    options = parser.parse_args(arguments)
    for region in options.region:
        if not all(region.partition("_")):
            parser.error(f"{region} is no region; give one as owner_region")
    try:
        servers = [Server(url) for url in options.url]
        count, differences = compare(servers, all_requests(options.region), options.timeout)
    except ValueError as error:
        parser.error(str(error))
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"No answer to compare: {error or type(error).__name__}. Are both servers up?\n")
        return 2
    sys.stdout.writelines(differences)
    sys.stdout.write(f"{count} requests, {len(differences)} differences\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
