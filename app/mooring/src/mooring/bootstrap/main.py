"""The life of a bootstrap: read the settings, check, answer and watch, end."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from mooring import process, settings
from mooring.bootstrap import checks
from mooring.bootstrap.say import say
from mooring.bootstrap.status_server import BootstrapStatusServer, ask_workers
from mooring.bootstrap.watchdog import Watchdog

EX_NOT_FIT = 1


def main() -> int:
    """Run a bootstrap to its end and return its exit status."""
    config = settings.load_or_exit(os.environ, "mooring bootstrap")
    process.set_title(config.instance, "bootstrap")
    # Until the loop runs, SIGTERM has its default effect: the process ends at once, and its check with it
    process.die_with_parent(signal.SIGTERM)
    try:
        checks.check(config)
        asyncio.run(_serve(config))
    except checks.NotFitError as problem:
        say(str(problem))
        return EX_NOT_FIT
    return 0


async def _serve(config: settings.Settings) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    watchdog = Watchdog(config)

    async def stats() -> dict[str, Any]:
        return {
            **_ready(config),
            "killed": watchdog.killed,
            "workers": await ask_workers(config),
        }

    async def ready() -> dict[str, Any]:
        return _ready(config)

    server = BootstrapStatusServer(config.bootstrap_socket, {"ready": ready, "stats": stats})
    try:
        await server.listen()
    except OSError as error:
        raise checks.NotFitError(
            f"MOORING_RUN_DIR: cannot listen on {config.bootstrap_socket}: {error.strerror}"
        ) from error
    watching = {asyncio.create_task(watchdog.run()), asyncio.create_task(server.keep_listening())}
    ending = asyncio.create_task(ended.wait())
    try:
        # These never end by themselves; if one fails, we do, loudly, and supervisord starts us again
        await asyncio.wait({*watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in watching:
            if task.done():
                task.result()
    finally:
        server.close()


def _ready(config: settings.Settings) -> dict[str, Any]:
    return {
        "ready": True,
        "state": "ready",
        "pid": os.getpid(),
        "instance": config.instance,
        "release": config.release,
        "framework": config.framework,
    }
