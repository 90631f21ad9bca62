"""Write docs/variables.md from where the variables are defined, so that the page cannot be wrong.

python tools/variables_doc.py            rewrite the page
python tools/variables_doc.py --check    exit 1 when it is not what it would be
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs/variables.md"
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("app/mooring/src", "app/multicloud/src")]

HEAD = """# Variables

Made by `make docs` from `roles/site/` and from the settings tables of the runtime and the API; do not edit by hand.

## The variables of an inventory

Set them in `inventory/<site>/group_vars/api.yml` (`balancer_…` in `group_vars/all/main.yml`, since API hosts and
load balancers need them), or for one run with `-e name=value`. A wrong value is refused before anything has changed.

| variable | default | meaning |
|---|---|---|
"""

WORKER = """
## Settings of a worker

The deploy, and the inventory's variables, set some of these. Any other goes through `worker_settings`, for example
`worker_settings: {MOORING_MAX_CONNECTIONS: 2000}`; a change is a switch, so no request fails.

| variable | default | meaning |
|---|---|---|
"""

API = """
## Settings of the Multi-Cloud API

They go through `app_environment`; secrets go through `app_secrets`.

| variable | default | meaning |
|---|---|---|
"""


def cell(value: object) -> str:
    """Write a value so that a table's cell can hold it."""
    text = "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ").strip()


def code(value: object) -> str:
    """Write a default as code; nothing where there is none that fits a cell."""
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(each) for each in value)
    # What is neither text nor number (a table of drivers, a secret, an expression) is told by its meaning.
    told = isinstance(value, (str, int, float)) and value != "" and "{{" not in str(value)
    return f"`{cell(value)}`" if told else ""


def inventory() -> list[str]:
    """List the inventory's variables: name, default, meaning."""
    defaults = yaml.safe_load((REPOSITORY / "roles/site/defaults/main.yml").read_text())
    specs = yaml.safe_load((REPOSITORY / "roles/site/meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    return [
        f"| `{name}` | {code(default)} | {cell(options[name]['description'])} |"
        for name, default in defaults.items()
    ]


def worker_settings() -> list[str]:
    """List the runtime's settings table."""
    from mooring import settings  # noqa: PLC0415 - found only after app/ is on the path

    return rows(settings)


def api_settings() -> list[str]:
    """List the API's settings table."""
    from multicloud.core import settings  # noqa: PLC0415 - found only after app/ is on the path

    return rows(settings)


def rows(settings: Any) -> list[str]:
    """List a settings table: the runtime's and the API's have the same shape."""
    found = []
    for field in settings.TABLE:
        default = "(required)" if field.default is dataclasses.MISSING else field.default
        unit = f" ({field.metadata['unit']})" if field.metadata["unit"] else ""
        meaning = cell(field.metadata["meaning"]) + unit
        found.append(f"| `{settings.variable(field.name)}` | {code(default)} | {meaning} |")
    return found


def page() -> str:
    """Compose the page."""
    parts = [
        HEAD,
        "\n".join(inventory()),
        "\n",
        WORKER,
        "\n".join(worker_settings()),
        "\n",
        API,
        "\n".join(api_settings()),
        "\n",
    ]
    return "".join(parts)


if __name__ == "__main__":
    wanted = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != wanted:
            sys.exit(f"{PAGE.relative_to(REPOSITORY)} is out of date: run `make docs`")
    else:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(wanted)
