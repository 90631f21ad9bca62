"""The settings table: defaults hold together, every wrong value is named with what it may be, all at once."""

import dataclasses
from pathlib import Path

import pytest

from mooring import settings
from mooring.settings import TABLE, WrongSettingsError, load, unknown, variable

GOOD = {
    "MOORING_INSTANCE": "api",
    "MOORING_RUN_DIR": "/run/api",
    "MOORING_APP": "mysite.wsgi:application",
}


def problems(**changed: str) -> list[str]:
    with pytest.raises(WrongSettingsError) as caught:
        load({**GOOD, **changed})
    return caught.value.problems


def test_defaults_hold_together() -> None:
    loaded = load(GOOD)
    assert loaded.worker_socket == Path("/run/api/api-blue-0.sock")
    assert loaded.bootstrap_socket == Path("/run/api/api-bootstrap.sock")
    assert not loaded.trusted_proxies
    assert "127.0.0.1" not in loaded.trusted_proxies


def test_an_empty_variable_is_not_set() -> None:
    assert load({**GOOD, "MOORING_MAX_BODY": ""}).max_body == load(GOOD).max_body


def test_every_setting_has_a_meaning_and_every_number_of_time_or_size_a_unit() -> None:
    for field in TABLE:
        assert field.metadata["meaning"], field.name
        if field.name.endswith("_timeout") or field.name.endswith("_grace"):
            assert field.metadata["unit"] == "seconds", field.name
        if field.name.startswith("max_"):
            assert field.metadata["unit"], field.name


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(WrongSettingsError) as caught:
        load({"MOORING_COLOUR": "red", "MOORING_MAX_BODY": "-1", "MOORING_APP": "nothing"})
    told = caught.value.problems
    assert [line.split()[0] for line in told] == [
        "MOORING_INSTANCE",
        "MOORING_RUN_DIR",
        "MOORING_APP",
        "MOORING_COLOUR",
        "MOORING_MAX_BODY",
    ]
    assert "'red'; allowed: blue or green." in told[3]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("MOORING_INSTANCE", "a/b", "letters, digits"),
        ("MOORING_RUN_DIR", "run", "absolute path"),
        ("MOORING_APP", "a b:c", "module:attribute"),
        ("MOORING_NUMBER", "1.5", "whole number from 0"),
        ("MOORING_RELEASE", "x\ny", "printable"),
        ("MOORING_SMOKE_PATH", "vim types", "starts with '/'"),
        ("MOORING_SMOKE_STATUS", "99", "from 200 to 599"),
        ("MOORING_SMOKE_HOST", "a b", "host name"),
        *(
            ("MOORING_URL_PREFIX", prefix, "for example /billing")
            for prefix in (
                "billing",
                "/billing/",
                "/",
                "//billing",
                "/a//b",
                "/a/../b",
                "/.",
                "/a/..",
                "/a%20b",
                "/a b",
                "/a?b",
                "/a#b",
                "/caf\xe9",
                "/a;b",
                "/a\n",
                "https://a/b",
            )
        ),
        ("MOORING_HEADER_TIMEOUT", "0", "at least 0.1"),
        ("MOORING_CHILDREN_TIMEOUT", "31", "from 0 to 30"),
        ("MOORING_DRAIN_TIMEOUT", "nan", "number of seconds"),
        ("MOORING_DRAIN_TIMEOUT", "1e3", "number of seconds"),
        ("MOORING_MAX_HEADER_FIELDS", "\N{ARABIC-INDIC DIGIT FIVE}", "whole number"),
        ("MOORING_TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set"),
        ("MOORING_TRUSTED_PROXIES", "everyone", "addresses, networks"),
        ("MOORING_PROXY_PROTOCOL", "yes", "on or off"),
        ("MOORING_TLS_CERT", "cert.pem", "absolute path"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: str, hint: str) -> None:
    (told,) = problems(**{name: value})
    assert told.startswith(name + " is ")
    assert hint in told


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"MOORING_TLS_KEY": "/k"}, ["MOORING_TLS_KEY", "MOORING_TLS_CERT"]),
        ({"MOORING_PROXY_PROTOCOL": "on"}, ["MOORING_PROXY_PROTOCOL", "MOORING_TRUSTED_PROXIES"]),
        ({"MOORING_MAX_HEADER_BLOCK": "300"}, ["MOORING_MAX_HEADER_BLOCK", "MOORING_MAX_REQUEST_LINE"]),
        ({"MOORING_DRAIN_TIMEOUT": "2"}, ["MOORING_DRAIN_IDLE_GRACE", "MOORING_DRAIN_TIMEOUT"]),
        ({"MOORING_RUN_DIR": "/" + "d" * 100}, ["MOORING_RUN_DIR", "107"]),
    ],
)
def test_values_that_cannot_go_together(changed: dict[str, str], names: list[str]) -> None:
    (told,) = problems(**changed)
    for name in names:
        assert name in told


