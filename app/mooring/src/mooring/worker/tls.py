"""TLS from the settings: certificate, key, and authorities for client certificates.

Read once at the start; a renewed certificate is taken up by a restart or switch.
"""

from __future__ import annotations

from typing import Any

from mooring.settings import Settings, WrongSettingsError


def context(settings: Settings, ssl: Any) -> Any:
    """Return an SSLContext of that ``ssl`` module for the server side, None without MOORING_TLS_CERT.

    TLS 1.2 and 1.3 with the ciphers that the ssl module holds to be good. Raises WrongSettingsError when a file
    cannot be used.
    """
    if settings.tls_cert is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        raise WrongSettingsError(
            [f"MOORING_TLS_CERT, MOORING_TLS_KEY: {settings.tls_cert} cannot be used: {_why(error)}."]
        ) from error
    if settings.tls_client_ca is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        try:
            made.load_verify_locations(settings.tls_client_ca)
        except OSError as error:
            raise WrongSettingsError(
                [f"MOORING_TLS_CLIENT_CA: {settings.tls_client_ca} cannot be used: {_why(error)}."]
            ) from error
    return made


def _why(error: OSError) -> str:
    return error.strerror or str(error)
