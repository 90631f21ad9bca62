"""The OpenAPI document (Swagger 2.0) of v0, made from the facts in ``surface``."""

from __future__ import annotations

import re
from typing import Any

from multicloud.core.routes import PREFIX
from multicloud.core.surface import DEFINITIONS, OPERATIONS, Operation

_MEANINGS = {
    "vimid": "Region, as {owner}_{region}",
    "tenantid": "Tenant within the region",
    "name": "Only what has this name",
    "limit": "At most so many entries",
    "marker": "Only what comes after the entry with this id",
}


def document(script_name: str = "") -> dict[str, Any]:
    """Return the document of an API that is served below this prefix."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "swagger": "2.0",
        "info": {
            "title": "MultiVIM Service rest API",
            "version": "1.0.0",
            "description": "One API for clouds of many types; each request goes to the driver of its region.",
        },
        "basePath": f"{script_name}{PREFIX}/v0/",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": paths,
        "definitions": {name: _properties(text) for name, text in DEFINITIONS.items()},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = re.findall(r"\{(\w+)\}", operation.path)
    parameters = [_parameter(name, "path", required=True) for name in in_path]
    parameters += [_parameter(name, "query", required=False) for name in operation.query.split()]
    if operation.body:
        body = {"name": "body", "in": "body", "required": True, "schema": _type(operation.body)}
        parameters.append(body)
    success: dict[str, Any] = {"description": "Done" if operation.status != 202 else "Begun"}
    if operation.response:
        success["schema"] = _type(operation.response)
    return {
        "tags": [operation.tag],
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            str(operation.status): success,
            "404": {"description": "The region, or what was asked for in it, is not known"},
            "500": {"description": "The driver's answer could not be had"},
        },
    }


def _parameter(name: str, place: str, *, required: bool) -> dict[str, Any]:
    meaning = _MEANINGS.get(
        name, f"Id of the {name.removesuffix('id')}" if name.endswith("id") else "Name of the host"
    )
    return {"name": name, "in": place, "type": "string", "required": required, "description": meaning}


def _properties(text: str, separator: str = ", ") -> dict[str, Any]:
    """Return the schema of an object from ``name*=type, name=type``."""
    properties: dict[str, Any] = {}
    required = []
    for item in text.split(separator):
        name, _, kind = item.partition("=")
        if name.endswith("*"):
            name = name[:-1]
            required.append(name)
        properties[name] = _type(kind)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def _type(kind: str) -> dict[str, Any]:
    if kind.startswith("["):
        return {"type": "array", "items": _type(kind[1:-1])}
    if kind.startswith("{"):
        return _properties(kind[1:-1], " ")
    if kind[0].isupper():
        return {"$ref": f"#/definitions/{kind}"}
    return {"type": kind}
