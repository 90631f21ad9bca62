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
    "status_not_text": (200, []),
    "informational": ("100 Continue", []),
    "switching": ("101 Switching Protocols", []),
    "connection": ("200 OK", [("Connection", "close")]),
    "upgrade": ("200 OK", [("Upgrade", "x")]),
    "coding": ("200 OK", [("Transfer-Encoding", "chunked")]),
    "keep_alive": ("200 OK", [("keep-alive", "timeout=5")]),
    "trailer": ("200 OK", [("Trailer", "X")]),
    "length_word": ("200 OK", [("Content-Length", "five")]),
    "length_signed": ("200 OK", [("Content-Length", "-1")]),
    "two_lengths": ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
}
