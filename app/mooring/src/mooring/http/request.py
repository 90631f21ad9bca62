"""From the bytes of a head to a request: its parts, its framing, or why it is refused.

Rules: RFC 9112 (syntax, 3 targets, 6 framing, 9.3 persistence), RFC 9110 (fields, Host, Expect). Everything that
two parties could read in two ways is refused, because what one takes for a body may be the other's next request.
"""

from __future__ import annotations

import httptools

from mooring.http.errors import RequestError
from mooring.http.grammar import ABSOLUTE, CODINGS, HEAD, HOST, LENGTH, explained
from mooring.http.limits import Limits

MAX_CACHED = 1024
MAX_CACHED_LENGTH = 100
"""Most entries of each memo here, and the longest: clients choose what goes in."""

CHUNKED = -1
"""The length of a body that comes in chunks."""

SINGLE = frozenset(
    (
        "HTTP_HOST",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_AUTHORIZATION",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_CONTENT_RANGE",
        "HTTP_EXPECT",
        "HTTP_IF_MODIFIED_SINCE",
        "HTTP_IF_UNMODIFIED_SINCE",
        "HTTP_IF_RANGE",
    )
)
"""Fields that may stand once only: those that gunicorn or nginx refuse when they are doubled and that are no lists.

Of others the values are joined (RFC 9110 5.3).
"""


