"""Attackers on a host that root deploys to: one deployment for all tests here, with a hostile dependency in the release.

`init: background`, and the service user that a deploy as root takes when none is named. The tests need root, and run in
`.ci/run`. Each leaves the deployment as it found it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from support.hostile import hostile_requirements
from support.intruder import (
    INTRUDER,
    NOTED,
    TOKEN,
    Host,
    add_key,
    forge_names,
    lookalike_of_supervisord,
    plant,
)
from support.site import SITE, greeter


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all without root."""
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="an attack on root's deployment: needs root"))


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """Deploy the greeter with the intruder in its release."""
    knobs = {
        "app_source": [str(SITE), str(INTRUDER)],
        "app_environment": {"GREETING": "hello"},
        "app_secrets": {"GREETER_SECRET": "hush-hush"},
        "companions": {"teller": "greeter"},
        "hooks_before": [{"name": "before", "command": ["python", "-c", "import greeter"]}],
        "hooks_after": [{"name": "after", "command": ["python", "-c", "import greeter"]}],
    }
    with greeter(**knobs) as site, contextlib.ExitStack() as strangers:
        noted = site.root.parent / "noted"
        noted.touch()
        noted.chmod(0o666)
        (site.root.parent / "lock").mkdir()
        site.knobs["app_requirements"] = str(hostile_requirements(site.root.parent / "lock", NOTED))
        site.folder = site.root.parent / "planted"
        plant(site.folder)
        site.environment["DEPLOYERS_TOKEN"] = TOKEN
        add_key()
        one = strangers.enter_context(lookalike_of_supervisord(site.root / "supervisor/supervisord.conf"))
        site.first = site.deploy()
        yield Host(site, one)
        forge_names(site)
        removed = site.run("playbooks/remove.yml", remove_data=True)
        assert removed.returncode == 0, removed.stdout
        assert "forged" not in removed.stdout, removed.stdout
        assert not site.root.exists(), removed.stdout
        assert one.poll() is None, "a removal has ended a stranger's process"
