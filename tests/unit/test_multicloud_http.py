"""The core's small HTTP rules: Accept, header fields, the raw target, the request's body."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicloud.core import headers
from multicloud.core.accept import admits_json
from multicloud.core.body import BLOCK, ClientGoneError, RequestBody
from multicloud.core.responses import to_json
from multicloud.core.routes import ROUTES, match
from multicloud.core.target import below_prefix, is_sound, raw_target, visible


@pytest.mark.parametrize(
    ("accept", "admitted"),
    [
        ("application/json", True),
        ("application/json;q=0.001", True),
        ("application/json;q=0.000", False),
        ("application/json ; q=1", True),
        ("*/*;q=0", False),
        ("*/*;q=0, application/*", True),
        ("application/*;q=0, */*", False),
        ("application/json;q=abc", False),
        ("application/json;q=1.2.3", False),
        (", ,application/json,,", True),
        ('text/plain;a="x, application/json"', False),
        ('text/plain;a="\\"", application/json', True),
        ("application/json+xml", False),
        ("*/json", False),
        ("   ", True),
    ],
)
def test_accept(accept: str, admitted: bool) -> None:
    assert admits_json(accept) is admitted


@pytest.mark.parametrize("unit", ['"', '\\"', "; ", " ;", ",", "a/b;", '"\\', "=;", ' "'])
def test_accept_of_any_length(unit: str) -> None:
    """Each would take hours if the time were not linear."""
    assert admits_json(unit * 100_000) is False
    assert admits_json("x" + unit * 100_000 + "x") is False


@given(st.text(max_size=200))
def test_accept_of_any_text(accept: str) -> None:
    assert admits_json(accept) in (True, False)


def environ_of(raw: str | None, path_info: str, query: str = "") -> dict[str, Any]:
    environ = {"PATH_INFO": path_info, "QUERY_STRING": query, "REQUEST_METHOD": "GET"}
    return environ if raw is None else {**environ, "REQUEST_URI": raw}


@pytest.mark.parametrize(
    ("raw", "path_info", "query", "expected"),
    [
        ("/a%2Fb", "/a/b", "", ("/a%2Fb", "")),
        ("/a%2fb?x=%41", "/a/b", "x=%41", ("/a%2fb", "?x=%41")),
        ("/a?", "/a", "", ("/a", "?")),
        ("http://host:80/a%20b?x", "/a b", "x", ("/a%20b", "?x")),
        ("/%zz", "/%zz", "", ("/%zz", "")),
        ("/caf\xc3\xa9", "/caf\xc3\xa9", "", ("/caf%C3%A9", "")),
        (None, "/a b/\xc3\xa9", "x=\xe9 y", ("/a%20b/%C3%A9", "?x=%E9%20y")),
        ("/something/else", "/a b", "", ("/a%20b", "")),
        ("", "", "", ("", "")),
    ],
)
def test_raw_target(raw: str | None, path_info: str, query: str, expected: tuple[str, str]) -> None:
    assert raw_target(environ_of(raw, path_info, query)) == expected


@pytest.mark.parametrize(
    ("raw", "query", "sound"),
    [
        ("/a%20b?c", "c", True),
        ("/\xc3\xa9\xff?\x80", "\x80", True),
        (None, "", True),
        ("/a b", "", False),
        ("/a\x7f", "", False),
        ("/a", "b\x1f", False),
        ("/a", "b c", False),
        ("/\u20ac", "", False),
    ],
)
def test_sound_targets(raw: str | None, query: str, sound: bool) -> None:
    assert is_sound(environ_of(raw, "/a b", query)) is sound


@pytest.mark.parametrize(
    ("raw", "path_info", "path"),
    [
        ("/billing/a%2Fb", "/a/b", "/a%2Fb"),
        ("/%62illin%67/a%2Fb?x", "/a/b", "/a%2Fb"),
        ("http://host/billing/a%20b", "/a b", "/a%20b"),
        ("/billing", "", ""),
        ("/billing/billing/%61", "/billing/a", "/billing/%61"),
        ("/a%2Fb", "/a/b", "/a/b"),  # a server that leaves the prefix out of it
    ],
)
def test_below_a_script_name(raw: str, path_info: str, path: str) -> None:
    assert raw_target({**environ_of(raw, path_info), "SCRIPT_NAME": "/billing"})[0] == path


def test_gunicorn_has_another_name_for_it() -> None:
    environ = {"PATH_INFO": "/a/b", "QUERY_STRING": "", "RAW_URI": "/a%2Fb"}
    assert raw_target(environ) == ("/a%2Fb", "")


@given(st.binary(max_size=50))
def test_a_path_without_a_raw_target_decodes_to_itself(path: bytes) -> None:
    from urllib.parse import unquote_to_bytes

    raw, _ = raw_target(environ_of(None, path.decode("latin-1")))
    assert unquote_to_bytes(raw) == path


@given(st.text(max_size=50))
def test_visible_is_visible(text: str) -> None:
    assert all("!" <= character <= "~" for character in visible(text))


@pytest.mark.parametrize(
    ("raw", "path_info", "below"),
    [
        ("/api/multicloud/v0/x?y", "/api/multicloud/v0/x", "/v0/x"),
        ("/%61pi/multi%63loud/v0/x", "/api/multicloud/v0/x", "/v0/x"),
        ("/api%2Fmulticloud/v0/x", "/api/multicloud/v0/x", None),
        ("/api%2fmulticloud/v0/x", "/api/multicloud/v0/x", None),
        ("%2Fapi/multicloud/v0/x", "/api/multicloud/v0/x", None),
        ("/api/multicloud%2Fv0/x", "/api/multicloud/v0/x", None),
    ],
)
def test_below_prefix(raw: str, path_info: str, below: str | None) -> None:
    assert below_prefix(environ_of(raw, path_info), "/api/multicloud") == below


def test_request_fields() -> None:
    environ = {
        "HTTP_HOST": "x",
        "HTTP_CONNECTION": "close , X-One,,x-two",
        "HTTP_X_ONE": "1",
        "HTTP_X_TWO": "2",
        "HTTP_X_THREE": "3",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_CONTENT_LENGTH": "7",
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "a/b",
        "PATH_INFO": "/",
        "wsgi.input": None,
    }
    assert headers.of_request(environ) == {"X-Three": "3", "Content-Type": "a/b"}
    assert headers.of_request({"CONTENT_TYPE": ""}) == {}


def test_headers_of_a_request_of_our_own() -> None:
    environ = {
        "HTTP_ACCEPT": "*/*",
        "HTTP_ACCEPT_ENCODING": "br",
        "HTTP_ACCEPT_LANGUAGE": "de",
        "HTTP_EXPECT": "100-continue",
        "HTTP_CONTENT_ENCODING": "gzip",
        "HTTP_CONNECTION": "X-One",
        "HTTP_X_ONE": "1",
        "HTTP_PROJECT": "p",
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "a/b",
    }
    assert headers.of_own_request(environ) == {"Accept-Language": "de", "Project": "p"}


def test_response_fields() -> None:
    lines = [
        ("connection", "X-Gone"),
        ("Connection", "close"),
        ("X-Gone", "1"),
        ("Set-Cookie", "a"),
        ("set-cookie", "b"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("X-Tab", "a\tb"),
    ]
    assert headers.of_response(lines) == [("Set-Cookie", "a"), ("set-cookie", "b"), ("X-Tab", "a\tb")]


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\rb"), ("X", "a\nb"), ("X", "\x00"), ("X Y", "a"), ("", "a"), ("é", "a")]
)
def test_response_fields_that_http_does_not_allow(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="that HTTP does not allow"):
        headers.of_response([(name, value)])


class Stingy(io.RawIOBase):
    """A server's stream that gives a little at a time, and then an error."""

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        super().__init__()
        self._pieces = pieces
        self._error = error

    def read(self, _size: int = -1) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._error:
            raise self._error
        return b""


