"""Raw requests and what must become of them: RFC 9112 (HTTP/1.1) and RFC 9110, section by section, as data.

A case is sent as it stands on a connection of its own, and then the client's side is shut. `served` is what the
application must answer, in order: "METHOD path body" for each request. `refused` is the status of the worker's own
answer, the last thing on the connection; None when it closes without one. `begun`: the application may have been
called before that, because the fault lies further behind in a body. Anything that a case does not name must not
happen: above all, no SMUGGLED request may be served.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    section: str  # of RFC 9112, unless it names another
    name: str
    raw: bytes
    served: tuple[str, ...] = ()
    refused: int | None = None
    begun: bool = False


MAX_BODY = 100_000  # bytes; the worker under test is started with this limit

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
"""Follows a request that must end the connection."""
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
"""Follows a request that must be served: it shows that the end of that request was found."""

OK = ("GET / ",)
AND_NEXT = ("GET / ", "GET /next ")


def _get(fields: bytes) -> bytes:
    """A GET with these further field lines."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"


def _line(line: bytes) -> bytes:
    """A request that starts with this line."""
    return line + b"\r\nHost: a\r\n\r\n" + SMUGGLED


def _host(fields: bytes) -> bytes:
    """A request with these field lines and no other."""
    return b"GET / HTTP/1.1\r\n" + fields + b"\r\n"


def _length(value: bytes, body: bytes = b"") -> bytes:
    """A POST with this Content-Length."""
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:" + value + b"\r\n\r\n" + body


def _coding(value: bytes, body: bytes = b"0\r\n\r\n") -> bytes:
    """A POST with this Transfer-Encoding."""
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:" + value + b"\r\n\r\n" + body


def _chunks(body: bytes) -> bytes:
    """A POST with this chunked body."""
    return _coding(b" chunked", body)


def _refused(status: int, section: str, *cases: tuple[str, bytes]) -> list[Case]:
    return [Case(section, name, raw, refused=status) for name, raw in cases]


def _served(section: str, *cases: tuple[str, bytes, tuple[str, ...]]) -> list[Case]:
    return [Case(section, name, raw, served) for name, raw, served in cases]


# 2: messages

