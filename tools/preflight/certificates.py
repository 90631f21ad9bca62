"""What load balancers need to verify the workers' certificates: authorities that can be read, and names that can be verified."""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mooring import settings as runtime
from preflight import values

LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
NAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")
ALONE = "Name a PEM file with the authorities' certificates."


def of_workers(every: dict[str, Any]) -> Iterator[str]:
    """Say why load balancers could not verify the certificates of workers that speak TLS."""
    certificate = runtime.variable("tls_cert")
    if not every["worker_settings"].get(certificate) or not values.is_true(every.get("workers_tls_verify")):
        return
    file, name = every.get("workers_ca"), every.get("workers_tls_name")
    if not file:
        yield (
            f'workers_ca is "", and the workers speak TLS (worker_settings has {certificate}): the load balancers verify'
            " their certificates by the authorities of that file. Name a PEM file on the controller, or set"
            " workers_tls_verify to false."
        )
    elif isinstance(file, str) and (problem := authorities(Path(file))):
        yield f"workers_ca is {values.shown(file)}, {problem}"
    if not isinstance(name, str) or not NAME.fullmatch(name) or values.address(name):
        yield (
            f"workers_tls_name is {values.shown(name)}, which is no DNS name. Write the one that the workers' certificate holds:"
            " load balancers verify no addresses."
        )


def authorities(file: Path) -> str | None:
    """Tell what is wrong with a file of authorities; None if nothing is."""
    try:
        text = file.read_text(encoding="latin-1")
    except FileNotFoundError:
        return f"and there is no such file on the controller. {ALONE}"
    except OSError as error:
        return f"and that cannot be read ({error.strerror}). {ALONE}"
    if "PRIVATE KEY-----" in text:
        return f"which holds a private key, and goes to the load balancers for all to read. {ALONE}"
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        trusted.load_verify_locations(file if "-----BEGIN CERTIFICATE-----" in text else os.devnull)
    except OSError:  # ssl.SSLError is one
        return f"which holds no certificate, or a damaged one. {ALONE}"
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in trusted.get_ca_certs()]
    if ends and max(ends) < time.time():
        return f"whose certificates have expired. {ALONE}"
    return None
