"""The OpenAPI (Swagger 2.0) document of v0."""

from __future__ import annotations

from typing import Any


def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "swagger": "2.0",
        "info": {"title": "MultiVIM Service rest API", "version": "1.0.0"},
        "basePath": "/api/multicloud/v0/",
        "paths": {},
        "definitions": {},
    }
