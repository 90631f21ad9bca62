"""The bill of materials: all that a bundle installs, nothing else, and the same bytes each time."""

from __future__ import annotations

import email
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundle import installer, sbom, write_sbom
from bundle.reading import Pin
from bundle.requirements import Requirement
from bundle.target_python import TargetPython
from support.bundles import HERE, command, greeter, run, wheel, write
from support.places import REPOSITORY

VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    if error is not None:
        sys.exit(f"{path}: {error}")
"""


class Made:
    """A bundle of a project and of packages of an index; some of them ask for others."""

    def __init__(self, folder: Path) -> None:
        self.index = folder / "index"
        lines = [
            wheel(self.index, "one", "two[more]>=1", "absent; extra == 'x'", one="")[1],
            wheel(self.index, "two", "three; extra == 'more'", "four; python_version < '3'", two="")[1],
            wheel(self.index, "three", "one", three="")[1],
            wheel(self.index, "four", four="")[1] + " --hash=sha256:" + "1" * 64,
        ]
        lock = write(folder / "lock.txt", "\n".join(lines) + "\n")
        self.project = ["--source", str(greeter(folder / "greeter")), "--app-requirements", str(lock)]
        self.cache = folder / "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("bill"))


@pytest.fixture(autouse=True)
def _closed(made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pip has that index alone, and its settings are read again in each test."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    installer.environment.cache_clear()
    yield
    installer.environment.cache_clear()


def test_it_names_what_is_installed_by_the_hash_of_its_file(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(capsys, command(made.cache, *made.project))
    bill = json.loads(Path(told["sbom"]).read_text())
    with tarfile.open(told["path"]) as archive:
        files = {name.partition("-")[0]: archive.extractfile(name) for name in archive.getnames()}
        digests = {name: hashlib.sha256(file.read()).hexdigest() for name, file in files.items() if file}
    parts = {part["name"]: part for part in bill["components"]}
    assert set(parts) == set(digests) - {"requirements.txt"} == {"one", "two", "three", "four", "greeter"}
    for name, part in parts.items():
        assert part["hashes"] == [{"alg": "SHA-256", "content": digests[name]}]
        assert part["version"] == "1.0"
    assert parts["one"]["purl"] == "pkg:pypi/one@1.0"
    assert parts["greeter"]["purl"] == "pkg:generic/greeter@1.0"  # of nobody's index
    assert bill["metadata"]["component"]["name"] == "greeter"
    assert {"name": "mooring:python", "value": HERE} in bill["metadata"]["properties"]
    asked = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert asked == {
        "application": ["pkg:generic/greeter@1.0", "pkg:pypi/four@1.0"],
        "pkg:generic/greeter@1.0": [],
        "pkg:pypi/one@1.0": ["pkg:pypi/two@1.0"],
        "pkg:pypi/two@1.0": ["pkg:pypi/three@1.0"],
        "pkg:pypi/three@1.0": ["pkg:pypi/one@1.0"],
        "pkg:pypi/four@1.0": [],
    }


def test_the_same_input_gives_the_same_bytes_and_the_id_does_not_depend_on_it(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(capsys, command(made.cache, *made.project))
    text = Path(first["sbom"]).read_bytes()
    other = run(capsys, command(tmp_path / "other", *made.project))  # from the beginning
    assert other["built"] is True
    assert Path(other["sbom"]).read_bytes() == text
    assert other["sha256"] == hashlib.sha256(Path(other["path"]).read_bytes()).hexdigest()
    # Another patch release of Python has the same bundle, and a bill of its own.
    patched = run(capsys, command(made.cache, *made.project, python=HERE.removesuffix(".0") + ".9"))
    assert (patched["id"], patched["built"]) == (first["id"], False)
    assert Path(first["sbom"]).read_bytes() == text != Path(patched["sbom"]).read_bytes()
    # What would write it otherwise replaces it, and nothing else.
    monkeypatch.setattr("bundle.sbom.SCHEMA", "another")
    assert run(capsys, command(made.cache, *made.project)) == {**first, "built": False}
    assert Path(first["sbom"]).read_bytes() != text


def part(name: str, metadata: str = "", **more: Any) -> sbom.Part:
    pin = more.get("pin", Pin(Path("lock.txt"), Requirement(f"{name}==1.0"), ("sha256:" + "0" * 64,)))
    version = more.get("version", "1.0")
    return sbom.Part(name, "0" * 64, email.message_from_string(f"Version: {version}\n{metadata}"), pin)


TARGET = TargetPython("3.11.2", "x86_64", "2.36")


def only(*parts: sbom.Part) -> Any:
    return json.loads(sbom.bill(parts, "", TARGET))["components"][0]


def test_what_was_built_from_a_source_archive_has_the_lock_s_hash() -> None:
    pin = Pin(Path("lock.txt"), Requirement("one==1.0"), ("sha256:" + "1" * 64, "sha512:" + "2" * 128))
    assert only(part("one", pin=pin))["hashes"] == [
        {"alg": "SHA-256", "content": "1" * 64},
        {"alg": "SHA-512", "content": "2" * 128},
    ]
    assert only(part("one", pin=pin))["properties"] == [{"name": "mooring:wheel-sha256", "value": "0" * 64}]


def test_a_url_with_a_password_is_not_told() -> None:
    pin = Pin(
        Path("lock.txt"), Requirement("one @ https://me:pass@host/one-1.0.tar.gz"), ("sha256:" + "1" * 64,)
    )
    assert "pass" not in sbom.bill([part("one", pin=pin)], "", TARGET)
    assert only(part("one", pin=pin))["purl"] == "pkg:generic/one@1.0"


@pytest.mark.parametrize(
    ("metadata", "licences"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: X\n", [{"expression": "MIT OR Apache-2.0"}]),
        ("License: BSD\n", [{"license": {"name": "BSD"}}]),
        (
            "License: Copyright\n  me\n  and others\nClassifier: License :: OSI Approved :: MIT License\n",
            [{"license": {"name": "MIT License"}}],
        ),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved\n", None),
        ("", None),
    ],
)
def test_licences_are_told_as_the_metadata_does(metadata: str, licences: Any) -> None:
    assert only(part("one", metadata)).get("licenses") == licences


def test_a_version_is_written_as_a_package_url_wants_it() -> None:
    assert only(part("one", version="1!2.0+local"))["purl"] == "pkg:pypi/one@1%212.0%2Blocal"


def test_a_requirement_that_cannot_be_read_names_nothing() -> None:
    bill = json.loads(
        sbom.bill([part("one", "Requires-Dist: not one !\nRequires-Dist: two\n"), part("two")], "", TARGET)
    )
    assert {"ref": "pkg:pypi/one@1.0", "dependsOn": ["pkg:pypi/two@1.0"]} in bill["dependencies"]


def test_without_a_deploy_it_is_of_what_the_roles_install() -> None:
    def read(path: str) -> Any:
        return yaml.safe_load((REPOSITORY / path).read_text())

    def names(*paths: Path) -> list[str]:
        return [str(path.relative_to(REPOSITORY)) for path in paths]

    wanted = read("roles/site/vars/main/wiring.yml")["virtualenv_wanted"]
    site, virtualenv = read("roles/site/defaults/main.yml"), read("roles/virtualenv/defaults/main.yml")
    assert names(*write_sbom.RELEASE) == wanted["release"]["requirements"]
    assert names(*write_sbom.SUPERVISOR) == wanted["supervisor"]["requirements"]
    assert names(write_sbom.MOORING) == wanted["supervisor"]["source"]
    assert names(*write_sbom.SHIPPED) == [*site["app_source"], site["app_requirements"]]
    assert names(write_sbom.INSTALLER) == [virtualenv["virtualenv_installer"]]


def test_it_is_written_without_a_deploy_and_keeps_the_official_schema(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Mooring's own packages would be fetched: that they are in the bill is tested on a deployment.
    monkeypatch.setattr(write_sbom, "RELEASE", ())
    monkeypatch.setattr(write_sbom, "SUPERVISOR", ())
    monkeypatch.setattr(write_sbom, "INSTALLER", write(tmp_path / "installer.txt", ""))
    words = [*made.project, "--cache", str(made.cache), "--output", str(tmp_path / "bills")]
    assert write_sbom.main(words) == 0, capsys.readouterr().err
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert [path.name for path in written] == ["sbom.cdx.json", "supervisor.sbom.cdx.json"]
    bills = [json.loads(path.read_text()) for path in written]
    assert {each["name"] for each in bills[0]["components"]} == {
        "greeter",
        "mooring",
        "one",
        "two",
        "three",
        "four",
    }
    assert bills[1]["metadata"]["component"]["name"] == "mooring"
    # The validator stands in the virtualenv of `make audit`.
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    venv = subprocess.run(
        ["tools/extra_venv.sh", "audit"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout.strip()
    command = [f"{venv}/python", "-I", "-c", VALIDATE, *map(str, written)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
