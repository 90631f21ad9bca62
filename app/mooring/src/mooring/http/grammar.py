"""The grammar of a request's head, and what is wrong with a head that breaks it.

One regular expression holds the whole head to RFC 9112 (and RFC 9110 5.5, 5.6.2) before llhttp sees it. llhttp is
strict in most things, but takes several spaces in the request line, any digit as a version, RTSP and ICE, and empty
lines without end; what stands here does not depend on its version. When the expression does not match, the
functions below look for the reason: that path may be slow.

A method is any token: the application decides which ones it has (RFC 9110 9.1). A target may hold bytes from 0x80 on.
They should be percent-encoded (RFC 3986 2.1), but clients send UTF-8 as it is, and such a byte ends nothing.
"""

from __future__ import annotations

import re

from mooring.http.errors import RequestError

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # RFC 9110 5.6.2
VALUE = rb"[\t\x20-\x7e\x80-\xff]*"  # RFC 9110 5.5: VCHAR, obs-text, SP, HTAB
FIELD_LINE = TOKEN + rb":" + VALUE + rb"\r\n"

QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'  # RFC 9110 5.6.4

TARGET = rb"[!-~\x80-\xff]+"

HEAD = re.compile(rb"(%b) (%b) HTTP/1\.([01])\r\n(?:%b)*\r\n" % (TOKEN, TARGET, FIELD_LINE))
"""A whole head: method, target and minor version are its groups."""

TRAILERS = re.compile(rb"(?:%b)*\r\n" % FIELD_LINE)
"""The trailer section of a chunked body with the line that ends it (RFC 9112 7.1.2)."""

SPOILT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?![\n])(?!\Z)")
"""What no head can contain: a control byte, LF without CR, CR without LF (at the very end it may still come)."""

HOST = re.compile(
    # RFC 9110 7.2 and RFC 3986 3.2.2: a registered name or IPv4 address, or an IP literal; then a port. The name is
    # spelt as runs of plain characters between percent-encoded ones: twice as fast as one choice per character.
    r"(?:[\w.~!$&'()*+,;=-]+(?:%[0-9A-Fa-f]{2}[\w.~!$&'()*+,;=-]*)*|(?:%[0-9A-Fa-f]{2}[\w.~!$&'()*+,;=-]*)+"
    r"|\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:-]+\])"
    r"(?::[0-9]*)?",
    re.ASCII,
)

ABSOLUTE = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?#@]+)(/[^?#]*)?(\?[^#]*)?")
"""The absolute form of a target (RFC 9112 3.2.2): authority, path, query. User information is an error (4.2.4)."""

LENGTH = re.compile(r"[0-9]{1,18}")
"""A Content-Length that is one number (RFC 9110 8.6), small enough for any file."""

_NAME, _TEXT = TOKEN.decode("ascii"), QUOTED.decode("latin-1")
_CODING = rf"{_NAME}(?:[ \t]*;[ \t]*{_NAME}[ \t]*=[ \t]*(?:{_NAME}|{_TEXT}))*"
CODINGS = re.compile(rf"(?:(?!chunked[ \t]*[;,]){_CODING}[ \t]*,[ \t]*)+chunked", re.IGNORECASE)
"""Codings that we do not know below chunked, the last and only one of its kind (RFC 9112 6.1, 7)."""

_REQUEST_LINE = re.compile(rb"%b %b HTTP/([0-9])\.([0-9])\Z" % (TOKEN, TARGET))
_METHOD = re.compile(TOKEN)
_FIELD_LINE = re.compile(FIELD_LINE + rb"\Z")


def explained(head: bytes) -> RequestError:
    """Return why this head, which HEAD does not match, is refused."""
    if SPOILT.search(head):
        return RequestError(
            400, "a control byte, a bare CR or a bare LF in the head (RFC 9112 2.2, RFC 9110 5.5)"
        )
    request_line, _, fields = head.partition(b"\r\n")
    line = _REQUEST_LINE.match(request_line)
    if line is None:
        return RequestError(
            400, f"the request line is not 'method target HTTP/x.y': {_why_line(request_line)}"
        )
    if line.group(1) != b"1" or line.group(2) not in b"01":
        return RequestError(505, "the version is neither HTTP/1.1 nor HTTP/1.0 (RFC 9110 15.6.6)")
    for field in fields.removesuffix(b"\r\n").splitlines(keepends=True):
        if not _FIELD_LINE.match(field):
            return RequestError(400, _why_field(field))
    return RequestError(400, "the head is malformed")


def _why_line(line: bytes) -> str:
    words = line.split(b" ")
    if not line:
        return "it is empty (RFC 9112 2.2 allows one empty line before it)"
    if not _METHOD.fullmatch(words[0]):
        return "the method is not a token (RFC 9110 9.1)"
    if b"\t" in line or b"" in words or len(words) > 3:
        return "there is whitespace but for the two single spaces (RFC 9112 3)"
    if len(words) < 3:
        return "HTTP/0.9 is not spoken" if len(words) == 2 else "target and version are missing"
    return "the version is not HTTP/x.y (RFC 9112 2.3)"


def _why_field(line: bytes) -> str:
    if line[:1] in b" \t":
        return "a header line is folded (RFC 9112 5.2)"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "a header line has no colon (RFC 9112 5)"
    if name.endswith((b" ", b"\t")):
        return "there is whitespace before a header's colon (RFC 9112 5.1)"
    return "a header's name is not a token (RFC 9110 5.1)"
