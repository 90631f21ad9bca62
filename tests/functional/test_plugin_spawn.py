"""Between fork(2) and execve(2) a child of supervisord loses no signal."""

from __future__ import annotations

from support.supervisord import Supervisord
from support.waiting import until

# In supervisord's child, until the test says go: on a busy machine the moment before execve can be long by itself.
HELD = """
import os, pathlib, time
execute, here = os.execve, pathlib.Path(__file__).parent

def held(*arguments):
    (here / "at execve").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    execute(*arguments)

os.execve = held
"""


def test_a_stop_right_after_the_start_ends_the_process(each_supervisord: Supervisord) -> None:
    """Else supervisord waits for stopwaitsecs while it serves, and kills it in the middle of its requests."""
    server = each_supervisord
    here = server.folder / "held"
    here.mkdir()
    (here / "sitecustomize.py").write_text(HELD)
    server.environ["PYTHONPATH"] = f"{here}:{server.environ['PYTHONPATH']}"
    program = "[program:late]\ncommand = /bin/cat\nautostart = false\nstartsecs = 0\nstopwaitsecs = 3600\n"
    (server.folder / "conf.d/late.conf").write_text(program)
    server.start()
    server.rpc.supervisor.startProcess("late", False)
    until((here / "at execve").exists, "it has been forked")
    server.rpc.supervisor.stopProcess("late", False)
    (here / "go").touch()
    until(
        lambda: server.rpc.supervisor.getProcessInfo("late")["statename"] == "STOPPED",
        "it has ended by SIGTERM",
    )
