"""`supervisorctl tail` shows what an application has printed, whatever bytes it is."""

from __future__ import annotations

import sys

import pytest

from support.ports import free_port
from support.supervisord import Supervisord
from support.waiting import until

PRINTED = rb"colour \x1b[31mred\x1b[0m nul \x00 not utf-8 \xff ffff \xef\xbf\xbf umlaut \xc3\xa4"
SHOWN = r"colour \x1b[31mred\x1b[0m nul \x00 not utf-8 \xff ffff \uffff umlaut ä"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_log_with_control_bytes_can_be_read(each_supervisord: Supervisord, stream: str) -> None:
    server = each_supervisord
    script = server.folder / "prints.py"
    script.write_bytes(
        b"import sys, time\nsys.%s.buffer.write(b'" % stream.encode() + PRINTED + b"\\n')\n"
        b"sys.%s.flush()\ntime.sleep(600)\n" % stream.encode()
    )
    server.program("prints", f"tcp://127.0.0.1:{free_port()}", f"{sys.executable} {script}")
    server.start()
    until(lambda: SHOWN in server.ctl("tail", "prints:0", stream), "the log is shown")
    assert SHOWN in server.ctl("tail", "-20000", "prints:0", stream)
    read = getattr(server.rpc.supervisor, f"readProcess{stream.capitalize()}Log")
    assert read("prints:0", -2, 0).endswith("\\xa4\n"), "a tail that begins within a character"
    tail = getattr(server.rpc.supervisor, f"tailProcess{stream.capitalize()}Log")
    assert SHOWN in tail("prints:0", 0, 4096)[0]
