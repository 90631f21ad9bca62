"""A lean HTTP/1.1 client in urllib3's words. It knows nothing of the API: it gets its limits, and raises HTTPError.

``PoolManager.urlopen`` sends a ``Request`` and returns a ``Response`` whose body is read as it comes. Connections are kept
in one ``ConnectionPool`` for each origin. Why it is not a library's: docs/performance/remarks.md.
"""

from __future__ import annotations

from multicloud.client.exceptions import (
    DecodeError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    RemoteDisconnectedError,
    ResponseTooLargeError,
    TimeoutExpiredError,
)
from multicloud.client.limits import PoolLimits, Timeout
from multicloud.client.manager import PoolManager
from multicloud.client.request import Origin, Request
from multicloud.client.response import Response

__all__ = [
    "DecodeError",
    "HTTPError",
    "NewConnectionError",
    "Origin",
    "PoolLimits",
    "PoolManager",
    "ProtocolError",
    "RemoteDisconnectedError",
    "Request",
    "Response",
    "ResponseTooLargeError",
    "Timeout",
    "TimeoutExpiredError",
]
