# SPDX-License-Identifier: Apache-2.0
"""What keeps assignable devices from being handed out, and which features the rules ask of libvirt, QEMU and the kernel.

The reasons are the catalogue's own, so that a check-up and a claim that is refused say the same. Devices of one reason are one
finding: a PF with 64 VFs is not mended 64 times.

Does not know: claims, which of the devices a guest has.
Source: libvirt's nodedev-detach (virsh(1)).
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, assert_never

from pcipt_agent.core.address import PciAddress, first_of
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.diagnosis import Finding, Verdict, ok
from pcipt_agent.core.floors import Feature
from pcipt_agent.core.host import Host
from pcipt_agent.core.readiness import VFIO_PCI, Unready

DEVICES_CONF: Final = "/etc/pcipt-agent/devices.conf"
_NAMED: Final = 4


def device_findings(catalogue: Catalogue) -> Iterator[Finding]:
    """What an operator who listed devices should know of them."""
    listed = list(indexes(catalogue.assignable))
    if not listed:
        why = "matches no device of this host" if catalogue.rules.specs else "has no entry"
        yield Finding("devices", Verdict.WARNING, f"[pci] device_spec {why}: nothing can be handed out", "pcipt check-config")
        return
    bad = [*_not_ready(catalogue, listed), *_warnings(catalogue, listed)]
    yield from bad
    if not bad:
        yield ok("devices", f"all {len(listed)} assignable devices may be handed out, and their IOMMU groups are viable")


def vpd_findings(host: Host, none: str) -> Iterator[Finding]:
    """Cards whose VPD could not be had. `none`: what is said of VPD without a serial number, which is no trouble."""
    found: dict[str, list[PciAddress]] = defaultdict(list)
    for device in host.devices.values():
        if device.parent is None and device.serial_unknown not in (None, none):
            found[str(device.serial_unknown)].append(device.address)
    for why, addresses in found.items():
        seen = f"{first_of(addresses, _NAMED)}: {why}, so its serial number, which remote_managed needs, is not known"
        yield Finding("vpd", Verdict.WARNING, seen, f"sudo lspci -vvs {addresses[0]}  # shows what can be read of it")


def needed_features(catalogue: Catalogue) -> frozenset[Feature]:
    """What the assignable devices and their tags ask for."""
    needed = set()
    for index in indexes(catalogue.assignable):
        device, spec = catalogue.devices[index], catalogue.spec_of[index]
        assert spec is not None, "an assignable device has its entry"
        variant = device.vfio_driver and device.driver != VFIO_PCI
        asks = {
            Feature.PASSTHROUGH: True,
            Feature.VDPA: device.device_type is DeviceType.VDPA,
            Feature.VARIANT_DRIVER: variant,
            Feature.VARIANT_DRIVER_MANAGED: variant and spec.tags.managed,
            Feature.LIVE_MIGRATION: spec.tags.live_migratable is True,
            Feature.REMOTE_MANAGED: spec.tags.remote_managed,
        }
        needed |= {feature for feature, asked in asks.items() if asked}
    return frozenset(needed)


def _not_ready(catalogue: Catalogue, listed: list[int]) -> Iterator[Finding]:
    """Each reason once, with its devices."""
    found: dict[tuple[Unready, str, bool], list[int]] = defaultdict(list)
    for index in listed:
        for each in catalogue.not_ready(index):
            found[each.reason, each.detail, _has_vfs(catalogue.devices[index])].append(index)
    for (reason, detail, _), those in found.items():
        named = first_of([catalogue.devices[index].address for index in those], _NAMED)
        mend = _mend(catalogue, those[0], reason) + (f"  # and so for {len(those) - 1} more" if len(those) > 1 else "")
        yield Finding("devices", _verdict(catalogue.devices[those[0]], reason), f"{named}: {detail}", mend)


def _warnings(catalogue: Catalogue, listed: list[int]) -> Iterator[Finding]:
    found: dict[str, list[int]] = defaultdict(list)
    for index in listed:
        for each in catalogue.warnings(index):
            found[each.detail].append(index)
    for detail, those in found.items():
        addresses = [catalogue.devices[index].address for index in those]
        yield Finding("devices", Verdict.WARNING, f"{first_of(addresses, _NAMED)}: {detail}", _explain(addresses[0]))


def _verdict(device: Device, reason: Unready) -> Verdict:
    """A rule that also takes what can't be meant is no problem: a bridge, the host's own card, the PF of VFs; it is passed over."""
    match reason:
        case Unready.DRIVER if _has_vfs(device):
            return Verdict.WARNING
        case Unready.USED_BY_HOST | Unready.SETTLING | Unready.FAULT | Unready.BRIDGE:
            return Verdict.WARNING
        case Unready.NO_IOMMU_GROUP | Unready.GROUP_NOT_VIABLE | Unready.DRIVER:
            return Verdict.PROBLEM
        case _:
            assert_never(reason)


def _mend(catalogue: Catalogue, index: int, reason: Unready) -> str:
    device, spec = catalogue.devices[index], catalogue.spec_of[index]
    if reason is Unready.DRIVER and device.sriov is not None and _has_vfs(device):
        # An entry of the PF's address is meant for its VFs, which its own driver has made; with another they would go.
        by = (
            f'"product_id": "{device.sriov.vf_product_id}"'
            if device.sriov.vf_product_id != device.product_id
            else "their addresses"
        )
        return f"# if its VFs alone are meant, name them in the entry, by {by}"
    if reason is Unready.DRIVER and spec is not None and not spec.tags.managed:
        section = f"[{device.address}]\\ndriver = {VFIO_PCI}\\n"
        return f"printf '{section}' >> {DEVICES_CONF} && pcipt set-up {device.address}"
    if reason is Unready.GROUP_NOT_VIABLE and device.iommu_group is not None:
        others = [catalogue.devices[each] for each in indexes(catalogue.hindrances[device.iommu_group].against(index))]
        free = [nodedev_name(each.address) for each in others if not each.host_uses]
        if len(free) == len(others):
            return " && ".join(f"virsh nodedev-detach {name}" for name in free)
    return _explain(device.address)


def _has_vfs(device: Device) -> bool:
    return device.sriov is not None and device.sriov.num_vfs > 0


def _explain(address: PciAddress) -> str:
    return f"pcipt explain device {address}"


def nodedev_name(address: PciAddress) -> str:
    """libvirt's name of the function."""
    return f"pci_{address.domain:04x}_{address.bus:02x}_{address.slot:02x}_{address.function:x}"
