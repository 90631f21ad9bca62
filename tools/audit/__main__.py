"""Look for known vulnerabilities in locked packages, by pip-audit.

    make audit
    make audit ADVISORIES=path/to/all.zip
    make audit REQUIREMENTS=path/to/requirements.txt

Every file of requirements/ is looked at, and those of REQUIREMENTS as well: each line, whatever its marker says. Exit
status 0: nothing is known; 1: something is; 2: it could not be looked for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from audit import advisories, service
from bundle.errors import BundleError
from bundle.reading import Pin, Read, read
from mooring import texts

REPOSITORY = Path(__file__).parents[2]
LOCKS = REPOSITORY / "requirements"
Found = dict[tuple[str, str], list[str]]
"""By name and version: the files that lock it."""


class AuditError(Exception):
    """It could not be looked for; the message says why."""


def packages(files: Iterable[Path]) -> tuple[Found, list[str]]:
    """List what requirements files lock, and what has no version that can be asked for. Raises BundleError."""
    found: Found = {}
    unknown = []
    for path in files:
        pins = Read(variable="REQUIREMENTS")
        read(path, pins)
        for pin in pins.pins:
            name, version = canonicalize_name(pin.requirement.name), _version(pin)
            if version is None:
                unknown.append(f"{name} of {_shown(path)} (its line does not tell a version)")
            elif _shown(path) not in (named := found.setdefault((name, version), [])):
                named.append(_shown(path))
        unknown += [f"{project} of {_shown(named)} (it has no hash)" for named, project in pins.projects]
    return found, unknown


def _version(pin: Pin) -> str | None:
    """Return the version of a line as packaging writes it, which is how pip-audit answers."""
    try:
        if pin.requirement.url is None:
            return str(Version(pin.version))
        return str(parse_wheel_filename(pin.requirement.url.partition("#")[0].rpartition("/")[2])[1])
    except (InvalidVersion, InvalidWheelFilename):
        return None


def _shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path)


def lists(found: Found) -> list[str]:
    """Write the texts of requirements files for pip-audit, which takes one version of a package at a time."""
    files: list[dict[str, str]] = []
    for name, version in sorted(found):
        file = next((each for each in files if name not in each), None)
        if file is None:
            files.append(file := {})
        file[name] = version
    return ["".join(f"{name}=={version}\n" for name, version in file.items()) for file in files]


def ask(found: Found, copy: advisories.Advisories | None, program: Sequence[str]) -> list[dict[str, Any]]:
    """Have pip-audit look for all of them; its answer for each. Raises AuditError."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        words = [*program, "--progress-spinner", "off", "--disable-pip", "--no-deps"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_AUDIT_")}
        if copy is not None:
            words += [
                "--vulnerability-service",
                "osv",
                "--osv-url",
                stack.enter_context(service.serving(copy)),
            ]
            words += ["--cache-dir", str(place / "cache")]
            environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        answers = [each for text in lists(found) for each in _asked(text, place, words, environment)]
    answered = {(canonicalize_name(each["name"]), each.get("version")) for each in answers}
    skipped = {canonicalize_name(each["name"]) for each in answers if "skip_reason" in each}
    if missing := [key for key in found if key not in answered and key[0] not in skipped]:
        raise AuditError(f"pip-audit has not answered for {', '.join(map(' '.join, sorted(missing)))}")
    return answers


def _asked(
    text: str, place: Path, words: Sequence[str], environment: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Run pip-audit for one requirements file. Raises AuditError."""
    answer, listing = place / "answer", place / "requirements.txt"
    answer.unlink(missing_ok=True)
    listing.write_text(text)
    more = ["--format", "json", "--output", str(answer), "--requirement", str(listing)]
    done = subprocess.run([*words, *more], env=environment, capture_output=True, text=True, check=False)
    try:
        return list(json.loads(answer.read_text())["dependencies"])
    except (OSError, ValueError, KeyError) as error:
        said = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
        raise AuditError(f"pip-audit has failed: {' '.join(said[-5:]) or done.returncode}") from error


def report(found: Found, unknown: Sequence[str], answers: Iterable[dict[str, Any]]) -> tuple[list[str], int]:
    """Write what is told, and count the vulnerabilities."""
    lines = [f"not looked for: {each}" for each in unknown]
    count = 0
    for answer in sorted(answers, key=lambda each: (each["name"], each.get("version", ""))):
        if "skip_reason" in answer:
            lines.append(f"not looked for: {answer['name']} ({answer['skip_reason']})")
            continue
        files = ", ".join(found[canonicalize_name(answer["name"]), answer["version"]])
        for each in answer["vulns"]:
            count += 1
            fixed = ", ".join(each["fix_versions"])
            lines.append(
                f"{answer['name']} {answer['version']} ({files}): {', '.join([each['id'], *sorted(each['aliases'])])}; "
                + (f"fixed in {fixed}" if fixed else "no fixed version is known")
            )
    return lines, count


def audit(options: argparse.Namespace) -> int:
    """Look for what the command line names; the exit status. Raises AuditError, AdvisoriesError, BundleError."""
    found, unknown = packages([*sorted(LOCKS.glob("*.txt")), *options.requirements])
    copy = None
    if options.advisories:
        copy = advisories.read(Path(options.advisories).expanduser())
        texts.write_line(sys.stdout, f"{options.advisories}: {copy.age(datetime.now(timezone.utc))}")
    program = [str(options.pip_audit)] if options.pip_audit else [_installed()]
    answers = ask(found, copy, program)
    lines, count = report(found, unknown, answers)
    for line in lines:
        texts.write_line(sys.stdout, line)
    looked_for = len([each for each in answers if "vulns" in each])
    if not looked_for:
        raise AuditError(
            "pip-audit could look for none of them. It needs PyPI's JSON interface, which a proxy may lack: "
            "ADVISORIES=path/to/all.zip names a local copy of advisories"
        )
    what = "vulnerability" if count == 1 else "vulnerabilities"
    of = f"{looked_for} of {len(found) + len(unknown)} locked packages"
    texts.write_line(sys.stdout, f"{count or 'no'} known {what} in {of}")
    return 1 if count else 0


def _installed() -> str:
    """Return pip-audit of its own virtualenv, which is built when it is missing. Raises AuditError."""
    made = subprocess.run(
        ["tools/extra_venv.sh", "audit"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False
    )
    if made.returncode:
        raise AuditError("the virtualenv of pip-audit could not be built; see above")
    return f"{made.stdout.strip()}/pip-audit"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="make audit", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("requirements", nargs="*", type=Path, help="requirements files beside Mooring's own")
    parser.add_argument(
        "--advisories", default="", help="a copy of OSV's advisories for PyPI: all.zip, or a folder"
    )
    parser.add_argument("--pip-audit", type=Path, help=argparse.SUPPRESS)
    try:
        return audit(parser.parse_args(arguments))
    except (AuditError, advisories.AdvisoriesError, BundleError) as error:
        texts.write_line(sys.stderr, error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