def test_trusted_proxies() -> None:
    trusted = load({**GOOD, "MOORING_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,fe80::/10"}).trusted_proxies
    for peer in ("127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "fe80::1%eth0"):
        assert peer in trusted, peer
    for peer in ("127.0.0.2", "11.0.0.1", "", "::1", "not an address"):
        assert peer not in trusted, peer
    assert "" in load({**GOOD, "MOORING_TRUSTED_PROXIES": "unix"}).trusted_proxies


def test_a_slip_of_the_pen_is_told() -> None:
    (told,) = unknown({**GOOD, "MOORING_DRAIN_TIMOUT": "3"})
    assert "did you mean MOORING_DRAIN_TIMEOUT?" in told
    assert unknown({variable(field.name): "" for field in TABLE}) == []


def test_the_exit_status_of_a_wrong_configuration_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        settings.load_or_exit({}, "mooring worker")
    assert caught.value.code == settings.EX_USAGE == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("mooring worker: MOORING_") for line in lines)


def test_secrets_reach_the_environment_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"MULTICLOUD_AAI_PASSWORD": "hush; # \\"and\\" \\n \'so\'"}')
    environ = {**GOOD, "MOORING_SECRETS_FILE": str(tmp_path / "secrets.json")}
    config = settings.load_or_exit(environ, "mooring worker")
    assert environ["MULTICLOUD_AAI_PASSWORD"] == "hush; # \"and\" \n 'so'"
    assert "hush" not in repr(config)


@pytest.mark.parametrize("text", ["hush", '["hush"]', '{"HUSH": 1, "OTHER": "hush"}'])
def test_a_wrong_file_of_secrets_is_named_but_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(SystemExit):
        settings.load_or_exit(
            {**GOOD, "MOORING_SECRETS_FILE": str(tmp_path / "secrets.json")}, "mooring worker"
        )
    error = capsys.readouterr().err
    assert "MOORING_SECRETS_FILE" in error
    assert "hush" not in error.lower()


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(GOOD).instance = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "is_below"),
    [
        ("/billing", True), ("/billing/", True), ("/billing?x", True), ("/billing/health?x=/y", True),
        ("/", False), ("/billings", False), ("/?/billing/", False), ("/health", False),
    ],
)  # fmt: skip
def test_the_smoke_request_is_below_the_prefix(path: str, is_below: bool) -> None:
    changed = {"MOORING_URL_PREFIX": "/billing", "MOORING_SMOKE_PATH": path}
    if is_below:
        assert load({**GOOD, **changed}).smoke_path == path
    else:
        assert problems(**changed) == [
            f"MOORING_SMOKE_PATH is {path}, which is not below MOORING_URL_PREFIX (/billing): name a path below it."
        ]


@pytest.mark.parametrize("prefix", ["/billing", "/a/b.c-d_e~f/1", "/.well-known", "/..."])
def test_a_prefix(prefix: str) -> None:
    assert load({**GOOD, "MOORING_URL_PREFIX": prefix, "MOORING_SMOKE_PATH": prefix}).url_prefix == prefix
