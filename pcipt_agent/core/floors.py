# SPDX-License-Identifier: Apache-2.0
"""From which version of libvirt, QEMU and the kernel on a feature works.

A floor counts only where the host or the rules need the feature; what nobody uses is said, and is no fault.

Does not know: how a version was asked for.
Source: admin guide ("Limitations", "remote_managed", "Virtual IOMMU support"), vdpa.html ("Virt driver support"), spec
enable-vfio-devices-with-kernel-variant-drivers, nova/virt/libvirt/driver.py (MIN_VFIO_PCI_VARIANT_LIBVIRT_VERSION and its QEMU).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, ok

Version = tuple[int, ...]


class Feature(StrEnum):
    """What may have a floor of its own."""

    PASSTHROUGH = "devices attached to running guests"
    VDPA = "vDPA"
    VARIANT_DRIVER = "kernel variant drivers"
    VARIANT_DRIVER_MANAGED = "a variant driver and managed: yes"
    LIVE_MIGRATION = "live migration with devices (live_migratable)"
    REMOTE_MANAGED = "remote_managed without VLAN errors"
    VIOMMU_VIRTIO = "vIOMMU of model virtio"
    VIOMMU_SMMUV3 = "vIOMMU of model smmuv3"
    VIOMMU_INTEL = "vIOMMU of model intel, with eim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """None: any version that is still in use."""

    libvirt: Version | None = None
    qemu: Version | None = None
    kernel: Version | None = None


FLOORS: Final = {
    Feature.PASSTHROUGH: Floor(libvirt=(6, 0, 0), qemu=(4, 2)),
    Feature.VDPA: Floor(libvirt=(6, 9, 0), qemu=(5, 1), kernel=(5, 7)),
    Feature.VARIANT_DRIVER: Floor(kernel=(5, 16)),
    Feature.VARIANT_DRIVER_MANAGED: Floor(libvirt=(10, 0, 0), kernel=(5, 16)),
    Feature.LIVE_MIGRATION: Floor(libvirt=(10, 0, 0), qemu=(8, 2, 2), kernel=(5, 16)),
    Feature.REMOTE_MANAGED: Floor(libvirt=(8, 1, 0)),
    Feature.VIOMMU_VIRTIO: Floor(libvirt=(8, 3, 0)),
    Feature.VIOMMU_SMMUV3: Floor(libvirt=(5, 5, 0)),
    Feature.VIOMMU_INTEL: Floor(libvirt=(3, 4, 0)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """As they run here."""

    libvirt: Version | Unseen
    qemu: Version | Unseen
    kernel: Version | Unseen


def parse_version(text: str) -> Version | None:
    """The numbers that `text` begins with, `6.12.48+deb13-amd64` being 6.12.48; None where it begins with none."""
    found = re.match(r"\d{1,9}(\.\d{1,9})*", text)
    return None if found is None else tuple(int(part) for part in found.group().split("."))


def floor_findings(versions: Versions, needed: Iterable[Feature]) -> Iterator[Finding]:
    """One for each feature that is needed, and one for all others that would not work."""
    wanted = frozenset(needed)
    for feature in Feature:
        if feature in wanted:
            yield _finding(feature, versions)
    below = [f"{feature} ({what})" for feature in Feature if feature not in wanted for what in [_below(feature, versions)] if what]
    if below:
        yield ok("versions", f"not to be had here, and not asked for: {'; '.join(below)}")


def _finding(feature: Feature, versions: Versions) -> Finding:
    if what := _below(feature, versions):
        mend = "# install newer packages: from the distribution's backports, or with its next release"
        return Finding("versions", Verdict.PROBLEM, f"{feature} needs {what}", mend)
    asked = _pairs(feature, versions)
    unseen = [f"{name}'s version ({found.why})" for name, found, _ in asked if isinstance(found, Unseen)]
    if unseen:
        return Finding("versions", Verdict.UNKNOWN, f"{feature}: {', '.join(unseen)} is not known")
    return ok(
        "versions", f"{feature}: {', '.join(f'{name} {_text(found)}' for name, found, _ in asked if not isinstance(found, Unseen))}"
    )


def _below(feature: Feature, versions: Versions) -> str:
    """What is too old for it; empty where nothing that was seen is."""
    return " and ".join(
        f"{name} {_text(floor)}, and {_text(found)} is here"
        for name, found, floor in _pairs(feature, versions)
        if not isinstance(found, Unseen) and _older(found, floor)
    )


def _pairs(feature: Feature, versions: Versions) -> list[tuple[str, Version | Unseen, Version]]:
    floor = FLOORS[feature]
    pairs = (
        ("libvirt", versions.libvirt, floor.libvirt),
        ("QEMU", versions.qemu, floor.qemu),
        ("kernel", versions.kernel, floor.kernel),
    )
    return [(name, found, least) for name, found, least in pairs if least is not None]


def _older(found: Version, floor: Version) -> bool:
    """10.0 is no older than 10.0.0."""
    longest = max(len(found), len(floor))
    return found + (0,) * (longest - len(found)) < floor + (0,) * (longest - len(floor))


def _text(version: Version) -> str:
    return ".".join(str(part) for part in version)
