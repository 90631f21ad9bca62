"""The sandbox's drivers: the paths below a region, as the tiny cloud answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from multicloud.core.responses import JSON, to_json
from multicloud.sandbox.cloud import HOSTS, KINDS, TENANTS, Cloud, CloudError


class Request(NamedTuple):
    """A request for a region. ``rest`` holds the segments of the path below it, ``body`` is read JSON."""

    method: str
    version: str
    rest: tuple[str, ...]
    query: Mapping[str, str]
    token: str | None
    body: Any


class Response(NamedTuple):
    """What a driver responds."""

    status: int
    value: Any = None
    fields: tuple[tuple[str, str], ...] = ()

    def content(self) -> tuple[bytes, tuple[tuple[str, str], ...]]:
        """Return body and header fields."""
        if self.status == 204:
            return b"", self.fields
        body = to_json({} if self.value is None else self.value)
        return body, (("Content-Type", JSON), ("Content-Length", str(len(body))), *self.fields)


def respond(cloud: Cloud, request: Request) -> Response:
    """Return the driver's response. Raises CloudError."""
    rest, method = request.rest, request.method
    if rest != (
        "capacity_check",
    ):  # one question goes to many regions, and drivers answer it by their own account
        cloud.check_token(request.token)
    if not rest and method == "DELETE":
        cloud.clear()
        return Response(204)
    fixed = _FIXED.get(("GET" if method == "HEAD" else method, "/".join(rest)))
    if fixed is not None:
        return fixed(cloud, request)
    if rest and rest[0] == "infra_workload" and request.version == "v1":
        return _infra_workload(cloud, request)
    if len(rest) >= 2:
        tenant, kind = rest[:2]
        if kind in KINDS:
            return _things(cloud, tenant, kind, request)
        if method in ("GET", "HEAD"):
            return _facts(cloud, tenant, rest[1:])
    raise CloudError(404, f"the sandbox has no {method} /{'/'.join(rest)}")


def _named(cloud: Cloud, tenant: str | None = None) -> dict[str, Any]:
    named = {"vimId": cloud.region.vim_id, "vimName": cloud.region.vim_id}
    return named if tenant is None else {**named, "tenantId": tenant}


def _things(cloud: Cloud, tenant: str, kind: str, request: Request) -> Response:
    ids, method = request.rest[2:], request.method
    if not ids:
        if method in ("GET", "HEAD"):
            return Response(
                200, {**_named(cloud, tenant), kind: cloud.listed(tenant, kind, dict(request.query))}
            )
        if method == "POST":
            thing, made = cloud.create(tenant, kind, _object(request.body))
            return Response(201 if made else 200, {**thing, **_named(cloud, tenant), "returnCode": int(made)})
    if len(ids) == 1:
        if method in ("GET", "HEAD"):
            return Response(200, {**cloud.show(tenant, kind, ids[0]), **_named(cloud, tenant)})
        if method == "DELETE":
            cloud.delete(tenant, kind, ids[0])
            return Response(204)
    if kind == "servers" and len(ids) == 2 and ids[1] == "action" and method == "POST":
        cloud.act(tenant, ids[0], _object(request.body))
        return Response(202)
    raise CloudError(405, f"{method} does not go with this path")


def _facts(cloud: Cloud, tenant: str, rest: tuple[str, ...]) -> Response:
    region, named = cloud.region, _named(cloud, tenant)
    hosts = [f"{region.name}-{number}" for number in range(1, HOSTS + 1)]
    if rest == ("hosts",):
        listed = [{"name": name, "service": "compute", "zone": "nova"} for name in hosts]
        return Response(200, {**named, "hosts": listed})
    if rest[0] == "hosts" and rest[1:] and rest[1] in hosts:
        share = {
            "cpu": region.vcpus // HOSTS,
            "memory_mb": region.memory_mb // HOSTS,
            "disk_gb": region.disk_gb // HOSTS,
        }
        return Response(200, {**named, "host": [{"name": rest[1], "project": "(total)", **share}]})
    if rest == ("limits",):
        limits = {
            "maxTotalCores": region.vcpus,
            "maxTotalRAMSize": region.memory_mb,
            "maxTotalInstances": region.vcpus,
        }
        return Response(200, {**named, **limits, "network": 100, "subnet": 100, "port": 500})
    raise CloudError(404, f"the sandbox has no /{'/'.join(rest)} of a tenant")


def _identity(cloud: Cloud, _request: Request) -> Response:
    return Response(200, {"id": "v3", "status": "stable", "href": f"identity/v3 of {cloud.region.vim_id}"})


def _token_v3(cloud: Cloud, request: Request) -> Response:
    auth = _object(_object(request.body).get("auth", {}))
    tenant = _object(_object(auth.get("scope", {})).get("project", {})).get("name", "demo")
    token = cloud.issue_token(tenant)
    token_facts = {"methods": ["password"], "project": {"id": tenant, "name": tenant}, "catalog": []}
    return Response(201, {"token": token_facts}, (("X-Subject-Token", token),))


def _token_v2(cloud: Cloud, request: Request) -> Response:
    tenant = _object(_object(request.body).get("auth", {})).get("tenantName", "demo")
    token = {"id": cloud.issue_token(tenant), "tenant": {"id": tenant, "name": tenant}}
    return Response(200, {"access": {"token": token, "serviceCatalog": []}})


def _tenants(cloud: Cloud, request: Request) -> Response:
    names = [name for name in TENANTS if request.query.get("name", name) == name]
    return Response(200, {**_named(cloud), "tenants": [{"name": name, "id": name} for name in names]})


def _capacity(cloud: Cloud, request: Request) -> Response:
    wanted, room = _object(request.body), cloud.room()
    try:
        fits = all(float(wanted.get(name) or 0) <= room[name] for name in room)
    except (TypeError, ValueError) as error:
        raise CloudError(400, f"{', '.join(room)} must be numbers") from error
    zones = [{"availability-zone-name": "nova", "vCPUAvail": room["vCPU"], "MemoryAvail": room["Memory"]}]
    return Response(200, {"result": fits, **({"AZs": zones} if request.version == "v1" else {})})


def _registered(cloud: Cloud, request: Request) -> Response:
    return Response(202 if request.method == "POST" else 200, {**_named(cloud), "status": "registered"})


def _extensions(cloud: Cloud, _request: Request) -> Response:
    return Response(200, {**_named(cloud), "extensions": []})


_FIXED: dict[tuple[str, str], Callable[[Cloud, Request], Response]] = {
    ("GET", "identity/v3"): _identity,
    ("POST", "identity/v3/auth/tokens"): _token_v3,
    ("POST", "identity/v2.0/tokens"): _token_v2,
    ("GET", "tenants"): _tenants,
    ("POST", "capacity_check"): _capacity,
    ("POST", "registry"): _registered,
    ("GET", "registry"): _registered,
    ("GET", "extensions"): _extensions,
}


def _infra_workload(_cloud: Cloud, request: Request) -> Response:
    """Answer as a workload that is made at once: the sandbox keeps nothing of it."""
    name = request.rest[1] if len(request.rest) > 1 else "workload"
    if request.method == "DELETE":
        return Response(204)
    status = "CREATE_COMPLETE"
    return Response(
        201 if request.method == "POST" else 200, {"workload_id": name, "workload_status": status}
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CloudError(400, "a JSON object is needed here")
    return value
