"""From the bytes of a head to a request: its parts, its framing, or why it is refused.

Rules: RFC 9112 (syntax, 3 targets, 6 framing, 9.3 persistence), RFC 9110 (fields, Host, Expect). Everything that
two parties could read in two ways is refused, because what one takes for a body may be the other's next request.
"""

from __future__ import annotations

import httptools

from mooring.settings import Settings
from mooring.worker.grammar import ABSOLUTE, HEAD, HOST, LENGTH, RefusedError, refusal

MAX_CACHED_NAMES = 1024

CHUNKED = -1
"""The length of a body that comes in chunks."""

SINGLE = frozenset(("HTTP_HOST", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"))
"""Fields that may stand once only; of others the values are joined (RFC 9110 5.3)."""


class Request:
    """One parsed head.

    ``fields`` maps WSGI's keys (``HTTP_ACCEPT``, ``CONTENT_TYPE``) to values, latin-1 decoded as PEP 3333 wants;
    ``length`` is the body's length in bytes, or CHUNKED. Names with an underscore are left out: ``X_Y`` and ``X-Y``
    would have the same key, so a client could pass off its own for one that a proxy has set.
    """

    __slots__ = (
        "_raw",
        "expects_continue",
        "fields",
        "is_11",
        "keep_alive",
        "length",
        "method",
        "path",
        "query",
        "target",
    )

    def __init__(self, head: bytes, settings: Settings) -> None:
        matched = HEAD.fullmatch(head)
        if matched is None:
            raise refusal(head)
        method, target, minor = matched.groups()
        if head.count(b"\r\n") - 2 > settings.max_header_fields:
            raise RefusedError(431, f"more than {settings.max_header_fields} header fields")
        self._raw: list[tuple[bytes, bytes]] = []
        self._parse(head)
        self.method = method.decode("ascii")
        self.is_11 = minor == b"1"
        self.fields = self._collect()
        host = self.fields.get("HTTP_HOST")
        if host is None:
            if self.is_11:
                raise RefusedError(400, "the Host field is missing (RFC 9112 3.2)")
        elif not HOST.fullmatch(host):
            raise RefusedError(400, "the Host field is not a host and port (RFC 9112 3.2)")
        self._set_target(target)
        self.length = self._framing(settings.max_body)
        self.keep_alive = self._persists()
        self.expects_continue = self._expects()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field from the parser."""
        self._raw.append((name, value))

    def _parse(self, head: bytes) -> None:
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass  # the head ends here; an Upgrade that nobody takes up is ignored (RFC 9110 7.8)
        except httptools.HttpParserInvalidMethodError as error:
            raise RefusedError(501, "the method is unknown (RFC 9110 9.1)") from error
        except httptools.HttpParserError as error:
            raise RefusedError(400, str(error)) from error

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
                    raise RefusedError(
                        400, f"{name.decode('ascii')} stands more than once (RFC 9112 3.2, 6.3)"
                    )
                fields[key] += ("; " if key == "HTTP_COOKIE" else ",") + text  # RFC 6265 5.4, RFC 9110 5.3
            else:
                fields[key] = text
        return fields

    def _set_target(self, target: bytes) -> None:
        if b"#" in target:
            raise RefusedError(400, "the target has a fragment (RFC 9112 3.2)")
        self.target = target.decode("ascii")
        if target[0] == 0x2F:  # origin-form, RFC 9112 3.2.1
            path, _, query = target.partition(b"?")
        elif self.method == "CONNECT":
            raise RefusedError(501, "this is no proxy: CONNECT is not implemented (RFC 9110 9.3.6)")
        elif target == b"*":
            if self.method != "OPTIONS":
                raise RefusedError(400, "the target * goes with OPTIONS alone (RFC 9112 3.2.4)")
            path, query = b"*", b""
        else:
            absolute = ABSOLUTE.fullmatch(target)
            if absolute is None:
                raise RefusedError(400, "the target is neither a path nor an http URL (RFC 9112 3.2)")
            authority, path, query = absolute.groups(b"")
            path, query = path or b"/", query[1:]
            host = authority.decode("ascii")
            if not HOST.fullmatch(host):
                raise RefusedError(400, "the target's authority is not a host and port (RFC 9112 3.2.2)")
            self.fields["HTTP_HOST"] = host  # the target wins over the field (RFC 9112 3.2.2)
        self.path = (_unquote(path) if b"%" in path else path).decode("latin-1")
        self.query = query.decode("ascii")

    def _framing(self, max_body: int) -> int:
        """Return the length of the body (RFC 9112 6.3)."""
        coding = self.fields.get("HTTP_TRANSFER_ENCODING")
        length = self.fields.get("CONTENT_LENGTH")
        if coding is not None:
            if length is not None:
                raise RefusedError(400, "both Content-Length and Transfer-Encoding (RFC 9112 6.1)")
            if not self.is_11:
                raise RefusedError(400, "Transfer-Encoding with HTTP/1.0 (RFC 9112 6.1)")
            if coding.lower() != "chunked":
                raise RefusedError(400, "a transfer coding other than chunked alone (RFC 9112 6.1)")
            return CHUNKED
        if length is None:
            return 0
        if not LENGTH.fullmatch(length):
            raise RefusedError(400, "the Content-Length is not a number (RFC 9112 6.3)")
        if max_body and int(length) > max_body:
            raise RefusedError(413, f"the body has more than {max_body} bytes")
        return int(length)

    def _persists(self) -> bool:
        """Tell whether the client would keep the connection (RFC 9112 9.3)."""
        connection = self.fields.get("HTTP_CONNECTION")
        if connection is None:
            return self.is_11
        options = [option.strip(" \t") for option in connection.lower().split(",")]
        return "close" not in options and (self.is_11 or "keep-alive" in options)

    def _expects(self) -> bool:
        """Tell whether the client waits for 100 (Continue) before it sends the body (RFC 9110 10.1.1)."""
        expectation = self.fields.get("HTTP_EXPECT")
        if expectation is None or not self.is_11:
            return False
        if expectation.lower() != "100-continue":
            raise RefusedError(417, "the Expect field asks for something other than 100-continue")
        return self.length != 0


_KEYS: dict[bytes, str] = {}


def _key(name: bytes) -> str:
    """Return WSGI's key for a field name (RFC 3875 4.1.18), or an empty one if the field is to be left out."""
    if b"_" in name:
        key = ""
    else:
        key = name.decode("ascii").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
    if len(_KEYS) < MAX_CACHED_NAMES:  # clients choose names: the memory for them is bounded
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
