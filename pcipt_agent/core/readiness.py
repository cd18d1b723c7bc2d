# SPDX-License-Identifier: Apache-2.0
"""May this device be handed out safely: what the host says of it, and what its driver and its entry say to each other.

Every reason is told, not only the first: who mends one wants to know of the next. What others of its IOMMU group say is told by
`core.iommu_groups`.

A PF whose VF the host uses is not handed out either: without its driver, on the way to a guest, it loses all its VFs. The reverse
is the usual case, and no harm: the host on its PF, guests on the VFs.

A PF whose VFs are not all here is settling, and so are they: what is half made would be given away half made. The kernel counts VFs
before it adds them or after, as the driver likes, so both directions count.

Does not know: claims, which entry matches, the funnel that shows the answers.
Source: Documentation/driver-api/vfio.rst; drivers/pci/iov.c, sriov_enable; libvirt 10.0.0 release notes (managed='yes' finds the
best vfio variant driver), before which virpci.c knows vfio-pci alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pcipt_agent.core.address import first_of
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.domain import Version
from pcipt_agent.core.host import Host

VFIO_PCI: Final = "vfio-pci"
_NAMED = 4
"""VFs that a reason names before it counts the rest."""
FINDS_VARIANTS: Final[Version] = (10, 0, 0)
"""The libvirt that binds variant drivers by itself."""


class Unready(StrEnum):
    """Why a device is not handed out, whatever was claimed; in the order in which reasons are told, the most telling first."""

    USED_BY_HOST = "used-by-host"
    """The host itself is served by it."""
    SETTLING = "settling"
    """Its VFs, or those of its PF, are appearing or going."""
    FAULT = "fault"
    """It is unusable: `Device.faults` says why."""
    BRIDGE = "bridge"
    NO_IOMMU_GROUP = "no-iommu-group"
    """The kernel gave it no IOMMU group: there is no IOMMU, or it is off."""
    GROUP_NOT_VIABLE = "group-not-viable"
    """Another member of its IOMMU group stands in the way."""
    DRIVER = "driver"
    """Its driver is not what its entry's `managed` needs."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """One reason, with its particulars in a clause."""

    reason: Unready
    detail: str


def of_itself(device: Device, host: Host) -> Iterator[NotReady]:
    """What is against the device on this host, its driver and its IOMMU group apart; nobody can wave that through."""
    uses = list(_uses(device, host))
    if uses:
        yield NotReady(Unready.USED_BY_HOST, "; ".join(uses))
    settling = _settling(device, host)
    if settling is not None:
        yield NotReady(Unready.SETTLING, settling)
    if device.faults:
        yield NotReady(Unready.FAULT, "; ".join(f"{fault.kind}: {fault.detail}" for fault in device.faults))
    if device.is_bridge:
        yield NotReady(Unready.BRIDGE, f"class {device.class_code:06x} is a bridge")


def _uses(device: Device, host: Host) -> Iterator[str]:
    if device.host_uses:
        yield f"the host uses it: {'; '.join(use.detail for use in device.host_uses)}"
    used = [vf for vf in host.vfs_of(device.address) if vf.host_uses]
    if used:
        named = first_of([f"{vf.address} ({vf.host_uses[0].detail})" for vf in used], _NAMED)
        yield f"the host uses {'its VF' if len(used) == 1 else 'its VFs'} {named}"


def unsettled(pf: Device, vfs_here: int) -> str | None:
    """How many of its VFs are here, where it is not as many as it has; None for what is no PF."""
    if pf.sriov is None or vfs_here == pf.sriov.num_vfs:
        return None
    if vfs_here < pf.sriov.num_vfs:
        return f"{vfs_here} of {pf.sriov.num_vfs} VFs are here"
    return f"{vfs_here} VFs are here, and sriov_numvfs is {pf.sriov.num_vfs}"


def _settling(device: Device, host: Host) -> str | None:
    own = unsettled(device, len(host.vfs_of(device.address)))
    parent = host.parent_of(device)
    if own is not None or parent is None:
        return own
    its = unsettled(parent, len(host.vfs_of(parent.address)))
    return None if its is None else f"its PF {parent.address} is settling: {its}"


@dataclass(frozen=True, slots=True)
class DriverTrouble:
    """`refused`: it can't work; else it may, and a person should look at it."""

    why: NotReady
    refused: bool


def driver_trouble(device: Device, *, managed: bool, libvirt_version: Version | None) -> DriverTrouble | None:
    """What the bound driver says to the entry's `managed`. A vDPA device is used through its own driver, so that none is wrong."""
    if managed is not device.vfio_driver or device.device_type is DeviceType.VDPA:
        return None  # managed and bound to a host driver, to vfio without, or to nothing: as it is meant, or the other question
    if not managed:
        bound = "to no driver" if device.driver is None else f"to {device.driver}"
        return _trouble(f"managed is no, and it is bound {bound}: bind it to {VFIO_PCI} or a variant driver", refused=True)
    if device.driver == VFIO_PCI:
        return None
    if libvirt_version is None:
        return _trouble(
            f"it is bound to {device.driver} and managed is yes: right with libvirt 10.0.0, wrong before", refused=False
        )
    version = ".".join(map(str, libvirt_version))
    if libvirt_version < FINDS_VARIANTS:
        text = f"libvirt {version} would bind {VFIO_PCI} in place of {device.driver}: set managed to no in its entry"
        return _trouble(text, refused=True)
    text = f"it is bound to {device.driver}, and with managed yes libvirt {version} binds the variant that it finds best"
    return _trouble(text, refused=False)


def _trouble(detail: str, *, refused: bool) -> DriverTrouble:
    return DriverTrouble(NotReady(Unready.DRIVER, detail), refused)
