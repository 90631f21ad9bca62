"""What is released together has one version."""

from __future__ import annotations

import tomllib
import yaml

from support.places import REPOSITORY


def test_the_packages_and_the_collection_have_one_version() -> None:
    versions = {
        str(path): tomllib.loads((REPOSITORY / path).read_text())["project"]["version"]
        for path in ("app/mooring/pyproject.toml", "app/multicloud/pyproject.toml")
    }
    versions["galaxy.yml"] = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())["version"]
    assert len(set(versions.values())) == 1, versions
