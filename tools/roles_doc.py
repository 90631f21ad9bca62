"""Write what the roles say of themselves from their files, so that it cannot be wrong: README.md, and the specs of entry points.

python tools/roles_doc.py            write both again
python tools/roles_doc.py --check    exit 1 when they are not what they would be

An entry point is a file of tasks that a playbook or a role names by `tasks_from`. Its part of meta/argument_specs.yml, below
MARK, lists the variables of the role that it uses, by YAML's aliases: each is described once, in `main`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
MARK = "  # By `make docs`, from the files of tasks: what each entry point (tasks_from) takes.\n"
INCLUDES = ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
ROLES = ("ansible.builtin.import_role", "ansible.builtin.include_role")
PARTS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")
CHECKS_ALL = ("mooring.mooring.check_inventory", "__site_question", "__site_wanted")
"""What needs every variable of the inventory: the role `site`, whose variables carry no prefix to know them by."""


def read(path: Path) -> Any:
    """Read a YAML file; None without one."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def tasks_of(found: object) -> Iterator[dict[str, Any]]:
    """Find the tasks of a file, those in plays and blocks as well."""
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict):
            yield each
            for part in PARTS:
                yield from tasks_of(each.get(part))


def entries() -> dict[str, dict[str, str]]:
    """Map each role to its entry points, and each of these to the name of the first task that calls it."""
    named: dict[str, dict[str, str]] = {path.name: {} for path in (REPOSITORY / "roles").iterdir()}
    for path in [
        *sorted((REPOSITORY / "playbooks").glob("*.yml")),
        *sorted((REPOSITORY / "roles").glob("*/*/*.yml")),
    ]:
        for task in tasks_of(read(path)):
            for key in ROLES:
                if isinstance(task.get(key), dict):
                    role = task[key]["name"].rpartition(".")[2]
                    named[role].setdefault(task[key].get("tasks_from", "main"), task["name"])
    return named


def reached(role: Path, entry: str) -> str:
    """Return the text that an entry point runs: its file, those that it includes, and the role's variables that these name."""
    files, waiting = {}, [f"{entry}.yml"]
    while waiting:
        name = waiting.pop()
        path = role / "tasks" / name
        if name in files or not path.exists():
            continue
        files[name] = "\n".join(
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if not line.lstrip().startswith("#")
        )
        for task in tasks_of(read(path)):
            for key in INCLUDES:
                found = task.get(key)
                if found:
                    waiting.append(found["file"] if isinstance(found, dict) else found)
    text = "\n".join(files.values())
    # Of `site` the wiring does not count: it reaches every role.
    variables = read(role / "vars/main.yml") or read(role / "vars/main/main.yml") or {}
    inner = {name: str(value) for name, value in variables.items()}
    taken: set[str] = set()
    while more := {name for name in inner if name not in taken and re.search(rf"\b{name}\b", text)}:
        taken |= more
        text += "\n" + "\n".join(inner[name] for name in more)
    return text


def used(role: Path, entry: str, options: list[str]) -> list[str]:
    """List the role's variables that an entry point uses."""
    text = reached(role, entry)
    if role.name == "site":
        return options if any(word in text for word in CHECKS_ALL) else []
    return [name for name in options if re.search(rf"\b{name}\b", text)]


def specs(role: Path, named: dict[str, str]) -> str:
    """Return meta/argument_specs.yml: `main` as it is written, with an anchor for each option, and the entry points."""
    text = (role / "meta/argument_specs.yml").read_text(encoding="utf-8").partition(MARK)[0]
    if set(yaml.safe_load(text)["argument_specs"]) > {"main"}:
        return text  # its entry points are written by hand
    options = list(yaml.safe_load(text)["argument_specs"]["main"]["options"])
    text = re.sub(r"(?m)^      (\w+):(?: &\w+)?$", r"      \1: &\1", text)
    text = re.sub(r"(?m)^    options:(?: &options)?$", "    options: &options", text, count=1)
    parts = [text, MARK]
    for entry in sorted(set(named) - {"main"}):
        taken = used(role, entry, options)
        parts.append(f"  {entry}:\n    short_description: {named[entry]}\n")
        if taken == options:
            parts.append("    options: *options\n")
        else:
            parts += (
                ["    options:\n", *(f"      {name}: *{name}\n" for name in taken)]
                if taken
                else ["    options: {}\n"]
            )
    return "".join(parts if len(parts) > 2 else [text])


def cell(value: object) -> str:
    """Write a value so that a table's cell can hold it."""
    return str(value).replace("|", "\\|").replace("\n", " ").strip()


def default(value: object) -> str:
    """Write a default; nothing for an expression."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value is None or "{{" in str(value) else f"`{cell(value)}`" if value != "" else '`""`'


def kind(option: dict[str, Any]) -> str:
    """Write a type, with its elements and choices."""
    told = str(option["type"]) + (f" of {option['elements']}" if "elements" in option else "")
    return told + (f": {', '.join(map(str, option['choices']))}" if "choices" in option else "")


def readme(role: Path, text: str) -> str:
    """Return README.md of a role, from its specs and defaults."""
    found = yaml.safe_load(text)["argument_specs"]
    values = read(role / "defaults/main.yml") or {}
    lines = [
        f"# Role `mooring.mooring.{role.name}`",
        "",
        f"{found['main']['short_description'].rstrip('.')}.",
        "",
        "Made by `make docs` from meta/argument_specs.yml, defaults/ and tasks/; do not edit it by hand. The playbooks hand the",
        "variables over, by `roles/site/vars/main/wiring.yml`.",
        "",
        "## Entry points",
        "",
        "| `tasks_from` | what it does | variables |",
        "|---|---|---|",
    ]
    for entry, spec in found.items():
        mine = list(spec.get("options") or {})
        whole = mine == list(found["main"]["options"])
        taken = "all" if whole and mine else ", ".join(f"`{name}`" for name in mine) or "none"
        lines.append(f"| `{entry}` | {cell(spec['short_description']).rstrip('.')} | {taken} |")
    lines += ["", "## Variables", "", "| variable | type | default | meaning |", "|---|---|---|---|"]
    for name, option in found["main"]["options"].items():
        lines.append(
            f"| `{name}` | {kind(option)} | {default(values.get(name))} | {cell(option['description'])} |"
        )
    return "\n".join(lines) + "\n"


def main(check: bool) -> int:
    """Write the files, or compare them."""
    wrong = []
    for name, named in sorted(entries().items()):
        role = REPOSITORY / "roles" / name
        text = specs(role, named)
        for path, wanted in (
            (role / "meta/argument_specs.yml", text),
            (role / "README.md", readme(role, text)),
        ):
            if path.exists() and path.read_text(encoding="utf-8") == wanted:
                continue
            if check:
                wrong.append(str(path.relative_to(REPOSITORY)))
            else:
                path.write_text(wanted, encoding="utf-8")
    if wrong:
        sys.stderr.write(f"{', '.join(wrong)}: not what the roles' files say now; run: make docs\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] == ["--check"]))
