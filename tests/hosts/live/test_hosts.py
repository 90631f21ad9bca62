"""Real hosts, made once for this file. Needs root: `pytest tests/hosts/live`."""

import socket
import subprocess
import time
from contextlib import closing

import pytest
from testhosts import cli, record
from testhosts.command import podman

DEADLINE = 60  # seconds, for what takes less than five


class Run:
    """The hosts of this file: `a` and `b`."""

    def __init__(self, folder):
        self.folder = folder

    def hosts(self, command, *words):
        return cli.main([command, "--folder", str(self.folder), *words])

    def ssh(self, name, command, check=True, timeout=DEADLINE):
        return subprocess.run(
            ["ssh", "-F", self.folder / "ssh_config", name, command],
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout,
        ).stdout.strip()

    def boot(self, name):
        """Return when the host's systemd was started; raises CalledProcessError while nobody answers."""
        return self.ssh(name, "systemctl show --property UserspaceTimestamp --value")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("run"))
    assert run.hosts("create", "a=bookworm", "b=bookworm") == 0
    yield run
    assert run.hosts("destroy") == 0


def poll(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"not true after {DEADLINE} s"
        time.sleep(0.1)


def banner(address):
    """Return the first bytes of the ssh server at `address`."""
    with closing(socket.create_connection((address, 22), timeout=3)) as connection:
        return connection.recv(4)


def test_the_user_is_unprivileged_and_may_become_root(run):
    assert run.ssh("a", "id -un") == "deploy"
    assert run.ssh("a", "sudo -n id -un") == "root"


def test_every_unit_is_up(run):
    assert run.ssh("a", "systemctl is-system-running") == "running"


def test_hosts_know_each_other_by_name(run):
    b = record.find(run.folder, "b")
    found = run.ssh("a", "getent ahosts b")
    assert b.address in found
    assert b.address6 in found
    assert run.ssh("a", "bash -c 'head -c 4 < /dev/tcp/b/22'") == "SSH-"


def test_this_machine_reaches_them_by_both_addresses(run):
    a = record.find(run.folder, "a")
    assert banner(a.address) == b"SSH-"
    assert banner(a.address6) == b"SSH-"


def test_no_host_shares_its_identity(run):
    for what in ("cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub"):
        assert run.ssh("a", what) != run.ssh("b", what)


def test_there_is_no_way_out(run):
    assert run.ssh("a", "ip route show default; ip -6 route show default") == ""


def test_the_sandboxing_of_units_is_real(run):
    tried = run.ssh(
        "a",
        "sudo systemd-run --quiet --wait --pipe -p ProtectSystem=strict sh -c 'touch /usr/x 2>&1 || true'",
    )
    assert "Read-only file system" in tried


def test_a_reboot_is_a_reboot(run):
    before = run.boot("a")
    run.ssh("a", "touch /var/tmp/kept && sudo systemctl reboot", check=False)

    def rebooted():
        try:
            return run.boot("a") != before
        except subprocess.CalledProcessError:
            return False

    poll(rebooted)
    assert run.ssh("a", "ls /var/tmp/kept") == "/var/tmp/kept"


def test_a_lost_host_is_silent_stays_lost_and_comes_back(run):
    b = record.find(run.folder, "b")
    assert run.hosts("lose", "b") == 0
    with pytest.raises(OSError, match=r"timed out|No route to host"):
        banner(b.address)
    assert podman("inspect", "--format", "{{.State.Status}}", b.container).stdout.strip() == "exited"
    assert run.hosts("freeze", "b") == 1
    assert run.hosts("restore", "b") == 0
    assert banner(b.address) == b"SSH-"


def test_a_cut_host_is_silent_and_goes_on(run):
    b = record.find(run.folder, "b")
    before = run.boot("b")
    assert run.hosts("cut", "b") == 0
    with pytest.raises(OSError, match=r"timed out|No route to host"):
        banner(b.address)
    assert run.hosts("join", "b") == 0
    assert run.boot("b") == before


def test_a_frozen_host_accepts_and_says_nothing(run):
    b = record.find(run.folder, "b")
    assert run.hosts("freeze", "b") == 0
    with pytest.raises(TimeoutError):
        banner(b.address)
    assert run.hosts("thaw", "b") == 0
    assert banner(b.address) == b"SSH-"


def test_a_host_whose_ssh_has_ended_goes_on(run):
    b = record.find(run.folder, "b")
    before = run.boot("b")
    assert run.hosts("hangup", "b") == 0
    with pytest.raises(ConnectionRefusedError):
        banner(b.address)
    assert run.hosts("answer", "b") == 0
    assert run.boot("b") == before


def test_a_host_with_a_failed_unit_is_not_up_and_says_which(run, capsys):
    unit = "[Service]\\nExecStart=/bin/false\\n[Install]\\nWantedBy=multi-user.target\\n"
    run.ssh(
        "b", f"printf '{unit}' | sudo tee /etc/systemd/system/broken.service && sudo systemctl enable broken"
    )
    assert run.hosts("lose", "b") == 0
    assert run.hosts("restore", "b") == 1
    assert "broken.service" in capsys.readouterr().err


def test_a_second_create_in_the_folder_is_refused_and_harms_nobody(run, capsys):
    assert run.hosts("create", "c=bookworm") == 1
    assert "hosts destroy --folder" in capsys.readouterr().err
    assert run.ssh("a", "id -un") == "deploy"


def test_destroy_leaves_nothing_even_without_a_record(tmp_path):
    run = Run(tmp_path)
    assert run.hosts("create", "a=bookworm") == 0
    label = f"label=mooring.test-hosts={record.run_id(tmp_path)}"
    assert podman("ps", "--quiet", "--filter", label).stdout
    (tmp_path / record.FILE).unlink()
    assert run.hosts("destroy") == 0
    assert podman("ps", "--all", "--quiet", "--filter", label).stdout == ""
    assert podman("network", "ls", "--quiet", "--filter", label).stdout == ""
    assert list(tmp_path.iterdir()) == []
