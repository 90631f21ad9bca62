"""Write docs/variables.md from where the variables are defined, so that the page cannot be wrong.

python tools/variables_doc.py            rewrite the page
python tools/variables_doc.py --check    exit 1 when it is not what it would be
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs/variables.md"
sys.path.insert(0, str(REPOSITORY / "app"))

HEAD = """# Variables

Made by `make docs` from `roles/site/` and from the settings tables of the runtime and the API; do not edit by hand.

## The knobs of an inventory

Set them in `inventory/<site>/group_vars/api.yml`, or for one run with `-e name=value`. A wrong value is refused before
anything has changed.

| variable | default | meaning |
|---|---|---|
"""

WORKER = """
## Settings of a worker

The knobs set the first of these. Any other goes through `worker_settings`, for example
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


def knobs() -> list[str]:
    """List the inventory's knobs: name, default, meaning."""
    defaults = yaml.safe_load((REPOSITORY / "roles/site/defaults/main.yml").read_text())
    specs = yaml.safe_load((REPOSITORY / "roles/site/meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    return [
        f"| `{name}` | `{cell(default)}` | {cell(options[name]['description'])} |"
        for name, default in defaults.items()
    ]


def worker_settings() -> list[str]:
    """List the runtime's settings table."""
    from mooring import settings  # noqa: PLC0415 - found only after app/ is on the path

    rows = []
    for field in settings.TABLE:
        default = "(required)" if field.default is dataclasses.MISSING else field.default
        unit = f" ({field.metadata['unit']})" if field.metadata["unit"] else ""
        rows.append(
            f"| `{settings.variable(field.name)}` | `{cell(default)}` | {cell(field.metadata['meaning'])}{unit} |"
        )
    return rows


def api_settings() -> list[str]:
    """List the API's settings table."""
    from multicloud.core import settings  # noqa: PLC0415 - found only after app/ is on the path

    return [
        f"| `{row.variable}` | `{cell(row.default_text)}` | {cell(row.meaning)} |" for row in settings.rows()
    ]


def page() -> str:
    """Compose the page."""
    parts = [
        HEAD,
        "\n".join(knobs()),
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
