"""Read requirements files as pip, pip-tools, uv, Poetry and PDM write them: encodings, continuations, options.

What a line may say is pip's: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from bundle.errors import BundleError, nearest

WITH_HASHES = "`uv pip compile --generate-hashes` or `pip-compile --generate-hashes` writes such a file"
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Where packages are had: handed on to pip. The second group is followed by no value.
INDEX_OPTIONS = {"-i": "--index-url", "--pypi-url": "--index-url", "-f": "--find-links"}
INDEX_NAMES = ("--index-url", "--extra-index-url", "--find-links", "--trusted-host")
# Without effect on versions that are pinned by hash.
NO_EFFECT = (
    "--require-hashes",
    "--pre",
    "--prefer-binary",
    "--use-feature",
    "--only-binary",
    "--config-settings",
)


@dataclass
class Read:
    """What requirements files say, still for any target; the variable of the inventory that names them."""

    variable: str = "app_requirements"
    pins: list[Pin] = field(default_factory=list)
    constraints: list[tuple[Path, Requirement]] = field(default_factory=list)
    projects: list[tuple[Path, Path]] = field(
        default_factory=list
    )  # the file, and a folder or wheel that it names
    index: list[str] = field(default_factory=list)  # options of pip, one word each
    no_binary: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Pin:
    """One line: a requirement with one version (or a URL) and the hashes of its files."""

    file: Path
    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version; of a line with a URL there is none to be asked for."""
        return next(iter(self.requirement.specifier)).version


