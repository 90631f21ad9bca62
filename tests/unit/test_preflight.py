"""What an inventory says is checked as a whole: each thing that is wrong is one sentence, with the way out."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mooring import settings as runtime
from preflight import findings, names
from preflight.findings import inventory
from preflight.table import TABLE
from support.certificates import Authority
from support.places import REPOSITORY

DEFAULTS: dict[str, Any] = yaml.safe_load((REPOSITORY / "roles/site/defaults/main.yml").read_text())
SHIPPED = yaml.safe_load((REPOSITORY / "roles/site/vars/main/main.yml").read_text())["site_shipped"]
DEFAULTS |= {"wsgi_apps": SHIPPED["wsgi_apps"], "smoke_path": SHIPPED["smoke_path"]}  # by templates there
DEFAULTS |= {"workers_tls_name": "api1"}  # likewise
SPECS = yaml.safe_load((REPOSITORY / "roles/site/meta/argument_specs.yml").read_text())
OPTIONS = SPECS["argument_specs"]["main"]["options"]


def found(**values: Any) -> list[str]:
    return inventory({**DEFAULTS, **values}, balanced=False)


def test_each_setting_is_checked_and_its_kind_is_that_of_the_specs() -> None:
    plain = {setting.name for setting in TABLE}
    assert plain | set(findings.DICTIONARIES) | set(findings.LISTS) == set(DEFAULTS) | set(findings.OPTIONAL)
    assert not plain & (set(findings.DICTIONARIES) | set(findings.LISTS))
    kinds = {name: options["type"] for name, options in OPTIONS.items()}
    assert {name for name, kind in kinds.items() if kind == "dict"} == set(findings.DICTIONARIES)
    assert {name for name, kind in kinds.items() if kind == "list"} == {*findings.LISTS, "app_source"}


def test_the_defaults_are_right() -> None:
    assert found() == []


ANYTHING = [
    None, True, -1, 0.5, "", "  ", [], [None], {}, {"a": {"b": []}}, {5: 5}, "é\n\0", "\ud800", ["x", {}],
    "x" * 200_000, datetime.date(2026, 1, 1), [[[]]], "٣", {"a": None, "b": [1], "\ud800": "\ud800"},
    {"MOORING_MAX_CONNECTIONS": "x" * 200_000}, {"MULTICLOUD_MSB_URL": "\ud800" * 200_000, "\n": "\n"},
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_no_value_of_any_kind_is_an_internal_error(name: str) -> None:
    """Whatever is written in place of a setting's value: sentences that name it, and nothing else."""
    for value in ANYTHING:
        for sentence in inventory({**DEFAULTS, name: value}, balanced=True):
            assert re.match(rf"({name}|web_framework|wsgi_apps)\b", sentence)
            assert sentence.endswith((".", "?")), sentence
            assert "\n" not in sentence
            assert len(sentence) < 500
            sentence.encode()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"web_framework": "djnago"}, 'web_framework is "djnago". It is one of django, pecan.'),
        ({"web_framework": "djnago"}, "Did you mean django?"),
        ({"web_framework": "flask"}, "For example: -e web_framework=pecan."),
        ({"workers": "many"}, 'workers is "many". Write a whole number from 1 to 256'),
        ({"workers": ""}, 'workers is "".'),
        ({"workers": 0}, "workers is 0."),
        ({"workers": "-1"}, 'workers is "-1".'),
        ({"workers": "4 "}, 'workers is "4 ".'),
        ({"workers": 4.0}, "workers is 4.0."),
        ({"workers": True}, "workers is true."),
        ({"workers": "Cores"}, "Did you mean cores?"),
        ({"api_port": 70000}, "api_port is 70000. Write a whole number from 1 to 65535."),
        ({"port": "http"}, 'port is "http".'),
        ({"bind": "localhost"}, 'bind is "localhost". Write an address of the host, in digits'),
        ({"bind": "127.0.0.300"}, "bind is"),
        ({"bind": "127.0.0.01"}, "bind is"),
        ({"bind": "fe80::1%eth0"}, "bind is"),
        ({"api_name": "My API"}, 'api_name is "My API".'),
        ({"api_name": "api-blue"}, "not ending in -blue"),
        ({"init": "sytemd"}, "Did you mean systemd?"),
        ({"gate_timeout": "soon"}, 'gate_timeout is "soon". Write whole seconds from 1 to 3600.'),
        ({"drain_timeout": 1}, "drain_timeout is 1. Write whole seconds from 5 to 3600."),
        ({"smoke_path": "health"}, 'smoke_path is "health".'),
        *(
            ({"url_prefix": prefix}, f'url_prefix is "{prefix}". Write folders of letters, digits, ., _, ~ and -, for example')
            for prefix in ("billing", "/billing/", "/", "/a//b", "/a/../b", "/a%20b", "/a b", "/a?b", "https://a/b")
        ),
        ({"url_prefix": None}, "url_prefix is null."),
        ({"worker_settings": {"MOORING_URL_PREFIX": "/a"}}, "Leave it out, and write url_prefix instead."),
        ({"smoke_host": "two words"}, 'smoke_host is "two words".'),
        *(
            ({"mooring_root": root}, f'mooring_root is "{root}". Write the absolute path of a folder of its own')
            for root in (
                *("", "/", "//", "/opt", "//opt", "/opt/", "/opt//", "/srv/x/..", "/srv/../etc", "/opt/./x", "/opt/."),
                *("/home", "/home/bob", "/home/bob/", "/root", "/usr", "/usr/lib", "/usr/local/", "/var/lib", "/run/systemd"),
                *("/lib64", "/proc", "relative", "./x", "~/mooring", "~", "/opt/two words", "/opt/é"),
            )
        ),
        ({"mooring_root": None}, "mooring_root is null."),
        *(
            ({"service_user": name}, f'service_user is "{name}". Write the name of a user')
            for name in ("1000", "a" * 33, "a b", "-a")
        ),
        ({"releases_kept": 1}, "releases_kept is 1."),
        ({"canary": 0}, "canary is 0. Write a number of hosts"),
        ({"batch": "25 %"}, 'batch is "25 %".'),
        ({"batch": "200%"}, "or a share of all in percent, for example 25%."),
        ({"no_new_privileges": "maybe"}, 'no_new_privileges is "maybe". Write true or false.'),
        ({"core_dumps": 1}, "core_dumps is 1. Write true or false."),
        ({"umask": 0o77}, "umask is 63. Write three octal digits in quotes, since YAML takes 077 for a number"),
        ({"umask": "0"}, 'umask is "0".'),
        ({"umask": "0700"}, 'umask is "0700".'),
        ({"umask": "0020"}, 'umask is "0020".'),
        ({"umask": "u=rwx"}, 'umask is "u=rwx".'),
        ({"remove_data": "perhaps"}, 'remove_data is "perhaps". Write true or false.'),
        ({"app_source": {"path": "x"}}, "app_source is"),
        ({"app_requirements": ["a", "b"]}, "app_requirements is"),
        ({"wsgi_apps": {"djnago": "a:b", "django": "a:b"}}, 'wsgi_apps has "djnago", which is no framework of ours'),
        ({"wsgi_apps": {"djnago": "a:b", "django": "a:b"}}, "did you mean django?"),
        ({"wsgi_apps": {"django": "greeter.application"}}, "wsgi_apps.django is"),
        ({"wsgi_apps": {"pecan": "a:b"}}, "web_framework is django, and wsgi_apps has no entry for it. Write"),
        ({"wsgi_apps": {}}, "has no entry for it (app_source has no stock Django or Pecan project that would name one)."),
        ({"wsgi_apps": "a:b"}, 'wsgi_apps is a text, "a:b". Write a dictionary'),
        ({"app_environment": ["A=1"]}, 'app_environment is a list, ["A=1"]. Write a dictionary'),
        ({"app_environment": {"A": None}}, "app_environment: A is empty (null). Write a text in quotes"),
        ({"app_environment": {"A": ["x"]}}, "app_environment: A is a list."),
        ({"app_environment": {"A": True}}, "app_environment: A is true. Write the text that the application reads"),
        ({"app_environment": {"A": datetime.date(2026, 1, 1)}}, "app_environment: A is a date."),
        ({"app_environment": {"A": float("nan")}}, "app_environment: A is nan."),
        ({"app_environment": {"A": "x\0y"}}, "app_environment: A has a NUL character"),
        ({"app_environment": {"A": "x" * 131_070}}, "app_environment: A has 131072 bytes"),
        ({"app_environment": {"A-B": "x"}}, 'app_environment has "A-B": the name of an environment variable has'),
        ({"app_environment": {"MULTICLOUD_AIA_URL": "http://a"}}, "did you mean MULTICLOUD_AAI_URL?"),
        ({"app_environment": {"MULTICLOUD_AAI_URL": "a"}}, 'MULTICLOUD_AAI_URL is "a"; allowed: an http:// or'),
        ({"app_environment": {"MOORING_MAX_CONECTIONS": 5}}, "go into worker_settings (did you mean MOORING_MAX_CONNECTIONS?)."),
        ({"app_environment": {"A": "1"}, "app_secrets": {"A": "2"}}, "app_environment and app_secrets both have A."),
        ({"app_secrets": "x"}, "app_secrets is a text. Write a dictionary"),
        ({"app_secrets": {"A": 5}}, "app_secrets: A is a number. Write a text in quotes."),
        ({"app_secrets": {"MULTICLOUD_AAI_PASWORD": "x"}}, "did you mean MULTICLOUD_AAI_PASSWORD?"),
        ({"worker_settings": {"MOORING_MAX_CONNECTION": 5}}, "did you mean MOORING_MAX_CONNECTIONS?"),
        (
            {"worker_settings": {"MOORING_MAX_CONNECTIONS": "abc"}},
            "worker_settings: MOORING_MAX_CONNECTIONS is 'abc'; allowed: a whole number from 1 to 100000.",
        ),
        ({"worker_settings": {"MOORING_TLS_KEY": "/k"}}, "MOORING_TLS_KEY is set without MOORING_TLS_CERT"),
        ({"worker_settings": {"MOORING_DRAIN_IDLE_GRACE": 40}}, "more than MOORING_DRAIN_TIMEOUT (30)"),
        ({"worker_settings": {"MOORING_APP": "a:b"}}, "is set by the deploy itself. Leave it out, and write wsgi_apps instead."),
        ({"worker_settings": {"MOORING_RELEASE": "1"}}, "is set by the deploy itself. Leave it out."),
        ({"worker_settings": {"GREETING": "x"}}, "What the application reads goes into app_environment."),
        ({"worker_settings": {"MOORING_MAX_CONNECTIONS": None}}, "MOORING_MAX_CONNECTIONS is empty (null)."),
        *(
            ({"worker_settings": {"MOORING_TLS_CERT": path, "MOORING_TLS_KEY": "/k"}}, "worker_settings: MOORING_TLS_CERT is")
            for path in ("/a ;b", "/a #b", "/a\t;b", "/it's \"x\" y", '/a"', "/a'", "/a\rb", "/a\nb", "/\x1b[1m")
        ),
        ({"worker_settings": {"MOORING_TLS_CERT": "/a ;b"}}, "which supervisord's program file cannot hold: no blank before ;"),
        ({"companions": ["x"]}, 'companions is a list, ["x"]. Write a dictionary'),
        ({"companions": {"x": ["json.tool"]}}, "companions.x is a list. Write a Python module and its arguments on one line"),
        ({"companions": {"blue": "json.tool"}}, 'companions has the name "blue".'),
        ({"companions": {"x": ""}}, 'companions.x is "". Begin with the name of a Python module'),
        ({"companions": {"x": "json.tool 'a"}}, "which has a quote without its other half."),
        ({"companions": {"x": "json.tool\rb"}}, "which has a control character."),
        ({"hooks_before": {"name": "x"}}, "hooks_before is a dictionary"),
        ({"hooks_before": ["migrate"]}, 'hooks_before has "migrate". Write a dictionary for each hook'),
        ({"hooks_before": [{"name": "m", "command": "one string"}]}, "wants a command that is a list of words"),
        ({"hooks_before": [{"name": "m", "command": ["sleep", 5]}]}, "(numbers in quotes)"),
        ({"hooks_after": [{"name": "m", "command": ["true"], "where": "moon"}]}, 'has where: "moon", and may have host or'),
        ({"hooks_after": [{"name": "m", "command": ["true"], "where": "controler"}]}, "did you mean controller?"),
        ({"hooks_after": [{"name": "m", "command": ["true"], "wher": "host"}]}, "did you mean where?"),
        ({"hooks_after": [{"name": "m", "command": ["true"], "once": "true"}]}, 'has once: "true". Write true or false'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_way_out(values: dict[str, Any], words: str) -> None:
    assert [sentence for sentence in found(**values) if words in sentence], found(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"workers": "4", "api_port": "9002", "smoke_status": "204", "canary": "2", "batch": 3},
        {"workers": "cores", "batch": "100%", "bind": "::", "init": "systemd", "remove_data": "yes"},
        {"app_source": "/home/me/mysite"},
        {"app_environment": {"A": 8080, "B": 0.5, "C": "", "D": "it's \"#1\" ; é\r\nline\t%(x)s"}},
        {"app_environment": {"MULTICLOUD_REQUEST_LOG": True, "MULTICLOUD_DRIVERS": "/etc/on/the/target.json"}},
        {"app_environment": {"MULTICLOUD_ANYTHING": "x"}, "wsgi_apps": {"django": "mysite.wsgi:application"}},
        {"app_secrets": {"PEM": "-----BEGIN\nx\n"}},
        {"worker_settings": {"MOORING_ACCESS_LOG": True, "MOORING_MAX_CONNECTIONS": 900, "MOORING_MIN_RATE": "1"}},
        {"worker_settings": {"MOORING_TLS_CERT": "/a;b/it's 100% é#.pem", "MOORING_TLS_KEY": '/a "x" k'}},
        {"worker_settings": {"MOORING_DRAIN_IDLE_GRACE": 40}, "drain_timeout": 60},
        {"companions": {"queue": "celery -A 'my site' #5 ;x é"}},
        {"hooks_before": [{"name": "migrate", "command": ["sh", "-c", "a\nb"], "once": True, "where": "controller"}]},
    ],
)  # fmt: skip
def test_what_is_right_passes(values: dict[str, Any]) -> None:
    assert found(**values) == []


