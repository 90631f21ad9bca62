"""The API by Django, as a WSGI application: ``multicloud.django_web.wsgi:application``."""

from __future__ import annotations

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries

from multicloud.core.broker import broker
from multicloud.core.requestlog import RequestLog

os.environ["DJANGO_SETTINGS_MODULE"] = "multicloud.django_web.settings"


class Request(WSGIRequest):  # type: ignore[misc] # Django comes without types
    """A request that leaves the server's environment as it was: Django would put its own decoding of the path there."""

    def __init__(self, environ: dict[str, Any]) -> None:
        path_info = environ.get("PATH_INFO", "")
        super().__init__(environ)
        environ["PATH_INFO"] = path_info


class Handler(WSGIHandler):  # type: ignore[misc] # Django comes without types
    """Django's WSGI application with our requests."""

    request_class = Request


django.setup(set_prefix=False)
# There is no database: spare each request the look for connections to tidy, a fifth of its time.
request_started.disconnect(reset_queries)
for signal in (request_started, request_finished):
    signal.disconnect(close_old_connections)

application = RequestLog(Handler(), broker().settings)
