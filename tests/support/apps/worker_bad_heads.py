"""Statuses and fields that an application may not give to start_response."""

from __future__ import annotations

from typing import Any

BAD_HEADS: dict[str, tuple[Any, list[tuple[Any, Any]]]] = {
    "injected": ("200 OK", [("X", "a\r\nSet-Cookie: b")]),
    "lf": ("200 OK", [("X", "a\nb")]),
    "cr": ("200 OK", [("X", "a\rb")]),
    "nul": ("200 OK", [("X", "a\0b")]),
    "wide": ("200 OK", [("X", "\u20ac")]),
    "name": ("200 OK", [("X Y", "a")]),
    "name_injected": ("200 OK", [("X: a\r\nY", "a")]),
    "empty_name": ("200 OK", [("", "a")]),
    "name_not_text": ("200 OK", [(b"X", "a")]),
    "value_not_text": ("200 OK", [("X", 5)]),
    "status_injected": ("200 OK\r\nX: a", []),
    "status_short": ("20", []),
    "status_words": ("OK", []),
    "status_empty": ("", []),
    "status_no_space": ("200OK", []),
    "status_tab": ("200\tOK", []),
    "status_leading_space": (" 200 OK", []),
    "status_two_digits": ("99 Low", []),
    "status_four_digits": ("1000 High", []),
    "status_other_digits": ("\uff12\uff10\uff10 OK", []),
    "status_control": ("200 O\x07K", []),
    "status_nul": ("200 O\0K", []),
    "status_wide": ("200 \u20ac", []),
    "status_number": (99, []),
    "status_bytes": (b"200 OK", []),
    "status_not_text": (200, []),
    "informational": ("100 Continue", []),
    "switching": ("101 Switching Protocols", []),
    "length_word": ("200 OK", [("Content-Length", "five")]),
    "length_signed": ("200 OK", [("Content-Length", "-1")]),
    "two_lengths": ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
}
