"""A program for `[fcgi-program]`: answers each connection on fd 0 with its pid; SIGTERM loses none.

It works by one rule: a signal ends it at once while it waits, and after the answer while it serves. What it
has not accepted stays in the socket's queue, for whoever accepts next.
"""

import os
import select
import signal
import socket

from mooring.process import die_with_parent


class Ended(SystemExit):
    pass


serving = ending = False


def end(*_: object) -> None:
    global ending  # noqa: PLW0603
    ending = True
    if not serving:
        raise Ended(0)


signal.signal(signal.SIGTERM, end)
die_with_parent(signal.SIGTERM)
listening = socket.socket(fileno=0)
listening.setblocking(False)
body = str(os.getpid()).encode()
while not ending:
    select.select([listening], [], [])
    serving = True
    try:
        client, _ = listening.accept()
    except BlockingIOError:  # another process was faster
        serving = False
        continue
    with client:
        client.settimeout(10)
        while client.recv(65536)[-4:] not in (b"\r\n\r\n", b""):
            pass
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    serving = False
