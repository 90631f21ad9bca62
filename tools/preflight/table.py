"""The table of settings that have one plain value: what each may be, and the sentence for what it may not.

A setting that is a dictionary or a list of them stands in `preflight.environment` or `preflight.programs`. That
each setting of roles/site/defaults/main.yml is checked somewhere is held by tests/unit/test_preflight.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from mooring.casts import URL_PREFIX
from preflight import folders, values
from preflight.values import Check, either, text, whole

FRAMEWORKS = ("django", "pecan")
TIME = "Write whole seconds from {} to 3600."


@dataclass(frozen=True)
class Setting:
    """A setting of the inventory: its name, the check of its value, and what to write."""

    name: str
    check: Check
    write: str
    words: tuple[str, ...] = ()
    """The words that it may be, for the nearest one."""

    def problem(self, value: object) -> str | None:
        """Say what is wrong with the value, and what to write; None when it will do."""
        if self.check(value):
            return None
        near = values.nearest(value, self.words) if isinstance(value, str) else ""
        meant = f" Did you mean {near}?" if near else ""
        return f"{self.name} is {values.shown(value)}. {self.write}{meant}"


def one_of(name: str, words: tuple[str, ...], write: str) -> Setting:
    """Make a setting that is one of these words."""
    return Setting(name, lambda value: isinstance(value, str) and value in words, write, words)


def seconds(name: str, lowest: int) -> Setting:
    """Make a setting that is a time."""
    return Setting(name, whole(lowest, 3600), TIME.format(lowest))


TABLE = (
    Setting(
        "api_name",
        lambda value: text(r"[a-z][a-z0-9-]{0,31}")(value) and not text(r".*-(blue|green|bootstrap)")(value),
        "It names processes, folders and groups: write a lower-case letter, then letters, digits and dashes,"
        " at most 32 in all, not ending in -blue, -green or -bootstrap.",
    ),
    one_of(
        "web_framework",
        FRAMEWORKS,
        f"It is one of {', '.join(FRAMEWORKS)}. For example: -e web_framework=pecan.",
    ),
    Setting(
        "workers",
        either(whole(1, 256), text("cores")),
        'Write a whole number from 1 to 256, or "cores" for one worker for each core. For example: -e workers=4.',
        ("cores",),
    ),
    Setting(
        "api_port", whole(1, 65535), "Write a whole number from 1 to 65535. For example: -e api_port=9002."
    ),
    Setting("port", whole(1, 65535), "Write a whole number from 1 to 65535. For example: -e api_port=9002."),
    Setting(
        "bind",
        values.address,
        'Write an address of the host, in digits: 127.0.0.1 for that host alone, 0.0.0.0 for all of IPv4, "::" for'
        " IPv6.",
    ),
    one_of(
        "init",
        ("background", "systemd"),
        "Write background (supervisord daemonizes itself, no root needed) or systemd (a service, its port held by a"
        " socket unit).",
    ),
    seconds("gate_timeout", 1),
    seconds("drain_timeout", 5),
    seconds("watchdog_timeout", 0),
    seconds("companion_stop_timeout", 1),
    Setting(
        "url_prefix",
        text(URL_PREFIX),
        'Write folders of letters, digits, ., _, ~ and -, for example /billing, without / at the end, or "" for all paths.',
    ),
    Setting(
        "smoke_path",
        lambda value: text(r"/[!-~]*")(value) and "#" not in str(value),
        "Write a path of visible ASCII that begins with / and that your application answers without help from other"
        " services, for example /health.",
    ),
    Setting(
        "smoke_status", whole(200, 599), "Write the status that smoke_path is answered with, from 200 to 599."
    ),
    Setting(
        "smoke_host",
        text(r"[A-Za-z0-9._:\[\]-]+"),
        "Write a host name or address that your application answers to, with a port if it needs one.",
    ),
    Setting(
        "app_source",
        values.texts,
        "Write a list of folders or wheels, for example [/home/me/mysite].",
    ),
    Setting(
        "app_requirements",
        text(r"[^\x00-\x1f\x7f]*\S"),
        "Write the path of one requirements file with hashes.",
    ),
    Setting(
        "app_build_requirements",
        text(r"([^\x00-\x1f\x7f]*\S)?"),
        'Write the path of one requirements file with hashes, or "" for what pip resolves.',
    ),
    Setting(
        "mooring_root",
        folders.may_be_root,
        "Write the absolute path of a folder of its own, without blanks, ~ and .., for example /opt/mooring,"
        " which is no folder of the system or home: playbooks/remove.yml removes it but for data and files of others.",
    ),
    Setting(
        "service_user",
        text(
            r"(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}\$?"
        ),  # useradd(8) takes no longer one; a number may be an id
        'Write the name of a user, of at most 32 characters and not a number, or "auto".',
        ("auto",),
    ),
    Setting(
        "target_python",
        either(text("auto"), text(r"/[^\x00-\x1f\x7f]+")),
        'Write the absolute path of a Python on the target, or "auto" for the newest one.',
        ("auto",),
    ),
    Setting("no_new_privileges", values.truth, "Write true or false."),
    Setting("core_dumps", values.truth, "Write true or false."),
    Setting(
        "umask",
        text(r"0?0[0-7][2367]"),
        'Write three octal digits in quotes, since YAML takes 077 for a number: "077", or "027" for files that the group'
        " can read. The user keeps all rights, and others must not write.",
    ),
    Setting(
        "releases_kept",
        whole(2, 100),
        "Write a whole number from 2 (the live one and one to roll back to) to 100.",
    ),
    Setting("remove_data", values.truth, "Write true or false."),
    Setting(
        "supervisorctl_conf",
        text(r"(/[^\x00-\x1f\x7f]+)?"),
        'Write the absolute path of the file that is to be written, or "" for none.',
    ),
    Setting("canary", whole(1, 99999), "Write a number of hosts, from 1."),
    Setting(
        "batch",
        either(whole(1, 99999), text(r"[1-9][0-9]?%|100%")),
        "Write a number of hosts, from 1, or a share of all in percent, for example 25%.",
    ),
    Setting("balancer_port", whole(1, 65535), "Write a whole number from 1 to 65535."),
    Setting(
        "balancer_certificate",
        text(r"[^\x00-\x1f\x7f]*"),
        'Write the path of a PEM file on the controller, or "" for plain HTTP.',
    ),
    Setting(
        "workers_ca",
        text(r"(/[^\x00-\x1f\x7f]+)?"),
        'Write the absolute path of a PEM file on the controller, or "" where the workers speak no TLS.',
    ),
    Setting(
        "workers_tls_name",
        text(r"[^\x00-\x20\x7f]+"),
        "Write the DNS name that the workers' certificate holds.",
    ),
    Setting("workers_tls_verify", values.truth, "Write true or false."),
)
