"""What the API's clients generate their code from: operations and definitions, as facts without notation.

``swagger.document`` makes the OpenAPI document of it. In the definitions, ``name*`` is required, ``[x]`` is an array of x,
``{…}`` an object with properties of its own; a type that starts with a capital letter is a definition.
"""

from __future__ import annotations

from typing import NamedTuple


class Operation(NamedTuple):
    """One operation. Its path parameters are those that stand in the path."""

    name: str
    method: str
    path: str
    summary: str
    tag: str
    """What code generators name a client's class by."""
    response: str = ""
    """Definition of the response's body; empty: no content."""
    status: int = 200
    query: str = ""
    """Names of the query's parameters, all optional."""
    body: str = ""
    """Type of the body, which is required."""


TENANT = "/{vimid}/{tenantid}"


def _kept_things(
    kind: str, short: str, key: str, query: str = "name limit marker", tag: str = ""
) -> tuple[Operation, ...]:
    """Return the four operations of what a tenant can create, list, show and delete."""
    kinds, path = f"{kind}s", f"{TENANT}/{kind}s"
    article = "an" if kind[0] in "aeiou" else "a"
    one = f"{path}/{{{key}}}"
    info = f"Vim{short}Info"
    tag = tag or f"vim {kinds}"
    return (
        Operation(
            f"create_vim_{kind}",
            "post",
            path,
            f"Create {article} {kind}",
            tag,
            info,
            body=f"CreateVim{short}",
        ),
        Operation(
            f"query_vim_{kinds}",
            "get",
            path,
            f"List the {kinds} of a tenant",
            tag,
            f"Vim{short}sInfo",
            query=query,
        ),
        Operation(f"delete_vim_{kind}", "delete", one, f"Delete {article} {kind}", tag, status=204),
        Operation(f"query_vim_{kind}", "get", one, f"Show {article} {kind}", tag, info),
    )


OPERATIONS = (
    *_kept_things("flavor", "Flavor", "flavorid"),
    *_kept_things("image", "Image", "imageid"),
    *_kept_things("network", "Network", "networkid", query="name"),
    *_kept_things("subnet", "Subnet", "subnetid", query="name"),
    *_kept_things("server", "Server", "serverid"),
    Operation(
        "operate_vim_server",
        "post",
        f"{TENANT}/servers/{{serverid}}/action",
        "Start, stop or reboot a server",
        "vim servers action",
        status=202,
        body="OperateVimServer",
    ),
    *_kept_things("volume", "Volume", "volumeid"),
    *_kept_things("port", "Port", "portid", query="name", tag="vim virtual ports"),
    Operation(
        "query_vim_tenants",
        "get",
        "/{vimid}/tenants",
        "List the tenants",
        "vim tenants",
        "VimTenantsInfo",
        query="name",
    ),
    Operation("query_vim_hosts", "get", f"{TENANT}/hosts", "List the hosts", "vim hosts", "VimHostsInfo"),
    Operation(
        "query_vim_host",
        "get",
        f"{TENANT}/hosts/{{hostname}}",
        "Show what a host has",
        "vim hosts",
        "VimHostDetail",
    ),
    Operation(
        "query_vim_limits",
        "get",
        f"{TENANT}/limits",
        "Show the limits of a tenant",
        "vim limits",
        "VimLimitsInfo",
    ),
    Operation(
        "query_vim_identity",
        "get",
        "/{vimid}/identity/v3",
        "Show the identity service",
        "vim identity",
        "IdentityInfo",
    ),
    Operation(
        "get_vim_token",
        "post",
        "/{vimid}/identity/v3/auth/tokens",
        "Ask for a token and the endpoints that it is good for",
        "vim identity",
        "TokenInfo",
        body="string",
    ),
)

