"""An application below a prefix of the paths: what CGI and WSGI call SCRIPT_NAME (RFC 3875 4.1.13, PEP 3333).

The prefix comes from the setting alone. Fields of a request (X-Script-Name, X-Forwarded-Prefix) are never believed,
from a trusted proxy neither: one that passes a client's field on would let that client choose where links lead.

A path is compared as it is decoded, byte by byte: ``/%62illing/x`` is below ``/billing``, ``//billing/x`` is not.
Nothing is resolved or merged, so what is below stays as it came.
"""

from __future__ import annotations

from typing import Any

from mooring.http.own_responses import PLAIN_TEXT
from mooring.worker.application import WsgiApplication


def below(prefix: str, application: WsgiApplication) -> WsgiApplication:
    """Return the application as it is served below the prefix; itself, if that is empty."""
    if not prefix:
        return application
    folder, length = f"{prefix}/", len(prefix)
    elsewhere = f"Nothing is served here: the application is below {folder}\n".encode("ascii")

    def mounted(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path != prefix and not path.startswith(folder):
            start_response("404 Not Found", [PLAIN_TEXT])
            return [elsewhere]
        environ["SCRIPT_NAME"] = prefix
        environ["PATH_INFO"] = path[length:]
        return application(environ, start_response)

    return mounted
