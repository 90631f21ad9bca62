"""The inventory of a run: one group, `test_hosts`, with what ssh needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import record, ssh

FOLDER_VARIABLE = "MOLECULE_EPHEMERAL_DIRECTORY"


def inventory(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what an inventory script prints: the run whose folder `environment` names, or nothing."""
    if not environment.get(FOLDER_VARIABLE):
        return {"_meta": {"hostvars": {}}}
    folder = Path(environment[FOLDER_VARIABLE])
    hosts = record.read(folder)
    return {
        "test_hosts": {
            "hosts": [host.name for host in hosts],
            "vars": {
                "test_hosts_folder": str(folder),
                "ansible_user": ssh.USER,
                "ansible_ssh_private_key_file": str(folder / ssh.KEY),
                "ansible_ssh_common_args": f'-F "{folder / ssh.CONFIG}"',
                "ansible_control_path_dir": str(record.control_folder(record.run_id(folder))),
            },
        },
        "_meta": {
            "hostvars": {
                host.name: {
                    "ansible_host": host.address,
                    "test_host_address6": host.address6,
                    "test_host_container": host.container,
                }
                for host in hosts
            }
        },
    }
