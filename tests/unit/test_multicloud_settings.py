"""The API's settings table and driver table: defaults, casts, and one clear sentence for each wrong value."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from multicloud.core import drivers
from multicloud.core.settings import (
    TABLE,
    Secret,
    Settings,
    WrongSettingsError,
    describe,
    load,
    unknown,
    variable,
)
from support.places import SOURCES


def test_defaults_stand_by_themselves() -> None:
    settings = load({})
    assert settings == Settings(aai_password=settings.aai_password)
    assert [each["vim_type"] for each in settings.drivers.vim_types()] == [
        "openstack",
        "vmware",
        "vsphere",
        "azure",
    ]


def test_an_empty_variable_counts_as_not_set() -> None:
    empty = load({variable(field.name): "" for field in TABLE})
    assert empty == Settings(aai_password=empty.aai_password)


def test_values_are_read(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("x")
    settings = load(
        {
            "MULTICLOUD_AAI_URL": "https://aai.example.org:8443/aai/",
            "MULTICLOUD_AAI_CA_FILE": str(authorities),
            "MULTICLOUD_AAI_TLS_VERIFY": "off",
            "MULTICLOUD_READ_TIMEOUT": "2.5",
            "MULTICLOUD_POOL_SIZE": "10",
            "MULTICLOUD_ALLOWED_HOSTS": "API.example.org, .example.net",
            "MULTICLOUD_REQUEST_LOG": "off",
            "MULTICLOUD_REDIRECT_ORIGINS": "https://images:8443, http://[::1]/",
            "UNRELATED": "1",
        }
    )
    assert settings.aai_url == "https://aai.example.org:8443/aai"
    assert (settings.aai_ca_file, settings.aai_tls_verify, settings.request_log) == (
        authorities,
        False,
        False,
    )
    assert (settings.read_timeout, settings.pool_size) == (2.5, 10)
    assert settings.allowed_hosts == ("api.example.org", ".example.net")
    assert settings.redirect_origins == ("https://images:8443", "http://[::1]")


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("AAI_URL", "aai:8443", "an http:// or https:// URL"),
        ("AAI_URL", "ftp://aai/", "an http:// or https:// URL"),
        ("AAI_URL", "http://", "an http:// or https:// URL"),
        ("AAI_URL", "http://aai:port/", "an http:// or https:// URL"),
        ("AAI_URL", "http://user:secret@aai/", "an http:// or https:// URL"),
        ("MSB_URL", "http://msb/?a=b", "an http:// or https:// URL"),
        ("MSB_URL", "http://msb/a b", "an http:// or https:// URL"),
        *(
            ("REDIRECT_ORIGINS", text, "for example https://images:8443")
            for text in (
                "*",
                "images:8443",
                "https://images/a",
                "https://a@images",
                "http://a,",
                "http://a,ftp://b",
            )
        ),
        ("CAPACITY_VIMS", "0", "from 1 to 100000"),
        ("AAI_SCHEMA", "v13/..", "letters, digits"),
        ("AAI_USER", "a:b", "without a colon"),
        ("AAI_CA_FILE", "ca.pem", "an absolute path"),
        ("AAI_CA_FILE", "/does/not/exist", "that can be read (No such file or directory)"),
        ("AAI_TLS_VERIFY", "yes", "on or off"),
        ("CONNECT_TIMEOUT", "0", "at least 0.01"),
        ("CONNECT_TIMEOUT", "5s", "a number of seconds"),
        ("READ_TIMEOUT", "-1", "a number of seconds"),
        ("TOTAL_TIMEOUT", "inf", "a number of seconds"),
        ("POOL_SIZE", "0", "a whole number from 1 to 10000"),
        ("CAPACITY_PARALLEL", "1.5", "a whole number from 1 to 1000"),
        ("ALLOWED_HOSTS", "host:9001", "host names without ports"),
        ("ALLOWED_HOSTS", "a,,b", "host names without ports"),
        ("DRIVERS", "nonsense", "a JSON list of cloud types"),
        ("DRIVERS", "/does/not/exist", "the path of a readable file"),
    ],
)
def test_a_wrong_value_is_one_clear_sentence(name: str, text: str, allowed: str) -> None:
    with pytest.raises(WrongSettingsError) as error:
        load({f"MULTICLOUD_{name}": text})
    (problem,) = error.value.problems
    assert problem.startswith(f"MULTICLOUD_{name} is {text!r}; allowed: ")
    assert allowed in problem


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(WrongSettingsError) as error:
        load({"MULTICLOUD_POOL_SIZE": "x", "MULTICLOUD_MSB_URL": "y", "MULTICLOUD_REQUEST_LOG": "z"})
    assert len(error.value.problems) == 3


def test_slips_of_the_pen_are_told() -> None:
    environment = {
        "MULTICLOUD_MSB_ULR": "x",
        "MULTICLOUD_QQQQQQQQQQQQQQQQ": "y",
        "MULTICLOUD_MSB_URL": "z",
        "OTHER": "",
    }
    assert unknown(environment) == [
        "MULTICLOUD_MSB_ULR is read by nobody; did you mean MULTICLOUD_MSB_URL?",
        "MULTICLOUD_QQQQQQQQQQQQQQQQ is read by nobody.",
    ]


def test_a_password_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("pä ss\n")
    assert load({"MULTICLOUD_AAI_PASSWORD_FILE": str(secret)}).aai_password.reveal() == "pä ss"
    assert load({"MULTICLOUD_AAI_PASSWORD": "pw"}).aai_password.reveal() == "pw"
    both = {"MULTICLOUD_AAI_PASSWORD": "pw", "MULTICLOUD_AAI_PASSWORD_FILE": str(secret)}
    with pytest.raises(WrongSettingsError, match="set one") as error:
        load(both)
    assert "pw" not in str(error.value)
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(WrongSettingsError, match="not UTF-8"):
        load({"MULTICLOUD_AAI_PASSWORD_FILE": str(secret)})


def test_a_secret_does_not_show_itself() -> None:
    settings = load({"MULTICLOUD_AAI_PASSWORD": "pass-word"})
    assert isinstance(settings.aai_password, Secret)
    shown = f"{settings} {settings!r} {settings.aai_password} {settings.aai_password!r} {vars(settings)}"
    assert "pass-word" not in shown


def test_the_table_prints_itself() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "multicloud.core.settings"],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": SOURCES, "MULTICLOUD_AAI_PASSWORD": "pass-word"},
    )
    assert printed.stdout == describe()
    assert [line.split()[0] for line in printed.stdout.splitlines()] == [
        variable(field.name) for field in TABLE
    ]
    assert "pass-word" not in printed.stdout


ENTRY = {"vim_type": "openstack", "versions": {"pike": "multicloud-pike"}, "default": "multicloud-ocata"}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "at least one entry"),
        ([], "at least one entry"),
        (["openstack"], 'entry 1 must be an object with exactly "vim_type", "versions" and "default"'),
        ([{**ENTRY, "more": 1}], "entry 1 must be an object"),
        ([ENTRY, ENTRY], "'openstack' stands there twice"),
        ([{**ENTRY, "vim_type": ""}], 'entry 1: "vim_type"'),
        ([{**ENTRY, "vim_type": 7}], 'entry 1: "vim_type"'),
        ([{**ENTRY, "versions": ["pike"]}], 'entry 1: "versions" must be an object'),
        ([ENTRY, {**ENTRY, "vim_type": "x", "default": None}], "entry 2: None is no driver's name"),
        ([{**ENTRY, "default": "../x"}], "entry 1: '../x' is no driver's name"),
        ([{**ENTRY, "versions": {"a": "b c"}}], "entry 1: 'b c' is no driver's name"),
    ],
)
def test_a_wrong_driver_table(table: object, problem: str) -> None:
    with pytest.raises(ValueError, match=r"entry|twice") as error:
        drivers.parse(json.dumps(table))
    assert problem in str(error.value)


def test_a_driver_table_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "drivers.json"
    file.write_text(json.dumps([ENTRY]))
    table = load({"MULTICLOUD_DRIVERS": str(file)}).drivers
    assert table.driver("openstack", "pike") == "multicloud-pike"
    assert table.driver("openstack", "other") == "multicloud-ocata"
    assert table.driver("azure", "1.0") is None
