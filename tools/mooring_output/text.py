"""Text that may come from a remote host, made fit for a terminal, and the reason in the result of a failed task."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

UNSAFE = {"Cc", "Cs", "Zl", "Zp"}
"""Categories that move the cursor, start an escape sequence, break a line or cannot be encoded."""
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Characters that change the order in which a terminal shows others."""
SAYS_NOTHING = {"non-zero return code", "MODULE FAILURE\nSee stdout/stderr for the exact error"}
PRINTED = ("stderr", "stdout", "module_stderr", "module_stdout")


def plain(text: object) -> str:
    r"""Return the text with its control characters written as escapes, line ends and tabs excepted."""
    told = str(text).replace("\r\n", "\n")
    return "".join(character if _safe(character) else _escaped(character) for character in told)


def _safe(character: str) -> bool:
    if character in "\n\t":
        return True
    return (
        unicodedata.category(character) not in UNSAFE
        and unicodedata.bidirectional(character) not in DIRECTIONS
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def names(hosts: Iterable[str], most: int = 6) -> str:
    """List hosts; of many the first ones, and how many more there are."""
    listed = list(hosts)
    if len(listed) <= most:
        return ", ".join(listed)
    return f"{', '.join(listed[: most - 1])} and {len(listed) - most + 1} more"


def span(seconds: float) -> str:
    """Write a time."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def reason(result: Mapping[str, Any], cause: str = "") -> list[str]:
    """Return why a task has failed, line by line: its message, and what its command has printed, or else the cause."""
    if result.get("censored"):
        return [plain(result["censored"])]
    items = [each for each in result.get("results") or [] if isinstance(each, Mapping) and each.get("failed")]
    if items:
        return [line for each in items for line in _item(each)]
    said = plain(result.get("msg") or "").strip()
    # A command's own words, or those of a module that ended without a result.
    printed = next((told for key in PRINTED if (told := plain(result.get(key) or "").strip())), "")
    if said in SAYS_NOTHING or not said:
        said = printed or said
        if "rc" in result and not printed:
            said = f"It has ended with exit status {result['rc']} and printed nothing."
    elif printed and printed not in said:
        said = f"{said}\n{printed}"
    cause = plain(cause).strip()
    if cause and cause not in said and cause not in SAYS_NOTHING and not printed:
        said = f"{said}\n{cause}"
    return said.splitlines() or ["It has failed without a word."]


def _item(item: Mapping[str, Any]) -> list[str]:
    label = item.get("_ansible_item_label", item.get("item"))
    why = reason(item)
    if label is None or (isinstance(label, str) and label in why[0]):
        return why
    return [f"{plain(label)}: {why[0]}", *why[1:]]