def test_all_is_told_at_once() -> None:
    assert len(found(workers="", bind=None, app_environment={"A": None, "B": None})) == 4


def test_a_secret_s_value_is_in_no_sentence() -> None:
    secrets = {"A-B": "hush", "MOORING_X": "hush", "N": "hush\0", "MULTICLOUD_AAI_CACHE_SECONDS": "hush"}
    for given in (secrets, [secrets], "hush"):
        told = found(app_secrets=given)
        assert told
        assert "hush" not in " ".join(told)


def test_load_balancers_do_not_send_what_these_settings_want() -> None:
    values = {
        **DEFAULTS,
        "worker_settings": {"MOORING_PROXY_PROTOCOL": True, "MOORING_TRUSTED_PROXIES": "10.0.0.1"},
    }
    assert inventory(values, balanced=False) == []
    (told,) = inventory(values, balanced=True)
    assert "worker_settings has MOORING_PROXY_PROTOCOL" in told


def test_load_balancers_verify_workers_that_speak_tls(tmp_path: Path) -> None:
    authority, old = Authority(tmp_path, "ca").path, Authority(tmp_path, "old", expired=True).path
    tls = {"worker_settings": {"MOORING_TLS_CERT": "/etc/ssl/api.pem"}, "workers_tls_name": "api1"}

    def told(**values: object) -> list[str]:
        return inventory({**DEFAULTS, **tls, **values}, balanced=True)

    (sentence,) = told()
    assert sentence.startswith(
        'workers_ca is "", and the workers speak TLS (worker_settings has MOORING_TLS_CERT)'
    )
    assert sentence.endswith("Name a PEM file on the controller, or set workers_tls_verify to false.")
    assert told(workers_tls_verify=False) == told(workers_tls_verify="no") == []
    assert told(workers_ca=str(authority)) == []
    assert inventory({**DEFAULTS, **tls}, balanced=False) == []
    assert inventory({**DEFAULTS, **tls}, balanced=True, serves=False) == []
    assert told(worker_settings={}) == []
    assert "Write the absolute path" in told(workers_ca="ca.pem")[0]
    both = tmp_path / "both.pem"
    both.write_text(f"# Autorités\n{old.read_text()}{authority.read_text()}")
    assert told(workers_ca=str(both)) == []
    key = tmp_path / "key.pem"
    key.write_text(authority.read_text() + Authority(tmp_path, "other").sign("api1")[1].read_text())
    cut = tmp_path / "cut.pem"
    cut.write_text(authority.read_text()[:200])
    for file, problem in {
        tmp_path / "nowhere.pem": "and there is no such file on the controller",
        tmp_path: "and that cannot be read (Is a directory)",
        Path(__file__): "which holds no certificate",
        cut: "which holds no certificate, or a damaged one",
        key: "which holds a private key",
        old: "whose certificates have expired",
    }.items():
        (sentence,) = told(workers_ca=str(file))
        assert sentence.startswith('workers_ca is "/')
        assert problem in sentence
        assert sentence.endswith("Name a PEM file with the authorities' certificates.")
    for name in ("10.0.0.1", "fd00::1", "a/b", "*.example.org", "api1.", "a..b", "-a", f"{'a' * 64}.org"):
        (sentence,) = told(workers_ca=str(authority), workers_tls_name=name)
        assert sentence.startswith(f'workers_tls_name is "{name}", which is no DNS name.')


