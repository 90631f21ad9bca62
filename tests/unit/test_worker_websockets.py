"""Where a frame of the worker's may go in between those of the application, and how a connection with TLS ends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mooring.http.websocket_frames import Frames
from mooring.worker.engines.eventlet.deadlines import Deadlines
from mooring.worker.engines.eventlet.transport import EventletTransport
from support.certificates import Authority

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def frame(opcode: int, size: int) -> bytes:
    start = bytes((0x80 | opcode,))
    if size < 126:
        return start + bytes((size,)) + b"\x88" * size
    if size < 65536:
        return start + b"\x7e" + size.to_bytes(2, "big") + b"\x88" * size
    return start + b"\x7f" + size.to_bytes(8, "big") + b"\x88" * size


@given(
    st.lists(st.sampled_from((0, 1, 125, 126, 300, 65535, 65536)), max_size=4),
    st.lists(st.integers(0, 200_000), max_size=12),
)
def test_it_is_between_frames_where_a_frame_has_ended_and_nowhere_else(
    sizes: list[int], cuts: list[int]
) -> None:
    frames = [HEAD, *(frame(2, size) for size in sizes)]
    data, ends = b"".join(frames), set()
    for number in range(len(frames)):
        ends.add(sum(len(one) for one in frames[: number + 1]))
    followed, before = Frames(), 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        followed.feed(data[before:cut])
        before = cut
        assert followed.between == (cut in ends)
    assert not followed.closed


def test_a_close_frame_of_the_application_is_seen() -> None:
    followed = Frames()
    followed.feed(HEAD + frame(1, 3))
    assert not followed.closed
    followed.feed(frame(8, 2))
    assert followed.closed


def test_what_had_arrived_by_tls_before_the_end_is_read_decrypted(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*authority.sign("server"))
    context = ssl.create_default_context(cafile=str(authority.path))
    server, client = socket.socketpair()
    client_tls = context.wrap_socket(client, server_hostname="127.0.0.1", do_handshake_on_connect=False)

    def send() -> None:
        client_tls.do_handshake()
        client_tls.send(b"hello")

    sender = threading.Thread(target=send)
    sender.start()
    transport = EventletTransport(server, Deadlines(()))
    server.setblocking(True)
    transport.sock = own.wrap_socket(server, server_side=True)
    sender.join()
    with client_tls, contextlib.closing(transport):
        transport.break_off()
        assert [transport.sock.recv(100), transport.sock.recv(100)] == [b"hello", b""]