class Request:
    """One parsed head.

    ``variables`` are its meta-variables (RFC 3875 4.1), latin-1 decoded as PEP 3333 wants: the fields (``HTTP_ACCEPT``,
    ``CONTENT_TYPE``), method, path and query, protocol, and the target as it came. ``length`` is the body's length in
    bytes, or CHUNKED; ``upgrades``: it asks for a websocket.

    Names with an underscore are left out: ``X_Y`` and ``X-Y`` would have the same key, so a client could pass off its own
    for one that a proxy has set.
    """

    __slots__ = (
        "_raw",
        "expects_continue",
        "is_11",
        "keep_alive",
        "length",
        "method",
        "target",
        "upgrades",
        "variables",
    )

    def __init__(self, head: bytes, limits: Limits) -> None:
        matched = HEAD.fullmatch(head)
        if matched is None:
            raise explained(head)
        method, target, minor = matched.groups()
        if head.count(b"\n") - 2 > limits.max_header_fields:
            raise RequestError(431, f"more than {limits.max_header_fields} header fields")
        self._raw: list[tuple[bytes, bytes]] = []
        self._parse(head[head.index(b"\r\n") :])
        self.method = method.decode("ascii")
        self.is_11 = minor == b"1"
        variables = self.variables = self._collect()
        host = variables.get("HTTP_HOST")
        if host not in _HOSTS:
            self._check_host(host)
        self._set_target(target)
        self.length = 0
        if "CONTENT_LENGTH" in variables or "HTTP_TRANSFER_ENCODING" in variables:
            self.length = self._framing(limits.max_body)
        connection = variables.get("HTTP_CONNECTION")
        self.keep_alive = self.is_11 if connection is None else self._persists(connection)
        if method == b"CONNECT":  # a client could take what follows a success for a tunnel (RFC 9110 9.3.6)
            self.keep_alive = False
        self.expects_continue = "HTTP_EXPECT" in variables and self._expects()
        self.upgrades = "HTTP_UPGRADE" in variables and self._upgrades()
        variables["REQUEST_METHOD"] = self.method
        variables["REQUEST_URI"] = variables["RAW_URI"] = self.target
        variables["SERVER_PROTOCOL"] = "HTTP/1.1" if self.is_11 else "HTTP/1.0"

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field from the parser."""
        self._raw.append((name, value))

    def _parse(self, fields: bytes) -> None:
        """Take the fields apart, given with the line end before them.

        llhttp gets a request line of ours: it knows a fixed list of methods, and takes ASCII alone in a target.
        """
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(b"GET / HTTP/1.1" + fields)
        except httptools.HttpParserUpgrade:
            pass  # the head ends here; an Upgrade that nobody takes up is ignored (RFC 9110 7.8)
        except httptools.HttpParserError as error:
            raise RequestError(400, str(error)) from error

    def _collect(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for name, value in self._raw:
            key = _KEYS.get(name)
            if key is None:
                key = _key(name)
            if not key:
                continue
            text = value.decode("latin-1")
            if text[-1:] in (" ", "\t"):
                text = text.rstrip(" \t")
            if key in fields:
                if key in SINGLE:
                    raise RequestError(
                        400, f"{name.decode('ascii')} stands more than once (RFC 9110 5.3, RFC 9112 6.3)"
                    )
                fields[key] += ("; " if key == "HTTP_COOKIE" else ",") + text  # RFC 6265 5.4, RFC 9110 5.3
            else:
                fields[key] = text
        return fields

    def _set_target(self, target: bytes) -> None:
        if b"#" in target:
            raise RequestError(400, "the target has a fragment (RFC 9112 3.2)")
        self.target = target.decode("latin-1")
        if target[0] == 0x2F:  # origin-form, RFC 9112 3.2.1
            path, _, query = target.partition(b"?")
        elif self.method == "CONNECT":
            raise RequestError(501, "this is no proxy: CONNECT is not implemented (RFC 9110 9.3.6)")
        elif target == b"*":
            if self.method != "OPTIONS":
                raise RequestError(400, "the target * goes with OPTIONS alone (RFC 9112 3.2.4)")
            path, query = b"*", b""
        else:
            absolute = ABSOLUTE.fullmatch(target)
            if absolute is None:
                raise RequestError(400, "the target is neither a path nor an http URL (RFC 9112 3.2)")
            authority, path, query = absolute.groups(b"")
            path, query = path or b"/", query[1:]
            host = authority.decode("latin-1")
            if not HOST.fullmatch(host):
                raise RequestError(400, "the target's authority is not a host and port (RFC 9112 3.2.2)")
            self.variables["HTTP_HOST"] = host  # the target wins over the field (RFC 9112 3.2.2)
        self.variables["PATH_INFO"] = (_unquote(path) if b"%" in path else path).decode("latin-1")
        self.variables["QUERY_STRING"] = query.decode("latin-1")

    def _framing(self, max_body: int) -> int:
        """Return the length of the body (RFC 9112 6.3)."""
        coding = self.variables.get("HTTP_TRANSFER_ENCODING")
        if coding is not None:
            if "CONTENT_LENGTH" in self.variables:
                raise RequestError(400, "both Content-Length and Transfer-Encoding (RFC 9112 6.1)")
            if not self.is_11:
                raise RequestError(400, "Transfer-Encoding with HTTP/1.0 (RFC 9112 6.1)")
            if coding.lower() != "chunked":
                if CODINGS.fullmatch(coding):
                    raise RequestError(
                        501, "a transfer coding other than chunked is not implemented (RFC 9112 6.1)"
                    )
                raise RequestError(
                    400, "chunked is not the last transfer coding, or not alone (RFC 9112 6.3)"
                )
            return CHUNKED
        length = self.variables["CONTENT_LENGTH"]
        if not LENGTH.fullmatch(length):
            raise RequestError(400, "the Content-Length is not a number (RFC 9112 6.3)")
        if max_body and int(length) > max_body:
            raise RequestError(413, f"the body has more than {max_body} bytes")
        return int(length)

    def _persists(self, connection: str) -> bool:
        """Tell whether the client would keep the connection, by its Connection field (RFC 9112 9.3)."""
        options = [option.strip(" \t") for option in connection.lower().split(",")]
        return "close" not in options and (self.is_11 or "keep-alive" in options)

    def _expects(self) -> bool:
        """Tell whether the client waits for 100 (Continue) before it sends the body (RFC 9110 10.1.1)."""
        if not self.is_11:
            return False
        if self.variables["HTTP_EXPECT"].lower() != "100-continue":
            raise RequestError(417, "the Expect field asks for something other than 100-continue")
        return self.length != 0

    def _upgrades(self) -> bool:
        """Tell whether the client would speak websocket from here on (RFC 6455 4.1); no other protocol is taken up."""
        options = [
            option.strip(" \t") for option in self.variables.get("HTTP_CONNECTION", "").lower().split(",")
        ]
        asks = self.is_11 and self.method == "GET" and not self.length and "upgrade" in options
        return asks and self.variables["HTTP_UPGRADE"].lower() == "websocket"

    def _check_host(self, host: str | None) -> None:
        if host is None:
            if self.is_11:
                raise RequestError(400, "the Host field is missing (RFC 9112 3.2)")
        elif not HOST.fullmatch(host):
            raise RequestError(400, "the Host field is not a host and port (RFC 9112 3.2)")
        elif len(_HOSTS) < MAX_CACHED and len(host) < MAX_CACHED_LENGTH:
            _HOSTS.add(host)


def parse(head: bytes, limits: Limits) -> Request:
    """Return the request that starts with this head. Raises RequestError.

    Clients that poll, and load balancers that check, send the same head again and again, so requests without a
    body are remembered for a while: they are not changed once they are made.
    """
    request = _REQUESTS.get(head)
    if request is None:
        request = Request(head, limits)
        if not request.length and len(head) <= MAX_REMEMBERED_HEAD:
            if len(_REQUESTS) >= MAX_REMEMBERED:
                _REQUESTS.clear()
            _REQUESTS[head] = request
    return request


MAX_REMEMBERED = 256
MAX_REMEMBERED_HEAD = 2048
"""Most requests that are remembered, and their largest head in bytes."""

_REQUESTS: dict[bytes, Request] = {}

_HOSTS: set[str | None] = set()
"""Host fields that are known to be right."""

_KEYS: dict[bytes, str] = {}


def _key(name: bytes) -> str:
    """Return WSGI's key for a field name (RFC 3875 4.1.18), or an empty one if the field is to be left out."""
    if b"_" in name:
        key = ""
    else:
        key = name.decode("ascii").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
    if len(_KEYS) < MAX_CACHED and len(name) < MAX_CACHED_LENGTH:
        _KEYS[name] = key
    return key


_HEX = {b"%02X" % byte: bytes((byte,)) for byte in range(256)}


def _unquote(path: bytes) -> bytes:
    """Decode percent-encoding; what is not two hexadecimal digits stays as it came."""
    first, *rest = path.split(b"%")
    decoded = [first]
    for part in rest:
        byte = _HEX.get(part[:2].upper())
        decoded.append(b"%" + part if byte is None else byte + part[2:])
    return b"".join(decoded)
