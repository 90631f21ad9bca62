"""Answers of supervisord that any XML parser reads, whatever an application has printed.

XML 1.0 (2.2, Char) has no control characters but tab and line ends, and a log may hold any: colours, a NUL. Stock
supervisord sends them as they are, and `supervisorctl tail` ends with an ExpatError; a log that is not UTF-8, or a tail that
begins within a character, makes it fail as well. Here what XML cannot hold, and what would steer the terminal of whoever
calls supervisorctl, is shown escaped, as Python writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mooring import texts

_NO_CHAR = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text_of(data: Any) -> str:
    """Return what a log holds as text: stands for supervisor's `as_string`."""
    return data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")


def marshal(stock: Callable[[Any], str], value: Any) -> str:
    """Return the XML of an answer, all of it characters that XML knows."""
    return _NO_CHAR.sub(lambda found: ascii(found[0])[1:-1], texts.plain(stock(value), "\t\n\r"))
