# SPDX-License-Identifier: Apache-2.0
"""What firmware and kernel must give before any device can be handed out: an IOMMU that is on, and vfio-pci.

IOMMU groups are the proof that it is on, whatever the command line says: kernels are built with either default
(CONFIG_INTEL_IOMMU_DEFAULT_ON; amd_iommu is on unless it is switched off). Firmware and command line are asked why there are none.

Does not know: files, which devices are assignable.
Source: admin guide, "Configure compute host"; Documentation/admin-guide/kernel-parameters.txt; ACPI signatures DMAR (Intel), IVRS
(AMD), IORT (Arm), VIOT (virtio-iommu).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, ok, unknown
from pcipt_agent.core.host import Host


class VfioPci(StrEnum):
    """Where the kernel has vfio-pci."""

    LOADED = "loaded"
    BUILT_IN = "built-in"
    AVAILABLE = "available"
    """As a module that is not loaded."""
    ABSENT = "absent"


class BootLoader(StrEnum):
    """Whose tool changes the kernel's command line."""

    UPDATE_GRUB = "update-grub"
    GRUBBY = "grubby"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What firmware and kernel say under a root."""

    cpu_vendor: str | Unseen | None
    """`vendor_id` of proc/cpuinfo, None where there is none (Arm)."""
    firmware_tables: frozenset[str] | Unseen
    command_line: tuple[str, ...] | Unseen
    kernel: str | Unseen
    """Its release."""
    vfio_pci: VfioPci | Unseen
    boot_loader: BootLoader


_TABLES: Final = {"DMAR": "VT-d", "IVRS": "AMD-Vi", "IORT": "SMMU", "VIOT": "virtio-iommu"}
_TABLE_OF: Final = {"GenuineIntel": "DMAR", "AuthenticAMD": "IVRS", "HygonGenuine": "IVRS"}
_PARAMETER_OF: Final = {"GenuineIntel": "intel_iommu", "AuthenticAMD": "amd_iommu", "HygonGenuine": "amd_iommu"}
_OFF: Final = frozenset({"intel_iommu=off", "amd_iommu=off", "iommu=off"})


def platform_findings(platform: Platform, host: Host) -> Iterator[Finding]:
    groups = len({device.iommu_group for device in host.devices.values() if device.iommu_group is not None})
    yield _firmware(platform, groups)
    yield _command_line(platform, groups)
    yield _groups(groups, platform)
    yield _vfio_pci(platform)


def _firmware(platform: Platform, groups: int) -> Finding:
    name, tables = "firmware", platform.firmware_tables
    found = [] if isinstance(tables, Unseen) else sorted(tables & _TABLES.keys())
    if found:
        described = ", ".join(f"{table} ({_TABLES[table]})" for table in found)
        return ok(name, f"sys/firmware/acpi/tables has {described}")
    if groups:
        return ok(name, "an IOMMU is there, as IOMMU groups are")
    if isinstance(tables, Unseen):
        return unknown(name, tables)
    vendor = platform.cpu_vendor if isinstance(platform.cpu_vendor, str) else ""
    wanted = _TABLE_OF.get(vendor)
    table, feature = (wanted, _TABLES[wanted]) if wanted else ("DMAR, IVRS, IORT or VIOT", "the IOMMU (VT-d, AMD-Vi)")
    seen = f"sys/firmware/acpi/tables has no {table}: {feature} is switched off in the firmware, or the machine has none"
    return Finding(name, Verdict.PROBLEM, seen, f"systemctl reboot --firmware-setup  # and switch on {feature}")


def _command_line(platform: Platform, groups: int) -> Finding:
    name, words = "kernel-command-line", platform.command_line
    if isinstance(words, Unseen):
        return unknown(name, words) if not groups else ok(name, "the IOMMU is on, as IOMMU groups are there")
    said = [word for word in words if word.partition("=")[0] in ("intel_iommu", "amd_iommu", "iommu")]
    if groups:
        return ok(name, f"the IOMMU is on{_by(said)}")
    if off := sorted(_OFF & set(said)):
        return Finding(name, Verdict.PROBLEM, f"proc/cmdline has {' '.join(off)}", _without(off, platform.boot_loader))
    vendor = platform.cpu_vendor
    if isinstance(vendor, Unseen):
        return unknown(name, vendor)
    parameter = _PARAMETER_OF.get(vendor or "")
    if parameter is None:
        return Finding(
            name, Verdict.UNKNOWN, f"which parameter a CPU of {vendor or 'no vendor_id'} needs is not known here{_by(said)}"
        )
    wanted = f"{parameter}=on"
    # `intel_iommu=on,sm_on` is one as well: the values are a list.
    if any(word.partition("=")[0] == parameter and "on" in word.partition("=")[2].split(",") for word in words):
        return ok(name, f"proc/cmdline has {wanted}; that there are no groups has another cause")
    return Finding(
        name, Verdict.PROBLEM, f"proc/cmdline has no {wanted}, and there are no groups", _with(wanted, platform.boot_loader)
    )


def _by(said: Iterable[str]) -> str:
    words = " ".join(said)
    return f", proc/cmdline has {words}" if words else ", by the kernel's own default"


def _with(word: str, loader: BootLoader) -> str:
    match loader:
        case BootLoader.UPDATE_GRUB:
            return f"""sed -i 's/^GRUB_CMDLINE_LINUX="/&{word} /' /etc/default/grub && update-grub && systemctl reboot"""
        case BootLoader.GRUBBY:
            return f"grubby --update-kernel=ALL --args={word} && systemctl reboot"
        case BootLoader.OTHER:
            return f"# add {word} to the kernel's command line, by the boot loader's own way, and restart the host"
        case _:
            assert_never(loader)


def _without(words: Iterable[str], loader: BootLoader) -> str:
    match loader:
        case BootLoader.UPDATE_GRUB:
            expressions = " ".join(f"-e 's/ *{word}//'" for word in words)
            return f"sed -i {expressions} /etc/default/grub && update-grub && systemctl reboot"
        case BootLoader.GRUBBY:
            return f'grubby --update-kernel=ALL --remove-args="{" ".join(words)}" && systemctl reboot'
        case BootLoader.OTHER:
            return f"# take {' '.join(words)} from the kernel's command line, by the boot loader's own way, and restart the host"
        case _:
            assert_never(loader)


def _groups(groups: int, platform: Platform) -> Finding:
    if groups:
        return ok("iommu-groups", f"{groups} in sys/kernel/iommu_groups")
    seen = "no function is in an IOMMU group: nothing can be handed out"
    blind = isinstance(platform.firmware_tables, Unseen) and isinstance(platform.command_line, Unseen)
    mend = "dmesg | grep -i -e DMAR -e AMD-Vi -e IOMMU" if blind else "# mend firmware and kernel command line, above"
    return Finding("iommu-groups", Verdict.PROBLEM, seen, mend)


def _vfio_pci(platform: Platform) -> Finding:
    name, state = "vfio-pci", platform.vfio_pci
    if isinstance(state, Unseen):
        return unknown(name, state)
    match state:
        case VfioPci.LOADED:
            return ok(name, "the module is loaded")
        case VfioPci.BUILT_IN:
            return ok(name, "it is built into the kernel")
        case VfioPci.AVAILABLE:
            return ok(name, "the module is there; libvirt loads it when a guest starts with a device that is managed")
        case VfioPci.ABSENT:
            release = "" if isinstance(platform.kernel, Unseen) else platform.kernel
            seen = f"kernel {release} has no vfio-pci: it is neither loaded nor named in lib/modules/{release}"
            return Finding(
                name, Verdict.PROBLEM, seen, "# install a kernel that is built with CONFIG_VFIO_PCI, or its package of modules"
            )
        case _:
            assert_never(state)
