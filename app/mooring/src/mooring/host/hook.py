"""A hook: a command of the inventory's around a switch, with what a release's own processes have.

    supervisor/venv/bin/python -I -m mooring.host.hook --release …/releases/ID --user mooring -- python -m mysite.migrate

runs it in the release's folder, as that user, with the environment of the release's workers: the virtualenv first on the
PATH, what the inventory names, and the secrets (so that they stand neither on a command line nor in Ansible's output).
It gains no rights by another program (sudo) and leaves no core file, unless options say so, as supervisord's processes.
Nothing of our own is passed on (`mooring.inherited`). The exit status is the command's own; 1 with a sentence on stderr
when it can't be started.

It belongs to supervisord's virtualenv. That of the release holds the application's code, and a Python of it runs some
(each `.pth` file, `sitecustomize`) before its first line: too early, as long as we are root.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import sys
from pathlib import Path

from mooring import inherited, settings, texts
from mooring.host import files
from mooring.host.files import WrongFileError


class HookError(Exception):
    """The command can't be started; the text says why, and the way out."""


def environment_of(release: Path) -> dict[str, str]:
    """Read what a command of this release finds in its environment: what the workers find, secrets included. HookError."""
    path, secrets = release / "environment.json", release / "secrets.json"
    try:
        found = files.read_object(path)
    except WrongFileError as error:
        raise HookError(f"{error}: the release is damaged, deploy again") from error
    environment = {
        **{name: str(value) for name, value in found.items()},
        **(settings.read_secrets(secrets) if secrets.exists() else {}),
    }
    if not environment.get("PATH"):
        raise HookError(f"{path} has no PATH: the release is damaged, deploy again")
    return environment


def user_of(name: str) -> pwd.struct_passwd:
    """Look that user up; somebody who is not root stays who he is. HookError."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise HookError(f"--user {name}: there is no such user on this host") from None
    if user.pw_uid == 0:
        raise HookError(f"--user {name}: a hook runs code of the release, which never has the rights of root")
    return user


def main() -> int:
    """Replace this process by the command."""
    parser = argparse.ArgumentParser(
        prog="mooring.host.hook", description="Run a command as a release would."
    )
    parser.add_argument("--release", required=True, type=Path, help="the release's folder")
    parser.add_argument("--user", required=True, help="whom to run it as, if we are root")
    parser.add_argument("--umask", default="077", help="in octal, as the release's processes have it")
    parser.add_argument(
        "--may-gain-privileges", action="store_true", help="by sudo, or a set-user-ID program"
    )
    parser.add_argument("--core-dumps", action="store_true", help="leave a core file after a crash")
    parser.add_argument("command", nargs="+", help="the command, after --")
    options = parser.parse_args()
    try:
        environment = environment_of(options.release)
        user = user_of(options.user)
        inherited.restore_signals()
        inherited.close_files()
        inherited.leave_terminal()
        inherited.leave_keyring()
        if options.core_dumps:
            inherited.allow_core_dumps()
        else:
            inherited.refuse_core_dumps()
        inherited.become(user)
        if not options.may_gain_privileges:
            inherited.refuse_new_privileges()
        os.chdir(options.release)
        os.umask(int(options.umask, 8))
        program = shutil.which(options.command[0], path=environment["PATH"])
        if program is None:
            raise FileNotFoundError(None, "there is no such command")
        os.execve(program, options.command, environment)  # noqa: S606 - the inventory's own command
    except settings.WrongSettingsError as error:
        texts.write_lines(sys.stderr, "\n".join(map(texts.plain, error.problems)))
    except (HookError, inherited.KeptError) as error:
        texts.write_line(sys.stderr, error)
    except (
        ValueError
    ):  # execve(2) takes no such name or value: a NUL, = in a name; neither is shown, it may be a secret
        texts.write_line(
            sys.stderr,
            f"{options.release}: no process can have its environment: the release is damaged, deploy again",
        )
    except OSError as error:
        texts.write_line(
            sys.stderr, f"{options.command[0]} cannot be run in {options.release}: {error.strerror}"
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
