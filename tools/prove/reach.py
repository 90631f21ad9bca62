"""Whether the instance answers as the load will ask it."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from prove.errors import RefusalError
from prove.settings import PREFIX, Settings

TIMEOUT = 10.0
"""Seconds that the answer may take."""


def check(settings: Settings) -> None:
    """Send the load's GET once, directly, whatever certificate is shown. RefusalError without the right status."""
    why = _why_not(settings)
    if why:
        raise RefusalError(
            f"The load goes from this machine to {settings.url}{settings.get_path}, and there is no answer with status"
            f" {settings.get_status}: {why}. Name an address that this machine reaches: -e {PREFIX}url=http://host:port"
        )


def _why_not(settings: Settings) -> str:
    try:
        parts = urlsplit(settings.url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return f"{PREFIX}url: {error}"
    if parts.scheme not in ("http", "https") or not host:
        return f"{PREFIX}url is no http:// or https:// address"
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    if parts.scheme == "https":
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=anyone)
    headers = {"Host": settings.host} if settings.host else {}
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}{settings.get_path}", headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "" if status == settings.get_status else f"the status is {status}"
