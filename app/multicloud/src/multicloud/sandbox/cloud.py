"""A tiny cloud: what the tenants of one region have created, and how much room is left."""

from __future__ import annotations

import itertools
import threading
import uuid
from typing import Any

from multicloud.core.surface import DEFINITIONS
from multicloud.sandbox.regions import Region

Thing = dict[str, Any]

TENANTS = ("admin", "demo")
HOSTS = 2

KINDS = {
    "flavors": "Flavor",
    "images": "Image",
    "networks": "Network",
    "subnets": "Subnet",
    "servers": "Server",
    "volumes": "Volume",
    "ports": "Port",
}
"""What a tenant can create, each with its name in the OpenAPI definitions."""

NEEDS = {
    "subnets": {"networkId": "networks"},
    "ports": {"networkId": "networks", "subnetId": "subnets"},
    "servers": {"flavorId": "flavors"},
}
"""What a thing refers to: it must be there before, and cannot go while it is referred to."""

GIVEN: dict[str, Thing] = {
    "flavors": {
        "name": "small",
        "vcpu": 1,
        "memory": 2048,
        "disk": 20,
        "ephemeral": 0,
        "swap": 0,
        "isPublic": True,
    },
    "images": {
        "name": "cirros",
        "imageType": "qcow2",
        "imagePath": "http://images.invalid/cirros",
        "containerFormat": "bare",
    },
    "networks": {"name": "public", "networkType": "flat", "shared": True, "routerExternal": True},
}
"""What each tenant has from the beginning."""


class CloudError(Exception):
    """A request that the cloud refuses, with the status to answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Cloud:
    """The state of one region. Safe to use from many threads at once."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self._lock = threading.RLock()
        self._tokens: dict[str, str] = {}
        self._addresses = itertools.count(2)
        self._things: dict[str, dict[str, dict[str, Thing]]] = {}
        self.clear()

    def clear(self) -> None:
        """Go back to the beginning."""
        with self._lock:
            self._tokens.clear()
            self._things = {tenant: {kind: {} for kind in KINDS} for tenant in TENANTS}
            for tenant, (kind, thing) in itertools.product(TENANTS, GIVEN.items()):
                self.create(tenant, kind, thing)

    def issue_token(self, tenant: str) -> str:
        """Return a new token for a tenant."""
        self._of(tenant, "servers")
        token = uuid.uuid4().hex
        with self._lock:
            self._tokens[token] = tenant
        return token

    def check_token(self, token: str | None) -> None:
        """Refuse a token that was not issued here. None is fine: the sandbox asks for no token."""
        if token is not None and token not in self._tokens:
            raise CloudError(401, "this token was not issued by this region")

    def listed(self, tenant: str, kind: str, query: dict[str, str]) -> list[Thing]:
        """Return a tenant's things of a kind, in the order of their creation, as the query wants them."""
        things = list(self._of(tenant, kind).values())
        if "name" in query:
            things = [thing for thing in things if thing["name"] == query["name"]]
        if "marker" in query:
            ids = [thing["id"] for thing in things]
            if query["marker"] not in ids:
                raise CloudError(400, f"there is no marker {query['marker']}")
            things = things[ids.index(query["marker"]) + 1 :]
        limit = query.get("limit", "")
        return things[: int(limit)] if limit.isdecimal() else things

    def show(self, tenant: str, kind: str, thing_id: str) -> Thing:
        """Return one thing."""
        thing = self._of(tenant, kind).get(thing_id)
        if thing is None:
            raise CloudError(404, f"tenant {tenant} has no {kind[:-1]} {thing_id}")
        return thing

    def create(self, tenant: str, kind: str, wanted: Thing) -> tuple[Thing, bool]:
        """Return the thing of the wanted name, and whether it was made for this request."""
        missing = [name for name in _required(kind) if name not in wanted]
        if missing:
            raise CloudError(400, f"a {kind[:-1]} needs {', '.join(missing)}")
        with self._lock:
            things = self._of(tenant, kind)
            for thing in things.values():
                if thing["name"] == wanted["name"]:
                    return thing, False
            for name, needed in NEEDS.get(kind, {}).items():
                if name in wanted:
                    self.show(tenant, needed, wanted[name])
            if kind == "servers" and not self._has_room_for(tenant, wanted):
                raise CloudError(409, "the region has no room for this server")
            made = {**wanted, "id": str(uuid.uuid4()), "status": "ACTIVE"}
            if kind == "ports":
                number = next(self._addresses)
                made.setdefault("ip", f"192.0.2.{number % 254 + 1}")
                made.setdefault("macAddress", f"02:00:00:00:{number >> 8 & 255:02x}:{number & 255:02x}")
            things[made["id"]] = made
            return made, True

    def delete(self, tenant: str, kind: str, thing_id: str) -> None:
        """Delete one thing that nothing refers to."""
        with self._lock:
            self.show(tenant, kind, thing_id)
            for other, needs in NEEDS.items():
                for name, needed in needs.items():
                    if needed == kind and any(
                        t.get(name) == thing_id for t in self._of(tenant, other).values()
                    ):
                        raise CloudError(409, f"{other} of the tenant still need this {kind[:-1]}")
            del self._of(tenant, kind)[thing_id]

    def act(self, tenant: str, server_id: str, action: Thing) -> None:
        """Start, stop or reboot a server."""
        server = self.show(tenant, "servers", server_id)
        names = {"os-start": "ACTIVE", "os-stop": "SHUTOFF", "reboot": "ACTIVE"}
        wanted = [names[name] for name in names if name in action]
        if len(wanted) != 1:
            raise CloudError(400, f"one of {', '.join(names)} is needed")
        with self._lock:
            server["status"] = wanted[0]

    def room(self) -> dict[str, int]:
        """Return what is left, in the units of check_vim_capacity: CPUs, MiB and GiB."""
        used = {"vcpu": 0, "memory": 0, "disk": 0}
        with self._lock:
            for tenant in TENANTS:
                for server in self._of(tenant, "servers").values():
                    for name in used:
                        used[name] += self.show(tenant, "flavors", server["flavorId"])[name]
        region = self.region
        return {
            "vCPU": region.vcpus - used["vcpu"],
            "Memory": region.memory_mb - used["memory"],
            "Storage": region.disk_gb - used["disk"],
        }

    def _has_room_for(self, tenant: str, server: Thing) -> bool:
        flavor, room = self.show(tenant, "flavors", server["flavorId"]), self.room()
        wanted = {"vCPU": flavor["vcpu"], "Memory": flavor["memory"], "Storage": flavor["disk"]}
        return all(wanted[name] <= room[name] for name in room)

    def _of(self, tenant: str, kind: str) -> dict[str, Thing]:
        if tenant not in self._things:
            raise CloudError(404, f"there is no tenant {tenant}; there are {', '.join(TENANTS)}")
        return self._things[tenant][kind]


def _required(kind: str) -> list[str]:
    """Return what the OpenAPI definition requires to create a thing."""
    items = DEFINITIONS[f"CreateVim{KINDS[kind]}"].split(", ")
    return [name[:-1] for name, _, _ in (item.partition("=") for item in items) if name.endswith("*")]
