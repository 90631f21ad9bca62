"""The command line: `hosts --help`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from . import faults, image, life, machine, record
from .command import HostsError, say
from .inventory import FOLDER_VARIABLE


def main(arguments: list[str]) -> int:
    """Run one command; exit status 0 done, 1 refused or failed with the reason on stderr, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    # So that SIGTERM, like Ctrl-C, unwinds: what was begun is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(options)
    except HostsError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; what was begun is removed")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hosts",
        description="Test hosts on this machine: systemd, ssh, addresses and names of their own. Needs root.",
        epilog=f"Images: {', '.join(image.DISTRIBUTIONS)}, each also as <image>/haproxy.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    commands.add_parser("install", help="install with apt what test hosts need; `create` does it as well")

    build = commands.add_parser(
        "image", help="build images that are absent or out of date; `create` does it as well"
    )
    build.add_argument("images", nargs="+", metavar="IMAGE", help="bookworm, trixie/haproxy …")
    build.add_argument("--rebuild", action="store_true", help="build again, with the packages of today")

    create = commands.add_parser("create", help="make the hosts of a run and wait until ssh answers")
    create.add_argument("hosts", nargs="+", metavar="NAME=IMAGE", help="api1=bookworm lb1=bookworm/haproxy")

    destroy = commands.add_parser("destroy", help="remove a run: hosts, network, keys; images are kept")
    listing = commands.add_parser("list", help="print the hosts of a run: name, image, addresses, container")
    commands.add_parser("purge", help="remove the hosts and networks of all runs, and all images")

    fault_parsers = []
    for name, fault in faults.FAULTS.items():
        said = (fault.__doc__ or "").rstrip(".")
        fault_parser = commands.add_parser(name, help=said, description=said)
        fault_parser.add_argument("host", metavar="NAME", help="a host of the run")
        fault_parsers.append(fault_parser)

    for of_run in (create, destroy, listing, *fault_parsers):
        folder = os.environ.get(FOLDER_VARIABLE)
        of_run.add_argument(
            "--folder",
            type=Path,
            default=Path(folder) if folder else None,
            required=not folder,
            help=f"the run's folder: keys, ssh_config, hosts.json (default: ${FOLDER_VARIABLE})",
        )
    return parser


def _run(options: argparse.Namespace) -> None:
    """Do what the command line says."""
    if options.command == "install":
        machine.install()
    elif options.command == "image":
        images = [image.Image.parse(text) for text in options.images]
        machine.install()
        for each in images:
            image.ensure(each, rebuild=options.rebuild)
    elif options.command == "create":
        life.create(options.folder, _wanted(options.hosts))
    elif options.command == "destroy":
        life.destroy(options.folder)
    elif options.command == "list":
        for host in record.read(options.folder):
            sys.stdout.write(f"{host.name} {host.image} {host.address} {host.address6} {host.container}\n")
    elif options.command == "purge":
        life.purge()
    else:
        machine.require_podman()
        host = record.find(options.folder, options.host)
        faults.FAULTS[options.command](host, options.folder)


def _wanted(words: list[str]) -> dict[str, str]:
    """Read NAME=IMAGE words; raises HostsError for one that is not, or a name given twice."""
    wanted: dict[str, str] = {}
    for word in words:
        name, separator, of = word.partition("=")
        if not (name and separator and of):
            raise HostsError(f"{word!r} is not NAME=IMAGE, like api1=bookworm")
        if name in wanted:
            raise HostsError(f"the host {name!r} is named twice")
        wanted[name] = of
    return wanted
