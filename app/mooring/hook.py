"""A hook: a command of the inventory's around a switch, with what a release's own processes have.

    python -m mooring.hook --release /var/lib/mooring/instances/multicloud/releases/ID --user mooring -- python -m mysite.migrate

runs it in the release's folder, as that user, with the environment of the release's workers: the virtualenv first on the
PATH, what the inventory names, and the secrets (so that they stand neither on a command line nor in Ansible's output).
Nothing of our own environment is passed on. The exit status is the command's own; 1 with a sentence on stderr when it
can't be started.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import sys
from pathlib import Path

from mooring import files, settings
from mooring.files import WrongFileError

UMASK = 0o027  # as the program files have it


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


def become(name: str) -> None:
    """Become that user for good, with its groups; somebody who is not root stays who he is. HookError."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise HookError(f"--user {name}: there is no such user on this host") from None
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def main() -> int:
    """Replace this process by the command."""
    parser = argparse.ArgumentParser(prog="mooring.hook", description="Run a command as a release would.")
    parser.add_argument("--release", required=True, type=Path, help="the release's folder")
    parser.add_argument("--user", required=True, help="whom to run it as, if we are root")
    parser.add_argument("command", nargs="+", help="the command, after --")
    options = parser.parse_args()
    try:
        environment = environment_of(options.release)
        become(options.user)
        os.chdir(options.release)
        os.umask(UMASK)
        program = shutil.which(options.command[0], path=environment["PATH"])
        if program is None:
            raise FileNotFoundError(None, "there is no such command")
        os.execve(program, options.command, environment)  # noqa: S606 - the inventory's own command
    except settings.WrongSettingsError as error:
        sys.stderr.write("\n".join(error.problems) + "\n")
    except HookError as error:
        sys.stderr.write(f"{error}\n")
    except (
        ValueError
    ):  # execve(2) takes no such name or value: a NUL, = in a name; neither is shown, it may be a secret
        sys.stderr.write(
            f"{options.release}: no process can have its environment: the release is damaged, deploy again\n"
        )
    except OSError as error:
        sys.stderr.write(f"{options.command[0]} cannot be run in {options.release}: {error.strerror}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
