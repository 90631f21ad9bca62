"""The OpenAPI document has the surface that clients generate their code from, no more and no less.

The surface stands beside this file as text, one operation or definition to a line, a required name with an asterisk.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from support.api import PREFIX, Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the validator's affair with jsonschema
    from swagger_spec_validator.validator20 import validate_spec

HERE = Path(__file__).parent


@pytest.fixture
def document(api: Client) -> dict[str, Any]:
    """The document as served."""
    got = api.request("GET", f"{PREFIX}/v0/swagger.json")
    assert got.status == 200
    served = json.loads(got.body)
    assert isinstance(served, dict)
    return served


def short(schema: dict[str, Any] | None) -> str:
    """Return a schema in the notation of the surface."""
    if schema is None:
        return "-"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema["type"] == "array":
        return f"[{short(schema['items'])}]"
    if schema["type"] == "object":
        return "{" + " ".join(properties(schema)) + "}"
    return str(schema["type"])


def properties(schema: dict[str, Any]) -> list[str]:
    """Return the properties of an object in the notation of the surface."""
    required = schema.get("required", [])
    return [f"{name}{'*' * (name in required)}:{short(kind)}" for name, kind in schema["properties"].items()]


def operation(method: str, path: str, described: dict[str, Any]) -> str:
    """Return an operation in the notation of the surface."""
    parameters = [
        f"{each['in']}.{each['name']}{'*' * each['required']}:{short(each.get('schema', each))}"
        for each in described["parameters"]
    ]
    responses = [f"{status}:{short(each.get('schema'))}" for status, each in described["responses"].items()]
    tags = ", ".join(described["tags"])
    return f"{method} {path} {described['operationId']} | {' '.join(parameters)} | {' '.join(responses)} | {tags}"


def test_operations(document: dict[str, Any]) -> None:
    served = [
        operation(method, path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    expected = (HERE / "swagger_operations.txt").read_text().splitlines()
    assert (len(document["paths"]), len(expected)) == (21, 35)
    assert sorted(served) == expected


def test_definitions(document: dict[str, Any]) -> None:
    served = [
        " | ".join((name, *(item for item in properties(schema))))
        for name, schema in document["definitions"].items()
    ]
    expected = (HERE / "swagger_definitions.txt").read_text().splitlines()
    assert len(expected) == 40, "39 of the original, and the one that it refers to and lacks"
    assert sorted(served) == expected


def test_every_reference_leads_to_a_definition(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "x-definitions" not in text
    assert {*re.findall(r'"\$ref": "#/definitions/(\w+)"', text)} == set(document["definitions"])


def test_head_of_the_document(document: dict[str, Any]) -> None:
    assert (document["swagger"], document["basePath"]) == ("2.0", "/api/multicloud/v0/")
    assert document["info"]["title"] == "MultiVIM Service rest API"
    assert document["info"]["version"] == "1.0.0"


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")
def test_document_is_valid(document: dict[str, Any]) -> None:
    validate_spec(document)


def test_each_operation_says_what_it_does(document: dict[str, Any]) -> None:
    summaries = [each["summary"] for methods in document["paths"].values() for each in methods.values()]
    assert all(summaries)
    assert len(set(summaries)) == 35
