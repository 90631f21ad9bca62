"""What is written down of a run, and what Ansible and ssh read of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from testhosts import cli, record, ssh
from testhosts.command import HERE, HostsError
from testhosts.record import Host

from support.places import REPOSITORY

HOSTS = [
    Host("api1", "bookworm", "mooring-x-api1", "10.89.7.11", "fd00::b"),
    Host("lb1", "bookworm/haproxy", "mooring-x-lb1", "10.89.7.12", "fd00::c"),
]


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    record.write(folder, HOSTS)
    ssh.write_config(HOSTS, [f"{host.name} ssh-ed25519 AAAA\n" for host in HOSTS], folder)
    return folder


def ansible_inventory(folder):
    environment = {
        **os.environ,
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder),
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
    }
    arguments = [Path(sys.executable).parent / "ansible-inventory", "-i", HERE / "inventory.py", "--list"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_record_is_read_as_it_was_written(run_folder):
    assert record.read(run_folder) == HOSTS
    assert record.find(run_folder, "lb1") == HOSTS[1]


def test_a_host_that_is_not_there_is_an_error_that_lists_those_that_are(run_folder, tmp_path):
    with pytest.raises(HostsError, match="api1, lb1"):
        record.find(run_folder, "api2")
    with pytest.raises(HostsError, match="create them first"):
        record.find(tmp_path, "api1")


def test_a_run_is_known_by_its_folder(tmp_path):
    other = tmp_path / "other"
    assert record.run_id(tmp_path) == record.run_id(other / "..")
    assert record.run_id(tmp_path) != record.run_id(other)


def test_hardware_addresses_are_unicast_local_and_distinct():
    addresses = [host.mac_address for host in HOSTS]
    assert addresses == ["02:00:0a:59:07:0b", "02:00:0a:59:07:0c"]
    assert all(int(address[:2], 16) & 0b11 == 0b10 for address in addresses)


def test_ansible_reads_the_inventory(run_folder):
    read = ansible_inventory(run_folder)
    assert read["test_hosts"]["hosts"] == ["api1", "lb1"]
    variables = read["_meta"]["hostvars"]["lb1"]
    assert variables["ansible_host"] == "10.89.7.12"
    assert variables["ansible_user"] == "deploy"
    assert variables["test_host_address6"] == "fd00::c"
    assert variables["test_host_container"] == "mooring-x-lb1"


def test_before_create_the_inventory_is_empty(tmp_path):
    assert ansible_inventory(tmp_path)["_meta"]["hostvars"] == {}


@pytest.mark.parametrize("called", ["api1", "10.89.7.11", "fd00::b"])
def test_ssh_reads_its_configuration_by_name_and_by_address(run_folder, called):
    read = subprocess.run(
        ["ssh", "-G", "-F", run_folder / ssh.CONFIG, called], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "hostname 10.89.7.11" in read
    assert "hostkeyalias api1" in read
    assert "user deploy" in read
    assert f"identityfile {run_folder}/id_ed25519" in read
    assert f"userknownhostsfile {run_folder}/known_hosts" in read
    assert "stricthostkeychecking true" in read


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "api1"], "is not NAME=IMAGE"),
        (["create", "=bookworm"], "is not NAME=IMAGE"),
        (["create", "api1=bookworm", "api1=trixie"], "named twice"),
        (["image", "lenny"], "there is no distribution 'lenny'"),
    ],
)
def test_the_command_line_says_what_is_wrong(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MOLECULE_EPHEMERAL_DIRECTORY", str(tmp_path))
    assert cli.main(words) == 1
    assert says in capsys.readouterr().err


def test_without_a_folder_the_command_line_asks_for_one(monkeypatch, capsys):
    monkeypatch.delenv("MOLECULE_EPHEMERAL_DIRECTORY", raising=False)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["destroy"])
    assert stopped.value.code == 2
    assert "--folder" in capsys.readouterr().err


def test_who_is_not_root_is_refused_and_told_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["destroy", "--folder", str(tmp_path)]) == 1
    assert "Run this as root" in capsys.readouterr().err
