"""`verify`: whether what is live is what it should be. Changes nothing."""

from __future__ import annotations

from typing import Any

from mooring.host import live
from mooring.host.errors import HostError
from mooring.host.files import WrongFileError
from mooring.host.gate import Expected, Progress, gate
from mooring.host.instance import Instance
from mooring.host.live import Live
from mooring.host.place import digest, own_files
from mooring.host.server import Server
from mooring.host.state import find, why_switch
from mooring.host.status import problems
from mooring.host.survey import serving


def verify(instance: Instance, timeout: float, progress: Progress) -> dict[str, Any]:
    """Check state file, release, program files, generations, and each worker; return what is live and its manifest.

    HostError tells all that is wrong, what serves, and the way out.
    """
    state = find(instance, timeout)
    wrong = problems(instance, timeout)
    manifest: dict[str, Any] = {}
    if state.live.release:
        wrong += _files(instance, state.live)
        try:
            why = why_switch(instance, state, state.live.release)
            wrong += [f"{why}."] if why and not any(why in line for line in wrong) else []
            manifest = live.manifest(instance.home, state.live.release)
            expected = Expected(
                instance.group(state.live.colour), state.live.release, manifest["workers"], proved=True
            )
            gate(Server.of(instance), instance.run_dir, expected, timeout, progress)
        except (HostError, WrongFileError) as error:
            wrong += [] if any(str(error) in line for line in wrong) else [str(error)]
    if wrong:
        raise HostError("\n".join([*wrong, serving(instance), "The way out: deploy again."]))
    return {"live": {"colour": state.live.colour, "release": state.live.release}, "manifest": manifest}


def _files(instance: Instance, named: Live) -> list[str]:
    """Tell which program files in use are not the release's own."""
    return [
        f"{instance.program_file(group)} is not the release's own: it is missing or was edited."
        for group, source in own_files(instance, named.release, named.colour).items()
        if digest(source) and digest(instance.program_file(group)) != digest(source)
    ]
