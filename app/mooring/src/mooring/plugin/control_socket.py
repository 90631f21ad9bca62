"""Supervisord's control socket, made again when its file has gone.

Without it, nobody can ask or command a supervisord that runs well; and a second one could be started beside it.
Stock supervisord makes the file at its start alone.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from supervisor.http import LogWrapper, supervisor_af_unix_http_server

from mooring import status_socket


def reopen(options: Any) -> None:
    """Listen again where the file of a unix socket is missing, and its folder is there."""
    for place, (config, server) in enumerate(options.httpservers):
        if config["family"] != socket.AF_UNIX:
            continue
        path = Path(config["file"])
        if not status_socket.is_gone(path):
            continue
        try:
            successor = supervisor_af_unix_http_server(
                config["file"], config["chmod"], config["chown"], logger_object=LogWrapper(options.logger)
            )
        except (OSError, ValueError) as error:
            options.logger.critical(
                "control socket %(path)s: removed, and not to be had: %(why)s", path=path, why=error
            )
            continue
        successor.handlers = server.handlers
        server.close()
        options.httpservers[place] = (config, successor)
        options.logger.info("control socket %(path)s: somebody has removed it; made again", path=path)