def body_of(stream: Any, length: str | None = None, chunked: bool = False, keep: int = 0) -> RequestBody:
    environ = {"wsgi.input": stream}
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    if chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return RequestBody(environ, keep)


def test_body_of_a_length() -> None:
    body = body_of(io.BytesIO(b"x" * (BLOCK + 10)), str(BLOCK + 5))
    assert [len(piece) for piece in body] == [BLOCK, 5]


@pytest.mark.parametrize("length", ["", "0", "-1", "abc", "1.5", "+3"])
def test_no_body(length: str) -> None:
    body = body_of(io.BytesIO(b"next request"), length)
    assert body.empty
    assert list(body) == []


def test_chunked_body_ends_where_the_server_says() -> None:
    body = body_of(Stingy([b"a", b"bc"]), chunked=True)
    assert not body.empty
    assert list(body) == [b"a", b"bc"]


def test_body_that_is_cut_short() -> None:
    with pytest.raises(ClientGoneError, match="after 3 of 5 bytes"):
        list(body_of(Stingy([b"abc"]), "5"))


def test_body_that_the_server_gives_up() -> None:
    error = OSError("too slow")
    error.status = 408  # type: ignore[attr-defined] # as a server may say it
    with pytest.raises(ClientGoneError, match="too slow") as gone:
        list(body_of(Stingy([b"abc"], error), "5"))
    assert gone.value.status == 408
    with pytest.raises(ClientGoneError) as gone:
        list(body_of(Stingy([], ValueError("x")), chunked=True))
    assert gone.value.status == 400


def test_body_rewound() -> None:
    body = body_of(io.BytesIO(b"abc"), "3", keep=3)
    assert body.rewind() == b"abc", "what was not read yet is read"
    assert list(body) == []
    assert body.rewind() == b"abc"
    begun = body_of(Stingy([b"a", b"bc", b"d"]), chunked=True, keep=4)
    assert next(iter(begun)) == b"a"
    assert begun.rewind() == b"abcd"
    assert body_of(Stingy([b"abc", b"de"]), chunked=True, keep=4).rewind() is None
    longer = body_of(io.BytesIO(b"abcd"), "4", keep=3)
    assert list(longer) == [b"abcd"]
    assert longer.rewind() is None


def test_body_of_limited_length() -> None:
    assert body_of(io.BytesIO(b"abc"), "3").read_all(3) == b"abc"
    assert body_of(io.BytesIO(b"abc"), "3").read_all(2) is None
    assert body_of(Stingy([b"ab", b"cd"]), chunked=True).read_all(3) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each, max_size=4)
    )
)
def test_json_of_anything(value: object) -> None:
    import json

    assert json.loads(to_json(value)) == value


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_routes_match_whole_paths_only(rest: str) -> None:
    """The search of the table and the plain regular expressions agree, for whatever follows the prefix."""
    path = f"/api/multicloud/{rest}"
    found = match(path)
    first = next((route for route in ROUTES if route.regex.fullmatch(path)), None)
    assert (found[0] if found else None) is first


@given(st.text(max_size=20))
def test_quoting_is_what_visible_undoes_not(text: str) -> None:
    assert visible(quote(text)) == quote(text)
