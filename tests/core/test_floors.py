# SPDX-License-Identifier: Apache-2.0
"""Version floors: below one is a problem where the feature is needed, and said where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.diagnosis import Unseen, Verdict
from pcipt_agent.core.floors import FLOORS, Feature, Version, Versions, floor_findings, parse_version

NEW = Versions(libvirt=(12, 0, 0), qemu=(11, 0, 0), kernel=(6, 12, 48))
OLD = Versions(libvirt=(3, 0, 0), qemu=(2, 0, 0), kernel=(4, 0, 0))
SILENT = Unseen("libvirt was not reached")


def test_every_feature_has_a_floor() -> None:
    assert set(FLOORS) == set(Feature)


@pytest.mark.parametrize(
    ("feature", "libvirt", "qemu", "kernel"),
    [
        (Feature.PASSTHROUGH, (6, 0, 0), (4, 2), None),
        (Feature.VDPA, (6, 9, 0), (5, 1), (5, 7)),
        (Feature.VARIANT_DRIVER, None, None, (5, 16)),
        (Feature.VARIANT_DRIVER_MANAGED, (10, 0, 0), None, (5, 16)),
        (Feature.LIVE_MIGRATION, (10, 0, 0), (8, 2, 2), (5, 16)),
        (Feature.REMOTE_MANAGED, (8, 1, 0), None, None),
        (Feature.VIOMMU_VIRTIO, (8, 3, 0), None, None),
        (Feature.VIOMMU_SMMUV3, (5, 5, 0), None, None),
        (Feature.VIOMMU_INTEL, (3, 4, 0), None, None),
    ],
)
def test_the_floors_are_those_of_the_documents(
    feature: Feature, libvirt: Version | None, qemu: Version | None, kernel: Version | None
) -> None:
    floor = FLOORS[feature]
    assert (floor.libvirt, floor.qemu, floor.kernel) == (libvirt, qemu, kernel)


@pytest.mark.parametrize("feature", Feature)
def test_a_needed_feature_works_from_its_floor_on(feature: Feature) -> None:
    floor = FLOORS[feature]
    at = Versions(libvirt=floor.libvirt or (0,), qemu=floor.qemu or (0,), kernel=floor.kernel or (0,))
    assert next(each.verdict for each in floor_findings(at, [feature])) is Verdict.OK
    assert [each.verdict for each in floor_findings(NEW, [feature])] == [Verdict.OK]
    below = next(iter(floor_findings(OLD, [feature])))
    assert below.verdict is Verdict.PROBLEM
    assert f"{feature} needs " in below.seen


def test_what_nobody_needs_is_said_and_is_no_fault() -> None:
    found = list(floor_findings(OLD, []))
    assert [each.verdict for each in found] == [Verdict.OK]
    assert all(feature in found[0].seen for feature in Feature)
    assert list(floor_findings(NEW, [])) == []


def test_a_version_that_is_not_known_is_no_old_one() -> None:
    found = list(floor_findings(Versions(libvirt=SILENT, qemu=SILENT, kernel=(6, 1)), [Feature.VDPA]))
    assert [each.verdict for each in found] == [Verdict.UNKNOWN]
    assert "libvirt's version (libvirt was not reached)" in found[0].seen
    old_kernel = next(iter(floor_findings(Versions(libvirt=SILENT, qemu=SILENT, kernel=(5, 6)), [Feature.VDPA])))
    assert (old_kernel.verdict, old_kernel.seen) == (Verdict.PROBLEM, "vDPA needs kernel 5.7, and 5.6 is here")


@pytest.mark.parametrize("version", [(10,), (10, 0), (10, 0, 0), (10, 0, 0, 0)])
def test_trailing_zeros_make_no_version_older(version: Version) -> None:
    versions = Versions(libvirt=version, qemu=(9,), kernel=(6,))
    assert next(iter(floor_findings(versions, [Feature.VARIANT_DRIVER_MANAGED]))).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("6.12.48+deb13-amd64", (6, 12, 48)),
        ("10.0.0", (10, 0, 0)),
        ("5.14.0-427.el9.x86_64", (5, 14, 0)),
        ("9", (9,)),
        ("", None),
        ("x6", None),
    ],
)
def test_a_version_is_the_numbers_that_a_text_begins_with(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


@given(st.text())
def test_any_text_is_a_version_or_none(text: str) -> None:
    assert parse_version(text) is None or parse_version(text)