# Two properties end in a space ("nexthop ", "end "): clients were generated from it so. The original refers to
# VimImagePropertyInfo and lacks it, so that its document is not valid: here the reference resolves.
DEFINITIONS = {
    "CreateVimFlavor": (
        "name*=string, vcpu*=integer, memory*=integer, disk*=integer, ephemeral=integer, "
        "swap=integer, isPublic=boolean, extraSpecs=[VimFlavorExtraSpecInfo]"
    ),
    "VimFlavorExtraSpecInfo": "keyName=string, value=string",
    "VimFlavorsInfo": "vimId*=string, vimName=string, tenantId*=string, flavors*=[VimFlavorInfo]",
    "VimFlavorInfo": (
        "name*=string, id*=string, vcpu*=integer, memory*=integer, disk*=integer, ephemeral*=integer, "
        "swap*=integer, isPublic*=boolean, extraSpecs=[VimFlavorExtraSpecInfo], vimId=string, "
        "vimName=string, tenantId=string, returnCode=integer"
    ),
    "CreateVimImage": (
        "name*=string, imageType*=string, imagePath*=string, containerFormat*=string, visibility=string"
    ),
    "VimImagesInfo": "vimId*=string, vimName=string, tenantId*=string, images*=[VimImageInfo]",
    "VimImageInfo": (
        "name*=string, id*=string, imageType=string, imagePath=string, containerFormat=string, "
        "visibility=string, properties=[VimImagePropertyInfo], status*=string, size=string, "
        "vimId=string, vimName=string, tenantId=string, returnCode=integer"
    ),
    "VimImagePropertyInfo": "keyName=string, value=string",
    "CreateVimNetwork": (
        "name*=string, networkType*=string, physicalNetwork=string, segmentationId=integer, "
        "vlanTransparent=boolean, shared*=boolean, routerExternal=boolean"
    ),
    "VimNetworksInfo": "vimId*=string, vimName=string, tenantId*=string, networks*=[VimNetworkInfo]",
    "VimNetworkInfo": (
        "name*=string, id*=string, status*=string, networkType=string, physicalNetwork=string, "
        "segmentationId=boolean, vlanTransparent=boolean, shared=boolean, routerExternal=boolean, "
        "vimId=string, vimName=string, tenantId=string, returnCode=integer"
    ),
    "CreateVimSubnet": (
        "networkId*=string, name*=string, cidr*=string, ipVersion*=integer, enableDhcp=boolean, "
        "gatewayIp=string, dnsNameservers=[string], hostRoutes=[VimHostRouteInfo], "
        "allocationPools=[VimIpAllocationPoolInfo]"
    ),
    "VimHostRouteInfo": "destination=string, nexthop =string",
    "VimIpAllocationPoolInfo": "start=string, end =string",
    "VimSubnetsInfo": "vimId*=string, vimName=string, tenantId*=string, subnets*=[VimSubnetInfo]",
    "VimSubnetInfo": (
        "name*=string, id*=string, status*=string, networkId*=string, networkName=string, "
        "cidr*=string, ipVersion*=integer, enableDhcp=boolean, gatewayIp=string, "
        "dnsNameservers=[string], hostRoutes=[VimHostRouteInfo], "
        "allocationPools=[VimIpAllocationPoolInfo], vimId=string, vimName=string, tenantId=string, "
        "returnCode=integer"
    ),
    "CreateVimServer": (
        "name*=string, boot*={type=integer volumeId=string imageId=string}, flavorId*=string, "
        "contextArray=[VimServerContextInfo], volumeArray=[VimServerVolumeInfo], "
        "nicArray=[VimServerNicInfo], availabilityZone=string, metadata=[VimServerKeyValuePair], "
        "userdata=string, securityGroups=[string], serverGroup=string"
    ),
    "VimServerKeyValuePair": "keyName=string, value=string",
    "VimServerContextInfo": "fileName=string, fileData=string",
    "VimServerVolumeInfo": "volumeId=string",
    "VimServerNicInfo": "portId=string",
    "VimServersInfo": "vimId*=string, vimName=string, tenantId*=string, servers*=[VimServerInfo]",
    "VimServerInfo": (
        "name*=string, id*=string, status*=string, boot={type=integer volumeId=string "
        "ImageId=string}, flavorId=string, volumeArray=[VimServerVolumeInfo], "
        "nicArray=[VimServerNicInfo], availabilityZone=string, metadata=[VimServerKeyValuePair], "
        "securityGroups=[string], serverGroup=string, vimId=string, vimName=string, tenantId=string, "
        "returnCode=integer"
    ),
    "OperateVimServer": "os-start=null, os-stop=null, reboot={type=string}",
    "CreateVimVolume": (
        "name*=string, volumeSize*=integer, imageId=string, volumeType=string, availabilityZone=integer"
    ),
    "VimVolumesInfo": "vimId*=string, vimName=string, tenantId*=string, volumes*=[VimVolumeInfo]",
    "VimVolumeInfo": (
        "name*=string, id*=string, createTime=string, volumeSize=integer, volumeType=string, "
        "availabilityZone=integer, attachments=[VimVolumeAttachmentInfo], status*=string, "
        "vimId=string, vimName=string, tenantId=string, returnCode=integer"
    ),
    "VimVolumeAttachmentInfo": (
        "id=string, serverId=string, volumeId=string, device=string, hostName=string"
    ),
    "CreateVimPort": (
        "networkId*=string, subnetId=string, name*=string, ip=string, macAddress=string, "
        "vnicType=string, securityGroups=[string]"
    ),
    "VimPortsInfo": "vimId*=string, vimName=string, tenantId*=string, ports*=[VimPortInfo]",
    "VimPortInfo": (
        "name*=string, id*=string, status*=string, networkId*=string, networkName=string, "
        "subnetName=string, subnetId=string, ip=string, macAddress=string, vnicType=string, "
        "securityGroups=[string], vimId=string, vimName=string, tenantId=string, returnCode=integer"
    ),
    "VimTenantsInfo": "vimId*=string, vimName=string, tenants*=[VimTenantInfo]",
    "VimTenantInfo": "name*=string, id*=string",
    "VimHostsInfo": "vimId*=string, vimName=string, tenantId*=string, hosts*=[VimHostInfo]",
    "VimHostInfo": (
        "name*=string, service*=string, zone=string, vimId=string, vimName=string, tenantId=string"
    ),
    "VimHostDetail": "host*=[VimHostResource], vimId*=string, vimName=string, tenantId*=string",
    "VimHostResource": ("name*=string, cpu*=integer, memory_mb*=integer, disk_gb*=integer, project*=string"),
    "VimLimitsInfo": (
        "vimId*=string, vimName=string, tenantId*=string, maxPersonality=integer, "
        "maxPersonalitySize=integer, maxServerGroupMembers=integer, maxServerGroups=integer, "
        "maxServerMeta=integer, maxTotalCores=integer, maxTotalInstances=integer, "
        "maxTotalKeypairs=integer, maxTotalRAMSize=integer, maxTotalVolumeGigabytes=integer, "
        "maxTotalVolumes=integer, totalGigabytesUsed=integer, network=integer, subnet=integer, "
        "subnetpool=integer, security_group_rule=integer, security_group=integer, router=integer, "
        "port=integer"
    ),
    "IdentityInfo": "href*=string, id*=string",
    "TokenInfo": "value*=string, endpoints*=string",
}
