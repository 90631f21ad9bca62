"""Whether the API answers through the port, as a client sees it."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from mooring import texts
from mooring.host.errors import HostError

TIMEOUT = 10.0  # seconds


def answer_through_port(manifest: dict[str, Any], timeout: float = TIMEOUT) -> None:
    """Send the smoke request of a release to the port that it is reached by; `timeout` in seconds. HostError.

    No proxy of this host's environment is asked, no redirect is followed, and the certificate need not name this host's own
    address. Where clients must show a certificate, this one has none: the gate has heard each worker's own answer.
    """
    if manifest.get("settings", {}).get("MOORING_TLS_CLIENT_CA") or not manifest.get("verify_url"):
        return
    url = urlsplit(f"{manifest['verify_url']}{manifest['smoke_path']}")
    wanted = int(manifest["smoke_status"])
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)
    target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    try:
        connection.putrequest("GET", target, skip_host=True)
        # A release from before smoke_host has none
        connection.putheader("Host", str(manifest.get("smoke_host") or "localhost"))
        connection.putheader("Connection", "close")
        connection.endheaders()
        response = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        why = f"nothing within {timeout:g} s" if isinstance(error, socket.timeout) else texts.plain(error)
        raise HostError(f"{url.geturl()} does not answer: {why}") from error
    finally:
        connection.close()
    if response.status != wanted:
        raise HostError(f"{url.geturl()} answers with status {response.status}, not {wanted}")
