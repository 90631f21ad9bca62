"""What tests share stands in tests/support: whoever moves or changes a test breaks no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support.places import REPOSITORY

TESTS = REPOSITORY / "tests"


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Return the line and the absolute name of each module that a file imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def among_tests(module: str) -> bool:
    """Tell whether a module is one of the tests', and not of their support."""
    parts = module.split(".")
    own = parts[0] in {"", "tests"} or (TESTS / parts[0]).exists() or (TESTS / f"{parts[0]}.py").exists()
    return parts[0] != "support" and (own or "conftest" in parts or parts[-1].startswith("test_"))


def test_a_test_imports_from_no_other_test() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {module}"
        for path in sorted(TESTS.rglob("*.py"))
        for line, module in imported(ast.parse(path.read_text(), path))
        if among_tests(module)
    ]
    assert not found, "shared between tests, but not in tests/support:\n" + "\n".join(found)


def test_what_is_of_the_tests_is_known() -> None:
    assert among_tests("tests.deploy.conftest")
    assert among_tests("functional.test_plugin")
    assert among_tests(".stage")
    assert not among_tests("support.worker")
    assert not among_tests("mooring.worker")


def test_support_has_no_test() -> None:
    assert not [*(TESTS / "support").rglob("test_*.py")], "a test in tests/support is not collected"