def text_of(path: Path, variable: str = "app_requirements") -> str:
    """Read a text file in whatever encoding it says, or seems to have. Raises BundleError."""
    try:
        raw = path.read_bytes()
    except IsADirectoryError as error:
        raise BundleError(f"{variable}: {path} is a folder; name the requirements file in it") from error
    except FileNotFoundError as error:
        raise BundleError(
            f"{variable}: {path} does not exist (a relative path begins at the folder of deploy.yml){nearest(path)}"
        ) from error
    except OSError as error:
        raise BundleError(f"{variable}: {path} cannot be read: {error.strerror}") from error
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return _decoded(raw[len(mark) :], encoding, path)
    if b"\0" in raw:  # UTF-16 without a mark: every other byte of ASCII is zero
        return _decoded(raw, "utf-16-be" if raw[:1] == b"\0" else "utf-16-le", path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # names and hashes are ASCII; only comments differ


def _decoded(raw: bytes, encoding: str, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is no text file: save it as UTF-8") from error


def logical_lines(text: str) -> list[str]:
    """Join continued lines of a requirements file; comments and blank lines fall away."""
    lines, joined = [], ""
    for line in text.splitlines():
        if line.rstrip().endswith("\\") and not line.lstrip().startswith("#"):
            joined += line.rstrip()[:-1] + " "
        else:
            lines.append(joined + line)
            joined = ""
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in [*lines, joined])
    return [line for line in stripped if line]


def read(path: Path, into: Read, seen: tuple[Path, ...] = ()) -> None:
    """Read one requirements file, and those that it names. Raises BundleError, which names file and way out."""
    if path.resolve() in seen:
        raise BundleError(f"{path} includes itself by way of {seen[-1]}: take one of the two -r lines out")
    before = len(into.pins)
    for line in logical_lines(text_of(path, into.variable)):
        if line.startswith("-"):
            _option(path, line, into, (*seen, path.resolve()))
        elif project := _project(path, line):
            into.projects.append((path, project))
        else:
            into.pins.append(_pin(path, line))
    if path.suffix in {".toml", ".lock"} and len(into.pins) == before:
        raise BundleError(f"{path} is no requirements file; {WITH_HASHES}")


def _option(path: Path, line: str, into: Read, seen: tuple[Path, ...]) -> None:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BundleError(f"{path}: {line!r} cannot be read: {error}") from error
    name, _, value = words[0].partition("=")
    if not name.startswith("--") and len(name) > 2:  # -rother.txt
        name, value = name[:2], name[2:] + value
    value = value or " ".join(words[1:2])
    name = INDEX_OPTIONS.get(name, name)
    if name in {"-r", "--requirement"}:
        read(path.parent / value, into, seen)
    elif name in {"-c", "--constraint"}:
        into.constraints += [(path.parent / value, each) for each in _constraints(path.parent / value)]
    elif name in {"-e", "--editable"}:
        project = _project(path, value)
        if project is None:
            raise BundleError(
                f"{path}: {line} names a source without a hash: clone it, and name its folder in app_source"
            )
        into.projects.append((path, project))
    elif name in INDEX_NAMES:
        local = path.parent / value
        into.index += [name, str(local) if name == "--find-links" and local.exists() else value]
    elif name == "--no-index":
        into.index.append(name)
    elif name == "--no-binary":
        into.no_binary |= {each.strip() for each in value.split(",")}
    elif name not in NO_EFFECT:
        raise BundleError(f"{path}: {words[0]} is not understood: take the line out")


def _constraints(path: Path) -> Iterator[Requirement]:
    for line in logical_lines(text_of(path)):
        if not line.startswith("-"):
            yield _requirement(path, re.split(r"\s+--", line)[0])


def _project(path: Path, text: str) -> Path | None:
    """Return the folder or wheel that a line names by its path, if it does."""
    text = text.split(" ;", maxsplit=1)[0].strip()
    bare = re.sub(r"\[[^]]*\]$", "", text.removeprefix("file://"))
    if text.startswith(("file:", ".", "/")):
        return (path.parent / bare).resolve()
    # As pip: a word that is no requirement and has a slash is a path.
    return (path.parent / bare).resolve() if "/" in bare and not re.search(r"[@:\s]", bare) else None


def _requirement(path: Path, text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise BundleError(f"{path}: {text[:80]!r} is no requirement ({reason}); {WITH_HASHES}") from error


def _pin(path: Path, line: str) -> Pin:
    text, *options = re.split(r"\s+(?=--[a-z])", line)
    hashes = []
    for option in options:
        name, _, value = option.replace("=", " ", 1).partition(" ")
        if name == "--hash":
            hashes.append(value.strip())
        elif name not in {*NO_EFFECT, "--global-option", "--build-option", "--install-option"}:
            raise BundleError(f"{path}: {name} is not understood in the line of {text}: take it out")
    if "://" in text and "@" not in text.split("://")[0]:
        raise BundleError(f"{path}: {text} is a URL without a name: write `name @ {text} --hash=sha256:…`")
    requirement = _requirement(path, text)
    if requirement.url:
        wanted = re.search(r"#(?:.*&)?sha256=([0-9a-f]{64})", requirement.url)
        hashes += [f"sha256:{wanted[1]}"] if wanted else []
        if requirement.url.startswith("git+"):
            raise BundleError(
                f"{path}: {requirement.name} comes from git, which has no hash: clone it, and name its folder in app_source"
            )
    elif [each.operator for each in requirement.specifier] not in (["=="], ["==="]) or "*" in str(
        requirement.specifier
    ):
        raise BundleError(
            f"{path}: {text} carries no pinned version with a hash (name==version --hash=sha256:…); {WITH_HASHES}"
        )
    if not hashes:
        raise BundleError(f"{path}: {text} carries no hash (--hash=sha256:…); {WITH_HASHES}")
    for value in hashes:
        algorithm, _, digits = value.partition(":")
        if algorithm not in {"sha256", "sha384", "sha512"} or not re.fullmatch("[0-9a-f]{64,128}", digits):
            raise BundleError(f"{path}: {text}: {value[:80]!r} is no hash pip takes; {WITH_HASHES}")
    return Pin(path, requirement, tuple(sorted(set(hashes))))