CASES: list[Case] = _refused(
    400,
    "2.2",
    ("bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n" + SMUGGLED),
    ("bare LF after a field", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n" + SMUGGLED),
    ("bare LF throughout", b"GET / HTTP/1.1\nHost: a\n\n" + SMUGGLED),
    ("bare LF as the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\n" + SMUGGLED),
    ("LF CR in place of CR LF", b"GET / HTTP/1.1\r\nHost: a\n\rX: b\r\n\r\n" + SMUGGLED),
    ("bare CR after the request line", b"GET / HTTP/1.1\rHost: a\r\n\r\n" + SMUGGLED),
    ("bare CR as the end of a field", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" + SMUGGLED),
    ("bare CR in a value", _get(b"X: a\rb\r\n") + SMUGGLED),
    ("bare CR before CR LF", _get(b"X: a\r\r\n") + SMUGGLED),
    ("bare CR in the request line", _line(b"GET /\r HTTP/1.1")),
    ("two empty lines before the request", b"\r\n\r\n" + NEXT),
    ("many empty lines before the request", b"\r\n" * 50 + NEXT),
    ("an empty line of a bare LF before the request", b"\n" + NEXT),
    ("whitespace between request line and first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n" + SMUGGLED),
    ("a space before the request line", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED),
    ("a byte order mark before the request line", b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a TLS handshake on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 32),
    ("NUL between two requests", NEXT[:-4] + b"\r\n\x00\r\n\r\n" + SMUGGLED),
    ("the client ends within the request line", b"GET / HT"),
    ("the client ends within the fields", b"GET / HTTP/1.1\r\nHost: a\r\n"),
    ("the client ends before the last LF", b"GET / HTTP/1.1\r\nHost: a\r\n\r"),
)
CASES += _served(
    "2.2",
    ("one empty line before the request", b"\r\n" + _get(b"") + NEXT, AND_NEXT),
    ("an empty line between two requests", _get(b"") + b"\r\n" + NEXT, AND_NEXT),
    ("an empty line behind a body", _length(b"2", b"ab") + b"\r\n" + NEXT, ("POST / ab", "GET /next ")),
)
CASES.append(Case("2.2", "nothing at all", b""))

CASES += _refused(
    505,
    "2.3",
    ("version 2.0", _line(b"GET / HTTP/2.0")),
    ("version 0.9 in full", _line(b"GET / HTTP/0.9")),
    ("version 1.2", _line(b"GET / HTTP/1.2")),
    ("version 9.9", _line(b"GET / HTTP/9.9")),
    ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
)
CASES += _refused(
    400,
    "2.3",
    ("version without a dot", _line(b"GET / HTTP/1")),
    ("version with two digits", _line(b"GET / HTTP/1.10")),
    ("version with a sign", _line(b"GET / HTTP/+1.1")),
    ("version in lower case", _line(b"GET / http/1.1")),
    ("version with a space", _line(b"GET / HTTP/ 1.1")),
    ("version with a further letter", _line(b"GET / HTTP/1.1x")),
    ("a letter too many", _line(b"GET / HTTTP/1.1")),
    ("a comma for the dot", _line(b"GET / HTTP/1,1")),
    ("another protocol, RTSP", _line(b"DESCRIBE / RTSP/1.0")),
    ("another protocol, ICE", _line(b"SOURCE / ICE/1.0")),
    ("no version: a simple request of HTTP/0.9", b"GET /\r\n\r\n" + SMUGGLED),
)

# 3: the request line

CASES += _refused(
    400,
    "3",
    ("two spaces after the method", _line(b"GET  / HTTP/1.1")),
    ("two spaces before the version", _line(b"GET /  HTTP/1.1")),
    ("a tab after the method", _line(b"GET\t/ HTTP/1.1")),
    ("a vertical tab for a space", _line(b"GET\x0b/ HTTP/1.1")),
    ("a form feed for a space", _line(b"GET /\x0cHTTP/1.1")),
    ("a space at the end", _line(b"GET / HTTP/1.1 ")),
    ("a tab at the end", _line(b"GET / HTTP/1.1\t")),
    ("a space in the target", _line(b"GET /a b HTTP/1.1")),
    ("two versions", _line(b"GET / HTTP/1.1 HTTP/1.1")),
    ("an empty target", _line(b"GET  HTTP/1.1")),
    ("the method alone", b"GET\r\n\r\n" + SMUGGLED),
    ("nothing but a field", b"Host: a\r\n\r\n" + SMUGGLED),
)
CASES += _refused(
    400,
    "3.1",
    ("a method with a parenthesis", _line(b"G(T / HTTP/1.1")),
    ("a method with a colon", _line(b"GET: / HTTP/1.1")),
    ("a method in quotes", _line(b'"GET" / HTTP/1.1')),
    ("a method with a control byte", _line(b"GE\x01T / HTTP/1.1")),
    ("a method with NUL", _line(b"GET\x00 / HTTP/1.1")),
    ("a method beyond ASCII", _line(b"G\xc3\x89T / HTTP/1.1")),
)
CASES += [
    # The application decides which methods it has, and may answer 405 with Allow.
    Case("RFC 9110 9.1", f"the method {method[:20]}, {len(method)} bytes", _get(b"").replace(b"GET", method.encode()) + NEXT,
         (f"{method} / ", "GET /next "))
    for method in ("FROB", "PROPFIND", "TRACE", "PRI", "DESCRIBE", "SOURCE", "get", "Get", "head", "GETTY", "GE",
                   "A" * 300, "A" * 8000, "!#$%&'*+-.^_`|~", "0")
]  # fmt: skip
CASES += [
    Case("RFC 9110 9.1", "an unknown method with a body",
         b"FROB / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + NEXT, ("FROB / hello", "GET /next ")),
    Case("3", "a method over the limit of the line", _line(b"A" * 8192 + b" / HTTP/1.1"), refused=414),
]  # fmt: skip
CASES += [
    Case("3", "a request line over the limit", _line(b"GET /" + b"a" * 8192 + b" HTTP/1.1"), refused=414),
    Case("3", "a request line over the limit without an end", b"GET /" + b"a" * 20000, refused=414),
    Case("3", "a request line just within", _line(b"GET /" + b"a" * 8178 + b" HTTP/1.1")[:-len(SMUGGLED)],
         (f"GET /{'a' * 8178} ",)),
]  # fmt: skip

CASES += _served(
    "3.2.1",
    ("a path and a query", _get(b"").replace(b"/ ", b"/p/q?x=1&y=/? ", 1), ("GET /p/q?x=1&y=/? ",)),
    ("an empty query", _get(b"").replace(b"/ ", b"/p? ", 1), ("GET /p ",)),
    ("a path of two slashes is no authority", _get(b"").replace(b"/ ", b"//b/c ", 1), ("GET //b/c ",)),
    ("percent-encoding is decoded once", _get(b"").replace(b"/ ", b"/%61%2541%2f ", 1), ("GET /a%41/ ",)),
    ("a percent sign on its own stays", _get(b"").replace(b"/ ", b"/%zz%4 ", 1), ("GET /%zz%4 ",)),
    (
        "UTF-8 in path and query",
        _get(b"").replace(b"/ ", b"/\xc3\xa4/\xe2\x82\xac?\xf0\x9f\x98\x80=\xc3\xa4 ", 1),
        ("GET /\xc3\xa4/\xe2\x82\xac?\xf0\x9f\x98\x80=\xc3\xa4 ",),
    ),
    ("bytes that are not UTF-8", _get(b"").replace(b"/ ", b"/\xff\x80?\xe4 ", 1), ("GET /\xff\x80?\xe4 ",)),
    ("dot segments stay", _get(b"").replace(b"/ ", b"/a/../b ", 1), ("GET /a/../b ",)),
    (
        "visible ASCII that URLs should encode",
        _get(b"").replace(b"/ ", b'/"<>\\^`{|} ', 1),
        ('GET /"<>\\^`{|} ',),
    ),
)
CASES += _refused(
    400,
    "3.2",
    ("a fragment", _line(b"GET /a#b HTTP/1.1")),
    ("a fragment in the query", _line(b"GET /a?b#c HTTP/1.1")),
    *(
        (f"a target with byte {byte:#04x}", _line(b"GET /a%cb?c HTTP/1.1" % byte))
        for byte in (0x01, 0x08, 0x09, 0x0B, 0x0C, 0x1B, 0x20)
    ),
    *(
        (f"a query with byte {byte:#04x}", _line(b"GET /a?b%cc HTTP/1.1" % byte))
        for byte in (0x00, 0x01, 0x08, 0x09, 0x0B, 0x0C, 0x1B, 0x1F, 0x20, 0x7F)
    ),
    ("a target that begins beyond ASCII", _line(b"GET \xc3\xa4/ HTTP/1.1")),
    ("a target with NUL", _line(b"GET /\x00 HTTP/1.1")),
    ("a target with a control byte", _line(b"GET /\x1f HTTP/1.1")),
    ("a target with DEL", _line(b"GET /\x7f HTTP/1.1")),
    ("a path without a slash", _line(b"GET a/b HTTP/1.1")),
    ("a query without a path", _line(b"GET ?a HTTP/1.1")),
    ("a scheme that is not http", _line(b"GET ftp://a/ HTTP/1.1")),
    ("a scheme without slashes", _line(b"GET http:a HTTP/1.1")),
    ("a backslash for a slash", _line(b"GET \\a HTTP/1.1")),
)
CASES += _served(
    "3.2.2",
    ("an absolute target", _get(b"").replace(b"/ ", b"http://b/p?q ", 1), ("GET /p?q ",)),
    (
        "an absolute target with UTF-8",
        _get(b"").replace(b"/ ", b"http://b/\xc3\xa4?\xc3\xa4 ", 1),
        ("GET /\xc3\xa4?\xc3\xa4 ",),
    ),
    ("an absolute target, https", _get(b"").replace(b"/ ", b"https://b:8/p ", 1), ("GET /p ",)),
    ("an absolute target in capitals", _get(b"").replace(b"/ ", b"HTTP://B/p ", 1), ("GET /p ",)),
    ("an absolute target without a path", _get(b"").replace(b"/ ", b"http://b ", 1), ("GET / ",)),
    ("an absolute target with a query alone", _get(b"").replace(b"/ ", b"http://b?q ", 1), ("GET /?q ",)),
    ("an absolute target with an IPv6 address", _get(b"").replace(b"/ ", b"http://[::1]:8/ ", 1), OK),
)
CASES += _refused(
    400,
    "3.2.2",
    ("an absolute target with a user", _line(b"GET http://u@b/ HTTP/1.1")),
    ("an absolute target with user and password", _line(b"GET http://u:p@b/ HTTP/1.1")),
    ("an absolute target without an authority", _line(b"GET http:///p HTTP/1.1")),
    ("an absolute target with a host beyond ASCII", _line(b"GET http://\xc3\xa4/p HTTP/1.1")),
    ("an absolute target with a bad port", _line(b"GET http://b:x/p HTTP/1.1")),
    ("an absolute target with a fragment", _line(b"GET http://b/#c HTTP/1.1")),
    ("an absolute target does not do without Host", b"GET http://b/ HTTP/1.1\r\n\r\n" + SMUGGLED),
)
CASES += [
    Case(
        "RFC 9110 9.3.6",
        "CONNECT with a path ends the connection",
        b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
        ("CONNECT / ",),
    ),
    Case("3.2.3", "CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + SMUGGLED, refused=501),
    Case("3.2.3", "an authority with GET", _line(b"GET a:80 HTTP/1.1"), refused=400),
    Case("3.2.4", "* with GET", _line(b"GET * HTTP/1.1"), refused=400),
    Case("3.2.4", "* and more with OPTIONS", _line(b"OPTIONS *a HTTP/1.1"), refused=400),
]

# 3.2: Host

CASES += _refused(
    400,
    "3.2 Host",
    ("no Host", _host(b"") + SMUGGLED),
    ("no Host but others", _host(b"X: a\r\n") + SMUGGLED),
    ("Host twice, the same", _host(b"Host: a\r\nHost: a\r\n") + SMUGGLED),
    ("Host twice, different", _host(b"Host: a\r\nHost: b\r\n") + SMUGGLED),
    ("Host twice, in different case", _host(b"Host: a\r\nX: y\r\nhOST: b\r\n") + SMUGGLED),
    ("Host twice with HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n" + SMUGGLED),
    ("an empty Host", _host(b"Host:\r\n") + SMUGGLED),
    ("a Host of whitespace", _host(b"Host:  \t \r\n") + SMUGGLED),
    ("a Host with a space", _host(b"Host: a b\r\n") + SMUGGLED),
    ("a Host with a slash", _host(b"Host: a/b\r\n") + SMUGGLED),
    ("a Host with a user", _host(b"Host: u@a\r\n") + SMUGGLED),
    ("a Host with a query", _host(b"Host: a?b\r\n") + SMUGGLED),
    ("a Host with a fragment", _host(b"Host: a#b\r\n") + SMUGGLED),
    ("a Host with a backslash", _host(b"Host: a\\b\r\n") + SMUGGLED),
    ("a Host with quotes", _host(b'Host: "a"\r\n') + SMUGGLED),
    ("a Host with a scheme", _host(b"Host: http://a\r\n") + SMUGGLED),
    ("a Host with a port that is none", _host(b"Host: a:b\r\n") + SMUGGLED),
    ("a Host with two ports", _host(b"Host: a:80:80\r\n") + SMUGGLED),
    ("a Host with a signed port", _host(b"Host: a:+80\r\n") + SMUGGLED),
    ("a Host that is an IPv6 address without brackets", _host(b"Host: ::1\r\n") + SMUGGLED),
    ("a Host with an open bracket", _host(b"Host: [::1\r\n") + SMUGGLED),
    ("a Host beyond ASCII", _host(b"Host: \xc3\xa4\r\n") + SMUGGLED),
    ("a Host with a bad percent-encoding", _host(b"Host: a%2\r\n") + SMUGGLED),
    ("whitespace before the colon of Host", _host(b"Host : a\r\n") + SMUGGLED),
)
CASES += _served(
    "3.2 Host",
    ("a name and a port", _host(b"Host: a.example:80\r\n"), OK),
    ("a port that is empty", _host(b"Host: a:\r\n"), OK),
    ("a name with an underscore", _host(b"Host: a_b\r\n"), OK),
    ("a name with percent-encoding", _host(b"Host: a%2db\r\n"), OK),
    ("an IPv4 address", _host(b"Host: 127.0.0.1:9001\r\n"), OK),
    ("an IPv6 address", _host(b"Host: [2001:db8::1]:80\r\n"), OK),
    ("no whitespace before the value", _host(b"Host:a\r\n"), OK),
    ("whitespace around the value", _host(b"Host: \t a \t \r\n"), OK),
    ("HTTP/1.0 does without", b"GET / HTTP/1.0\r\n\r\n", OK),
)

# 5: fields

CASES += _refused(
    400,
    "5.1",
    ("a space before the colon", _get(b"X : a\r\n") + SMUGGLED),
    ("a tab before the colon", _get(b"X\t: a\r\n") + SMUGGLED),
    ("a space in the name", _get(b"X Y: a\r\n") + SMUGGLED),
    ("no colon", _get(b"X\r\n") + SMUGGLED),
    ("no name", _get(b": a\r\n") + SMUGGLED),
    ("a name beyond ASCII", _get(b"X\xe4: a\r\n") + SMUGGLED),
    ("a control byte in the name", _get(b"X\x01: a\r\n") + SMUGGLED),
    ("NUL in the name", _get(b"X\x00: a\r\n") + SMUGGLED),
    ("DEL in the name", _get(b"X\x7f: a\r\n") + SMUGGLED),
    *((f"{chr(sign)} in the name", _get(b"X%cY: a\r\n" % sign) + SMUGGLED) for sign in b'"(),/;<=>?@[\\]{}'),
)
CASES += _refused(
    400,
    "5.2",
    ("a folded line, space", _get(b"X: a\r\n b\r\n") + SMUGGLED),
    ("a folded line, tab", _get(b"X: a\r\n\tb\r\n") + SMUGGLED),
    ("a folded length", _length(b"\r\n 5", b"hello") + SMUGGLED),
    ("a folded coding", _coding(b"\r\n chunked") + SMUGGLED),
    ("a folded line that looks like a field", _get(b"X: a\r\n Content-Length: 5\r\n") + SMUGGLED),
    ("a folded line of nothing", _get(b"X: a\r\n \r\n") + SMUGGLED),
)
CASES += _refused(
    400,
    "RFC 9110 5.5",
    *((f"byte {byte:#04x} in a value", _get(b"X: a%cb\r\n" % byte) + SMUGGLED)
      for byte in (0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x0E, 0x1B, 0x1F, 0x7F)),
)  # fmt: skip
CASES += _served(
    "5",
    ("a value with a tab and spaces", _get(b"X: a\t b  c\r\n") + NEXT, AND_NEXT),
    ("an empty value", _get(b"X:\r\n") + NEXT, AND_NEXT),
    ("a value beyond ASCII", _get(b"X: \xc3\xa4\xff\r\n") + NEXT, AND_NEXT),
    ("colons in a value", _get(b"X: a: b::\r\n") + NEXT, AND_NEXT),
    ("a name of all odd token characters", _get(b"!#$%&'*+-.^`|~: a\r\n") + NEXT, AND_NEXT),
    ("a name that stands twice", _get(b"X: a\r\nx: b\r\n") + NEXT, AND_NEXT),
    ("as many fields as may be", _get(b"X: a\r\n" * 99) + NEXT, AND_NEXT),
)
CASES += [
    Case("5.4", "a field too many", _get(b"X: a\r\n" * 100) + SMUGGLED, refused=431),
    Case("5.4", "ten thousand fields", _get(b"X: a\r\n" * 10000) + SMUGGLED, refused=431),
    Case("5.4", "a block over the limit", _get(b"X: " + b"a" * 66000 + b"\r\n") + SMUGGLED, refused=431),
    Case("5.4", "a block without an end", _get(b"X: " + b"a" * 90000)[:-2], refused=431),
]

# 6: the body's length

CASES += _served(
    "6.2",
    ("a length", _length(b" 5", b"hello") + NEXT, ("POST / hello", "GET /next ")),
    ("a length without whitespace", _length(b"5", b"hello") + NEXT, ("POST / hello", "GET /next ")),
    ("a length with whitespace around", _length(b" \t5 \t", b"hello") + NEXT, ("POST / hello", "GET /next ")),
    ("a length of 0", _length(b" 0") + NEXT, ("POST / ", "GET /next ")),
    ("a length with zeros in front", _length(b" 0005", b"hello") + NEXT, ("POST / hello", "GET /next ")),
    ("a length with GET", _get(b"Content-Length: 2\r\n") + b"ab" + NEXT, ("GET / ab", "GET /next ")),
    ("no length", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n" + NEXT, ("POST / ", "GET /next ")),
    ("a body that looks like a request", _length(b"%d" % len(SMUGGLED), SMUGGLED) + NEXT,
     ("POST / " + SMUGGLED.decode(), "GET /next ")),
)  # fmt: skip
CASES += _refused(
    400,
    "6.3",
    ("a length with a plus", _length(b" +5", b"hello") + SMUGGLED),
    ("a length with a minus", _length(b" -5", b"hello") + SMUGGLED),
    ("a length of minus nothing", _length(b" -0") + SMUGGLED),
    ("a length in hexadecimal", _length(b" 0x5", b"hello") + SMUGGLED),
    ("a length in hexadecimal digits", _length(b" a", b"hello") + SMUGGLED),
    ("a length with a fraction", _length(b" 5.0", b"hello") + SMUGGLED),
    ("a length with an exponent", _length(b" 5e0", b"hello") + SMUGGLED),
    ("a length with an underscore", _length(b" 1_0", b"helloworld") + SMUGGLED),
    ("a length with a space within", _length(b" 1 0", b"helloworld") + SMUGGLED),
    ("a length with a semicolon", _length(b" 5;", b"hello") + SMUGGLED),
    ("a length in quotes", _length(b' "5"', b"hello") + SMUGGLED),
    ("a length in words", _length(b" five", b"hello") + SMUGGLED),
    ("a length of other digits", _length(b" \xd9\xa5", b"hello") + SMUGGLED),
    ("a length of a superscript digit", _length(b" \xb2", b"he") + SMUGGLED),
    ("a length with a no-break space", _length(b" \xa05", b"hello") + SMUGGLED),
    ("a length with a vertical tab", _length(b" \x0b5", b"hello") + SMUGGLED),
    ("a length with NUL", _length(b" 5\x00", b"hello") + SMUGGLED),
    ("an empty length", _length(b"") + SMUGGLED),
    ("a length of whitespace", _length(b"   ") + SMUGGLED),
    ("a list of lengths, the same", _length(b" 5, 5", b"hello") + SMUGGLED),
    ("a list of lengths, different", _length(b" 5,6", b"hello") + SMUGGLED),
    ("a list with a hole", _length(b" 5,", b"hello") + SMUGGLED),
    ("two lengths, the same", _get(b"Content-Length: 5\r\nContent-Length: 5\r\n") + b"hello" + SMUGGLED),
    ("two lengths, different", _get(b"Content-Length: 0\r\nContent-Length: 5\r\n") + b"hello" + SMUGGLED),
    (
        "two lengths in different case",
        _get(b"Content-Length: 5\r\ncontent-length: 0\r\n") + b"hello" + SMUGGLED,
    ),
    ("a length that is beyond 64 bits", _length(b" 18446744073709551621", b"hello") + SMUGGLED),
    ("a length of a hundred digits", _length(b" " + b"9" * 100, b"hello") + SMUGGLED),
    ("whitespace before the colon of a length", _get(b"Content-Length : 5\r\n") + b"hello" + SMUGGLED),
)
CASES += [
    Case("RFC 9110 15.5.14", "a length over the limit", _length(b"%d" % (MAX_BODY + 1)), refused=413),
    Case("RFC 9110 15.5.14", "a length far over the limit", _length(b"999999999999999"), refused=413),
    Case("6.3", "a body behind its length", _length(b"5", b"hello:") + SMUGGLED, ("POST / hello",), 400),
    Case(
        "6.3",
        "a letter behind a length begins another method",
        _length(b"5", b"helloX") + NEXT,
        ("POST / hello", "XGET /next "),
    ),
    Case("6.3", "the client ends within the body", _length(b"50", b"hello"), (), 400, True),
]

CASES += _served(
    "6.1",
    ("chunked", _coding(b" chunked") + NEXT, ("POST / ", "GET /next ")),
    ("chunked in capitals", _coding(b" CHUNKED") + NEXT, ("POST / ", "GET /next ")),
    ("chunked with whitespace before", _coding(b" \t chunked") + NEXT, ("POST / ", "GET /next ")),
    ("chunked with spaces around", _coding(b"  chunked  ") + NEXT, ("POST / ", "GET /next ")),
    ("chunked with GET", _get(b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + NEXT, AND_NEXT),
    ("TE is another field", _get(b"TE: trailers, chunked\r\n") + NEXT, AND_NEXT),
    ("an underscored length is no length", _get(b"Content_Length: 5\r\n") + NEXT, AND_NEXT),
    ("an underscored coding is no coding", _get(b"Transfer_Encoding: chunked\r\n") + NEXT, AND_NEXT),
    (
        "an underscored length beside a length",
        _get(b"Content_Length: 5\r\nContent-Length: 0\r\n") + NEXT,
        AND_NEXT,
    ),
    ("a field whose name ends in Content-Length", _get(b"X-Content-Length: 5\r\n") + NEXT, AND_NEXT),
    ("a name of a CGI variable", _get(b"HTTP-CONTENT-LENGTH: 5\r\n") + NEXT, AND_NEXT),
)
CASES += _refused(
    400,
    "6.1",
    ("length and coding", _get(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("coding and length", _get(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("coding and a length of 0", _get(b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") + b"0\r\n\r\n"),
    ("length and a coding that is none", _get(b"Content-Length: 5\r\nTransfer-Encoding: x\r\n") + b"hello"),
    ("HTTP/1.0 and chunked", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("HTTP/1.0, kept alive, and chunked", b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("identity", _coding(b" identity") + SMUGGLED),
    ("gzip", _coding(b" gzip") + SMUGGLED),
    ("chunked, then gzip", _coding(b" chunked, gzip") + SMUGGLED),
    ("chunked twice", _coding(b" chunked, chunked") + SMUGGLED),
    ("chunked twice, one of them in capitals", _coding(b" CHUNKED , chunked") + SMUGGLED),
    ("chunked twice, one of them with a parameter", _coding(b" chunked;a=b, chunked") + SMUGGLED),
    ("chunked twice around another", _coding(b" chunked, gzip, chunked") + SMUGGLED),
    ("another without a name, then chunked", _coding(b" gzip,, chunked") + SMUGGLED),
    ("another in quotes, then chunked", _coding(b' "gzip", chunked') + SMUGGLED),
    ("another with a broken parameter, then chunked", _coding(b" gzip;q, chunked") + SMUGGLED),
    ("gzip, then chunked, with HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("gzip, then chunked, and a length",
     _get(b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("chunked in two fields", _get(b"Transfer-Encoding: chunked\r\n" * 2) + b"0\r\n\r\n" + SMUGGLED),
    ("chunked and another in two fields",
     _get(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("another and chunked in two fields",
     _get(b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("a list with an empty end", _coding(b" chunked,") + SMUGGLED),
    ("a list with an empty start", _coding(b" ,chunked") + SMUGGLED),
    ("chunked with a parameter", _coding(b" chunked;q=1") + SMUGGLED),
    ("chunked in quotes", _coding(b' "chunked"') + SMUGGLED),
    ("a letter too many in front", _coding(b" xchunked") + SMUGGLED),
    ("a letter too many behind", _coding(b" chunkedx") + SMUGGLED),
    ("a space within", _coding(b" chun ked") + SMUGGLED),
    ("a tab behind (a list to some, whitespace by 9110 5.5)", _coding(b" chunked\t") + SMUGGLED),
    ("a vertical tab in front", _coding(b" \x0bchunked") + SMUGGLED),
    ("a no-break space behind", _coding(b" chunked\xa0") + SMUGGLED),
    ("NUL behind", _coding(b" chunked\x00") + SMUGGLED),
    ("an empty coding", _coding(b"") + SMUGGLED),
    ("whitespace before the colon", _get(b"Transfer-Encoding : chunked\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("a coding behind a bare LF", _get(b"X: a\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + SMUGGLED),
    ("a coding behind a bare CR", _get(b"X: a\rTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + SMUGGLED),
)  # fmt: skip

CASES += _refused(
    501,
    "6.1",
    ("gzip, then chunked", _coding(b" gzip, chunked") + SMUGGLED),
    ("gzip, then chunked, without a space", _coding(b"gzip,chunked") + SMUGGLED),
    ("two others, then chunked", _coding(b" deflate, gzip\t,\tChunked") + SMUGGLED),
    ("identity, then chunked", _coding(b" identity, chunked") + SMUGGLED),
    ("another with parameters, then chunked", _coding(b' gzip;q=1;s="a, chunked", chunked') + SMUGGLED),
    ("a coding whose name begins like chunked, then chunked", _coding(b" chunkedx, chunked") + SMUGGLED),
)

# 9110 5.3: fields that are no lists

CASES += _refused(
    400,
    "9110 5.3",
    *(
        (
            f"{name.decode()} twice",
            _get(b"%b: %b\r\n%b: %b\r\n" % (name, one, name.lower(), other)) + SMUGGLED,
        )
        for name, one, other in (
            (b"Content-Type", b"text/plain", b"application/json"),
            (b"content-type", b"text/plain", b"text/plain"),
            (b"Authorization", b"Basic YTpi", b"Basic Yzpk"),
            (b"Proxy-Authorization", b"Basic YTpi", b"Basic Yzpk"),
            (b"Content-Range", b"bytes 0-1/2", b"bytes 0-1/2"),
            (b"Expect", b"100-continue", b"100-continue"),
            (b"If-Modified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT", b"Fri, 02 Jan 1970 00:00:00 GMT"),
            (b"If-Unmodified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT", b"Fri, 02 Jan 1970 00:00:00 GMT"),
            (b"If-Range", b'"a"', b'"b"'),
        )
    ),
)
CASES += _served(
    "9110 5.3",
    ("lists in several fields",
     _get(b"Accept: a/b\r\nAccept: c/d\r\nIf-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\nVia: 1\r\nVia: 2\r\n")
     + NEXT, AND_NEXT),
)  # fmt: skip

# 7.1: chunks

CASES += _served(
    "7.1",
    ("one chunk", _chunks(b"5\r\nhello\r\n0\r\n\r\n") + NEXT, ("POST / hello", "GET /next ")),
    ("two chunks", _chunks(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n") + NEXT, ("POST / hello", "GET /next ")),
    ("a size in small letters", _chunks(b"a\r\nhelloworld\r\n0\r\n\r\n") + NEXT,
     ("POST / helloworld", "GET /next ")),
    ("a size in capitals", _chunks(b"A\r\nhelloworld\r\n0\r\n\r\n") + NEXT, ("POST / helloworld", "GET /next ")),
    ("a size with zeros in front", _chunks(b"0005\r\nhello\r\n000\r\n\r\n") + NEXT,
     ("POST / hello", "GET /next ")),
    ("CR LF within a chunk", _chunks(b"6\r\n0\r\n\r\n0\r\n0\r\n\r\n") + NEXT,
     ("POST / 0\r\n\r\n0", "GET /next ")),
    ("many small chunks", _chunks(b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n") + NEXT,
     ("POST / " + "x" * 3000, "GET /next ")),
)  # fmt: skip
CASES += _refused(
    400,
    "7.1",
    ("a size with 0x", _chunks(b"0x5\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a size with a plus", _chunks(b"+5\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a size with a minus", _chunks(b"-1\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a size with an underscore", _chunks(b"0_5\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a space before the size", _chunks(b" 5\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a space behind the size", _chunks(b"5 \r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a tab behind the size", _chunks(b"5\t\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a space behind the last size", _chunks(b"5\r\nhello\r\n0 \r\n\r\n") + SMUGGLED),
    ("a vertical tab behind the size", _chunks(b"5\x0b\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a size that is no number", _chunks(b"g\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("no size", _chunks(b"\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a size beyond 64 bits", _chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a size of three hundred digits", _chunks(b"0" * 300 + b"\r\n\r\n") + SMUGGLED),
    ("a size line without an end", _chunks(b"1" * 5000)),
    ("a bare LF behind the size", _chunks(b"5\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a bare LF behind the last size", _chunks(b"5\r\nhello\r\n0\n\r\n") + SMUGGLED),
    ("a bare CR behind the size", _chunks(b"5\rhello\r\n0\r\n\r\n") + SMUGGLED),
    ("two CR behind the size", _chunks(b"5\r\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a bare LF behind the chunk", _chunks(b"5\r\nhello\n0\r\n\r\n") + SMUGGLED),
    ("a bare CR behind the chunk", _chunks(b"5\r\nhello\r0\r\n\r\n") + SMUGGLED),
    ("nothing behind the chunk", _chunks(b"5\r\nhello0\r\n\r\n") + SMUGGLED),
    ("two other bytes behind the chunk", _chunks(b"5\r\nhelloXX0\r\n\r\n") + SMUGGLED),
    ("a chunk that is longer than its size", _chunks(b"3\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a chunk that is shorter than its size", _chunks(b"6\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("a bare LF as the last line", _chunks(b"5\r\nhello\r\n0\r\n\n") + SMUGGLED),
)
CASES += _served(
    "7.1.1",
    ("an extension", _chunks(b"5;a\r\nhello\r\n0;b\r\n\r\n") + NEXT, ("POST / hello", "GET /next ")),
    ("an extension with a value", _chunks(b"5;a=b;c=d\r\nhello\r\n0\r\n\r\n") + NEXT,
     ("POST / hello", "GET /next ")),
    ("an extension with a quoted value", _chunks(b'5;a="b;\\"c"\r\nhello\r\n0\r\n\r\n') + NEXT,
     ("POST / hello", "GET /next ")),
    ("an extension with bad whitespace", _chunks(b"5 ; a = b\r\nhello\r\n0\r\n\r\n") + NEXT,
     ("POST / hello", "GET /next ")),
)  # fmt: skip
CASES += _refused(
    400,
    "7.1.1",
    ("an extension without a name", _chunks(b"5;\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension with a value without a name", _chunks(b"5;=b\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension without a value", _chunks(b"5;a=\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension with an odd name", _chunks(b"5;a/b\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension with a control byte", _chunks(b"5;a\x01\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension with a bare LF", _chunks(b"5;a\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension with a bare CR", _chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("an extension with an open quote", _chunks(b'5;a="b\r\nhello\r\n0\r\n\r\n') + SMUGGLED),
    ("an extension with a quoted CR LF", _chunks(b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n') + SMUGGLED),
    ("an extension that is too long", _chunks(b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n") + SMUGGLED),
    ("extensions that are too many",
     _chunks((b"1;" + b"a" * 200 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n") + SMUGGLED),
)  # fmt: skip
CASES += _served(
    "7.1.2",
    ("trailers", _chunks(b"5\r\nhello\r\n0\r\nX: a\r\nY: b\r\n\r\n") + NEXT, ("POST / hello", "GET /next ")),
    ("trailers that are dropped", _chunks(b"0\r\nContent-Length: 9\r\nHost: b\r\n\r\n") + NEXT,
     ("POST / ", "GET /next ")),
)  # fmt: skip
CASES += _refused(
    400,
    "7.1.2",
    ("a trailer without a colon", _chunks(b"0\r\nX\r\n\r\n") + SMUGGLED),
    ("a trailer with a space before the colon", _chunks(b"0\r\nX : a\r\n\r\n") + SMUGGLED),
    ("a folded trailer", _chunks(b"0\r\nX: a\r\n b\r\n\r\n") + SMUGGLED),
    ("a trailer with a bare LF", _chunks(b"0\r\nX: a\n\r\n\r\n") + SMUGGLED),
    ("a trailer with a control byte", _chunks(b"0\r\nX: \x01\r\n\r\n") + SMUGGLED),
    ("another request in place of the last line", _chunks(b"0\r\n") + SMUGGLED),
)
CASES += [
    Case("7.1.2", "trailers over the limit", _chunks(b"0\r\n" + b"X: a\r\n" * 2000 + b"\r\n"), refused=431),
    Case("7.1", "a chunk over the limit", _chunks(b"%x\r\n" % (MAX_BODY + 1)), refused=413),
    Case("7.1", "chunks over the limit in sum", _chunks(b"ffff\r\n" + b"x" * 65535 + b"\r\nffff\r\n"),
         (), 413, True),
    Case("8", "the client ends within a chunk", _chunks(b"5\r\nhel"), (), 400, True),
    Case("8", "the client ends before the last chunk", _chunks(b"5\r\nhello\r\n"), (), 400, True),
    Case("8", "the client ends within the trailers", _chunks(b"0\r\nX: a\r\n"), (), 400, True),
]  # fmt: skip

# 9: connections

CASES += _served(
    "9.3",
    ("HTTP/1.1 persists", _get(b"") + NEXT, AND_NEXT),
    ("three requests in a row", NEXT * 3, ("GET /next ",) * 3),
    ("forty requests in a row", NEXT * 40, ("GET /next ",) * 40),
    ("close ends it", _get(b"Connection: close\r\n") + SMUGGLED, OK),
    ("close in capitals ends it", _get(b"Connection: CLOSE\r\n") + SMUGGLED, OK),
    ("close in a list ends it", _get(b"Connection: x, close ,y\r\n") + SMUGGLED, OK),
    ("close in another field line ends it", _get(b"Connection: x\r\nConnection: close\r\n") + SMUGGLED, OK),
    ("close wins over keep-alive", _get(b"Connection: keep-alive, close\r\n") + SMUGGLED, OK),
    ("closed is not close", _get(b"Connection: closed\r\n") + NEXT, AND_NEXT),
    ("HTTP/1.0 ends", b"GET / HTTP/1.0\r\n\r\n" + SMUGGLED, OK),
    (
        "HTTP/1.0 with keep-alive persists",
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + NEXT,
        AND_NEXT,
    ),
    ("HTTP/1.0 with both ends", b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n" + SMUGGLED, OK),
)
CASES += _served(
    "RFC 9110 7.8",
    ("an upgrade to h2c is ignored", _get(b"Connection: Upgrade\r\nUpgrade: h2c\r\n") + NEXT, AND_NEXT),
    ("an upgrade with a body",
     _length(b" 2\r\nConnection: Upgrade\r\nUpgrade: h2c", b"ab") + NEXT, ("POST / ab", "GET /next ")),
    ("an upgrade with chunks",
     _coding(b" chunked\r\nConnection: Upgrade\r\nUpgrade: h2c", b"2\r\nab\r\n0\r\n\r\n") + NEXT,
     ("POST / ab", "GET /next ")),
    ("an upgrade without Connection", _get(b"Upgrade: websocket\r\n") + NEXT, AND_NEXT),
)  # fmt: skip
CASES += _served(
    "RFC 9110 10.1.1",
    ("the body comes without waiting for 100", _length(b" 2\r\nExpect: 100-continue", b"ab") + NEXT,
     ("POST / ab", "GET /next ")),
    ("100-continue without a body", _get(b"Expect: 100-continue\r\n") + NEXT, AND_NEXT),
    ("100-continue in capitals", _length(b" 2\r\nExpect: 100-CONTINUE", b"ab") + NEXT,
     ("POST / ab", "GET /next ")),
    ("HTTP/1.0 expects nothing",
     b"POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: x\r\n\r\nab", ("POST / ab",)),
)  # fmt: skip
CASES += [
    Case("RFC 9110 10.1.1", "an unknown expectation", _get(b"Expect: x\r\n") + SMUGGLED, refused=417),
    Case("RFC 9110 10.1.1", "a list of expectations", _get(b"Expect: 100-continue, x\r\n"), refused=417),
]
