"""Text that may come from a remote host, made fit for a terminal, and the reason in the result of a failed task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mooring import texts

SAYS_NOTHING = {"non-zero return code", "MODULE FAILURE\nSee stdout/stderr for the exact error"}
PRINTED = ("stderr", "stdout", "module_stderr", "module_stdout")


def plain(text: object) -> str:
    r"""Return the text with its control characters written as escapes, line ends and tabs excepted."""
    return texts.plain_lines(str(text).replace("\r\n", "\n"))


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
    results = result.get("results")
    listed = results if isinstance(results, list) else []
    items = [each for each in listed if isinstance(each, Mapping) and each.get("failed")]
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
    why = reason({name: value for name, value in item.items() if name != "results"})  # an item has no items
    if label is None or (isinstance(label, str) and label in why[0]):
        return why
    return [f"{texts.plain(label)}: {why[0]}", *why[1:]]
