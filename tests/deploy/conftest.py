"""One deployment of a small site to this machine, by the playbooks as users run them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.site import Site, greeter


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Deploy the greeter; what is left at the end is removed, and that too must work."""
    with greeter() as one:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANSIBLE_STDOUT_CALLBACK", "mooring.mooring.summary")
            one.first = one.deploy()
        yield one
        # It is removed whatever has become of it: of supervisord's virtualenv nothing is left.
        (one.root / "supervisor/venv").unlink()
        (one.root / "supervisor/venv").symlink_to("venvs/gone")
        removed = one.run("playbooks/remove.yml", remove_data=True)  # tests have written some
        assert removed.returncode == 0, removed.stdout
        assert not one.root.exists(), f"left: {[*one.root.rglob('*')]}\n{removed.stdout}"
