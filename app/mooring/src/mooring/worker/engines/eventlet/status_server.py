"""The worker's side of the status socket (``mooring.status_socket``): answers ready and stats, takes drain.

It runs in green threads on the hub: an answer proves that the hub turns, which is what the watchdog wants to know.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import eventlet
from eventlet.green import socket
from eventlet.hubs import trampoline

from mooring import status_socket
from mooring.worker import forks, log

ANSWER_TIME = 5.0
"""Seconds that one client may take in all."""

RETRY = 0.1
"""Seconds until the next attempt after accept failed."""

LOOK = 5.0
"""Seconds between two looks whether the socket's file is still there: seldom, for an idle worker is to cost nothing."""


class EventletStatusServer:
    """Listens on the unix socket at ``path`` and answers each word by calling what ``answers`` holds for it."""

    def __init__(self, path: Path, answers: status_socket.Answers) -> None:
        self._path = path
        self._answers = answers
        self._spare = -1
        self._inode = -1
        self._listener: Any = None
        self._accepting: Any = None
        self._clients: set[Any] = set()
        self._keeping: Any = None

    def start(self) -> None:
        """Bind (mode 0600; what a dead worker left is replaced) and begin to answer. Raises OSError."""
        self._listen()
        self._keep_spare()
        self._keeping = eventlet.spawn(self._keep_listening)
        forks.on_child(self._forsake)

    def _forsake(self) -> None:
        """In a forked child: close what is the parent's."""
        for sock in (self._listener, *self._clients):
            sock.fd.close()
        if self._spare >= 0:
            os.close(self._spare)

    def _listen(self) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._inode = status_socket.bind(listener, self._path)
        listener.listen(64)
        self._listener, self._accepting = listener, eventlet.spawn(self._accept, listener)

    def _keep_listening(self) -> None:
        """Listen again whenever somebody has removed the file: nobody could ask or watch this worker any more."""
        while True:
            eventlet.sleep(LOOK)
            if not status_socket.is_gone(self._path):
                continue
            try:
                self._accepting.kill()
                self._listener.close()
                self._listen()
            except OSError as error:
                log.event("status_socket", problem=str(error))

    def stop(self) -> None:
        """Remove the socket's file, unless another process has put its own there."""
        self._keeping.kill()
        status_socket.remove_own(self._path, self._inode)

    def _keep_spare(self) -> None:
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError as error:  # the application was faster; the next answer's descriptor may be had
            log.event("status_socket", problem=str(error))

    def _accept(self, listener: Any) -> None:
        while True:
            trampoline(listener, read=True)  # without descriptors, accept fails even if nobody is there
            try:
                client = self._take(listener)
            except OSError as error:
                log.event("status_socket", problem=str(error))
                eventlet.sleep(RETRY)
                continue
            if self._spare >= 0:
                eventlet.spawn_n(self._answer, client)
            else:
                self._answer(client)  # here and now, so that its descriptor is the spare one again
                self._keep_spare()

    def _take(self, listener: Any) -> Any:
        """Accept; without a descriptor left give up the spare one, for the watchdog must get its answer."""
        try:
            return listener.accept()[0]
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or self._spare < 0:
                raise
        os.close(self._spare)
        self._spare = -1
        return listener.accept()[0]

    def _answer(self, client: Any) -> None:
        self._clients.add(client)
        try:
            with eventlet.Timeout(ANSWER_TIME, False), client:
                word = self._read_word(client)
                answer = self._answers.get(word)
                found = answer() if answer else status_socket.unknown(word, self._answers)
                client.sendall(status_socket.line_of(found))
        except OSError as error:
            log.event("status_socket", problem=str(error))
        finally:
            self._clients.discard(client)

    @staticmethod
    def _read_word(client: Any) -> str:
        line = b""
        while not line.endswith(b"\n") and len(line) < status_socket.MAX_WORD:
            data = client.recv(status_socket.MAX_WORD)
            if not data:
                break
            line += data
        return status_socket.word_of(line)
