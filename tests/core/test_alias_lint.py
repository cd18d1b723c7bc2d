# SPDX-License-Identifier: Apache-2.0
"""Aliases against one host: what can get nothing here, what nova would have given, what ports have a claim to."""

import pytest

from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.alias_lint import alias_notices
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.errors import Notice
from tests.support.planned import host, pci, sriov
from tests.support.rules import aliases, specs

HOST = host(*sriov("3b:00.0", vfs=2), pci("41:00.0"))
"""8086:00f0 with two 8086:00f1, and 8086:0001."""
VFS = {"vendor_id": "8086", "product_id": "00f1"}


def found(entry: object, alias: object, *, report: bool = False) -> list[Notice]:
    rules = RuleSet(specs=specs(entry), aliases=aliases(alias, in_placement=False), report_in_placement=report)
    return list(alias_notices(catalogue_of(HOST, rules)))


def test_an_alias_that_gets_what_it_says_is_not_remarked_on() -> None:
    assert found({}, {"name": "n", **VFS, "device_type": "type-VF"}) == []


def test_an_alias_without_a_type_says_what_nova_would_have_given() -> None:
    (notice,) = found({}, {"name": "n", **VFS})
    assert notice.problem == 'alias "n" names no device_type, which means type-PCI: it fits 0 here, and would fit 2 of type-VF'
    assert notice.remedy == '"device_type": "type-VF"'


def test_an_alias_of_another_type_than_its_devices_is_a_notice() -> None:
    (notice,) = found({}, {"name": "n", **VFS, "device_type": "type-PF"})
    assert notice.problem == 'alias "n" says type-PF: it fits 0 here, and would fit 2 of type-VF'


def test_an_alias_that_fits_nothing_here_is_a_notice() -> None:
    (notice,) = found({"vendor_id": "10de"}, {"name": "n", **VFS})
    assert notice.problem == 'alias "n" fits no assignable device of this host'


@pytest.mark.parametrize(("report", "says"), [(False, "may take"), (True, "never gets")])
def test_an_alias_that_fits_a_ports_device_is_a_notice(report: bool, says: str) -> None:
    alias = {"name": "n", "vendor_id": "8086", "device_type": "type-VF"}
    (notice,) = found({"product_id": "00f1", "physical_network": "net1"}, alias, report=report)
    assert notice.problem == f'alias "n" {says} 2 devices that are for ports (0000:3b:00.1 is of physical_network net1)'


@pytest.mark.parametrize(("stated", "count"), [({}, 1), ({"device_type": "type-PCI"}, 0)])
def test_a_type_that_is_stated_is_meant(stated: dict[str, str], count: int) -> None:
    assert len(found({}, {"name": "n", "vendor_id": "8086", **stated})) == count


def test_only_devices_of_the_aliass_own_type_are_told_to_be_for_ports() -> None:
    listed = [{"product_id": "00f1", "physical_network": "net1"}, {"product_id": "00f0"}]
    assert found(listed, {"name": "n", "vendor_id": "8086", "device_type": "type-PF"}) == []
    (notice,) = found(listed, {"name": "n", "vendor_id": "8086", "device_type": "type-VF"})
    assert "2 devices that are for ports" in notice.problem