def test_what_the_deploy_sets_is_what_the_settings_table_says() -> None:
    """But for what an inventory may set as well."""
    given = (REPOSITORY / "roles/release/vars/main.yml").read_text()
    given += "".join(path.read_text() for path in (REPOSITORY / "templates/instance").iterdir())
    set_there = set(re.findall(r"\b(MOORING_[A-Z_]+)\b(?='?[:=])", given)) - {
        "MOORING_PROBATION",
        "MOORING_CHILDREN",
    }
    of_worker = {runtime.variable(field.name): field.metadata["setter"] for field in runtime.TABLE}
    assert set_there & of_worker.keys() == {name for name, setter in of_worker.items() if setter}
    setters = {field.metadata["setter"] for field in runtime.TABLE} - {"", runtime.DEPLOY}
    assert setters <= set(DEFAULTS)


# Names

SETTINGS = [
    "gate_timeout",
    "api_name",
    "workers",
    "web_framework",
    "api_port",
    "app_environment",
    "batch",
    "release",
    "bind",
    "port",
]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("worker", "workers"), ("Workers", "workers"), ("web-framework", "web_framework"), ("framework", "web_framework"),
        ("api_prot", "api_port"), ("relase", "release"), ("workers", ""), ("ansible_port", ""), ("batch_size", ""),
        ("site_name", ""), ("http_proxy", ""), ("_worker", ""), ("postgres_host", ""),
        ("read_timeout", ""), ("git_environment", ""), ("name", ""), ("settings", ""),
    ],
)  # fmt: skip
def test_near_misses_of_settings(name: str, near: str) -> None:
    assert names.miss(name, SETTINGS) == near


def test_an_extra_variable_is_refused_and_an_inventory_s_is_told() -> None:
    (told,) = names.refused(["worker", "color"], SETTINGS, [])
    assert told == (
        "-e worker is no setting; did you mean workers? If the variable is your own, give it another name."
    )
    assert list(names.refused(["worker"], SETTINGS, ["worker"])) == []
    (told,) = names.noticed(["worker", "color"], SETTINGS, [], [])
    assert told == "The inventory has worker, which is no setting and changes nothing; did you mean workers?"
    assert list(names.noticed(["worker"], SETTINGS, [], ["workers"])) == []


def test_a_playbook_names_what_it_wants_checked() -> None:
    """Without tasks_from Ansible would compare with argument_specs.yml first, and print all of it for one wrong type."""
    for path in (REPOSITORY / "playbooks").glob("*.yml"):
        for play in yaml.safe_load(path.read_text()):
            for task in play.get("tasks", []):
                role = task.get("ansible.builtin.import_role", task.get("ansible.builtin.include_role", {}))
                assert role.get("name") != "site" or role["tasks_from"] != "main", path
