"""The regions that the sandbox's A&AI knows: two or three of each type of cloud."""

from __future__ import annotations

from typing import Any, NamedTuple

from multicloud.core.drivers import DEFAULT_TABLE, load


class Region(NamedTuple):
    """One region; what it has in all."""

    owner: str
    name: str
    cloud_type: str
    version: str
    vcpus: int = 64
    memory_mb: int = 262_144
    disk_gb: int = 4_000

    @property
    def vim_id(self) -> str:
        """The region's id in v0."""
        return f"{self.owner}_{self.name}"

    @property
    def driver(self) -> str:
        """The name of the driver that serves it, by the default table."""
        return load(str(DEFAULT_TABLE)).driver(self.cloud_type, self.version) or ""

    def in_aai(self) -> dict[str, Any]:
        """Return the region as A&AI shows it."""
        return {
            "cloud-owner": self.owner,
            "cloud-region-id": self.name,
            "cloud-type": self.cloud_type,
            "cloud-region-version": self.version,
            "owner-defined-type": "sandbox",
            "complex-name": "sandbox",
            "resource-version": "1",
        }


REGIONS = {
    (region.owner, region.name): region
    for region in (
        Region("openstack", "north", "openstack", "pike"),
        Region("openstack", "south", "openstack", "ocata"),
        Region("openstack", "edge", "openstack", "titanium_cloud", vcpus=8, memory_mb=16_384, disk_gb=200),
        Region("vmware", "north", "vmware", "4.0"),
        Region("vmware", "south", "vmware", "4.0", vcpus=16, memory_mb=65_536, disk_gb=1_000),
        Region("vsphere", "north", "vsphere", "6.5"),
        Region("vsphere", "south", "vsphere", "6.5", vcpus=16, memory_mb=65_536, disk_gb=1_000),
        Region("azure", "north", "azure", "1.0"),
        Region("azure", "south", "azure", "1.0", vcpus=16, memory_mb=65_536, disk_gb=1_000),
    )
}
