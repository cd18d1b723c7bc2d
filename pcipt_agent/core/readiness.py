# SPDX-License-Identifier: Apache-2.0
"""May this device be handed out safely: the checks that need nothing but the host.

Does not know: rules, claims, the funnel that shows the answers.
Source: Documentation/driver-api/vfio.rst (a device is assigned by its IOMMU group).
"""

from dataclasses import dataclass
from enum import StrEnum

from pcipt_agent.core.device import Device


class Unready(StrEnum):
    """Why a device is not handed out, whatever the rules say."""

    FAULT = "fault"
    """It is unusable: `Device.faults` says why."""
    BRIDGE = "bridge"
    SETTLING = "settling"
    """Its VFs, or those of its PF, are appearing or going."""
    USED_BY_HOST = "used-by-host"
    """The host itself is served by it."""
    NO_IOMMU_GROUP = "no-iommu-group"
    """The kernel gave it no IOMMU group: there is no IOMMU, or it is off."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """One reason, with its particulars in a clause."""

    reason: Unready
    detail: str


def not_ready(device: Device) -> NotReady | None:
    """Why `device` must not be handed out; None where it may."""
    if device.faults:
        return NotReady(Unready.FAULT, "; ".join(f"{fault.kind}: {fault.detail}" for fault in device.faults))
    if device.is_bridge:
        return NotReady(Unready.BRIDGE, f"class {device.class_code:06x} is a bridge")
    if device.iommu_group is None:
        return NotReady(Unready.NO_IOMMU_GROUP, "it is in no IOMMU group: the host has no IOMMU, or it is off")
    return None
