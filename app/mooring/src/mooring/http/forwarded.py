"""Who the client is when a trusted proxy stands in between.

Only the family of fields that the proxies are said to write (``MOORING_FORWARDED_FIELD``) is looked at: the other one
passes through a proxy as the client made it up. Addresses are read from the right, the end that our own proxies
write; the first one that is not itself a trusted proxy is the client's. Whatever cannot be read ends the search.
"""

from __future__ import annotations

import ipaddress
import re

from mooring.http.limits import Trust

_ELEMENT = re.compile(r'\s*([A-Za-z]+)=(?:"([^"\\]*)"|([^";,\s]*))\s*')


def believed(fields: dict[str, str], peer: str, trust: Trust) -> tuple[str, str | None]:
    """Return the client's address and the scheme it used (None: as the connection's), by a trusted peer's word."""
    if trust.forwarded_field == "forwarded":
        hops = [_element(text) for text in fields.get("HTTP_FORWARDED", "").split(",")]
        addresses = [hop.get("for", "") for hop in hops]
        scheme = hops[-1].get("proto")
    else:
        addresses = fields.get("HTTP_X_FORWARDED_FOR", "").split(",")
        scheme = fields.get("HTTP_X_FORWARDED_PROTO", "").split(",")[-1].strip()
    scheme = scheme.lower() if scheme else None
    return _client(addresses, peer, trust), scheme if scheme in ("http", "https") else None


def _client(addresses: list[str], peer: str, trust: Trust) -> str:
    client = peer
    for text in reversed(addresses):
        address = _address(text.strip())
        if address is None:
            break
        client = address
        if address not in trust.trusted_proxies:
            break
    return client


def text_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Write an address as the environ has the peer's: an IPv4 address in its IPv6 form as the IPv4 address."""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _address(text: str) -> str | None:
    """Return the bare address of ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return text_of(address)


def _element(text: str) -> dict[str, str]:
    """Return the pairs of one element of a Forwarded field (RFC 7239 4)."""
    pairs = {}
    for pair in text.split(";"):
        matched = _ELEMENT.fullmatch(pair)
        if matched:
            pairs[matched.group(1).lower()] = matched.group(2) or matched.group(3) or ""
    return pairs
