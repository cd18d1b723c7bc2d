# SPDX-License-Identifier: Apache-2.0
"""The step from one catalogue to the next says what a catalogue made anew would say, in the same order."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.catalogue_step import catalogue_after
from pcipt_agent.core.device import Device
from pcipt_agent.core.domain import Version
from pcipt_agent.core.host import Host, replaced
from tests.support.ledgers import ALIASES
from tests.support.planned import at, entry, host, pci, rules, sriov
from tests.support.strategies import hosts, rule_sets

VERSIONS = st.sampled_from([None, (9, 10, 0), (10, 0, 0)])


@st.composite
def next_hosts(draw: st.DrawFn, before: Host) -> Host:
    """The host with a few addresses as they are on another host; its PFs among them, its groups, and addresses between."""
    other = draw(hosts(cards=3))
    changed = draw(st.lists(st.sampled_from(sorted({*before.devices, *other.devices})), min_size=0, max_size=4))
    devices: dict[PciAddress, Device] = dict(before.devices)
    for address in changed:
        now = other.devices.get(address)
        if now is None:
            devices.pop(address, None)
        else:
            devices[address] = replace(now, iommu_group=draw(st.sampled_from([now.iommu_group, now.iommu_group, None, 0x100, 7])))
    return replace(before, devices=dict(sorted(devices.items())))


def stepped(before: Catalogue, machine: Host) -> Catalogue:
    return catalogue_after(before, machine, replaced(before.host, machine))


def assert_the_same(found: Catalogue, afresh: Catalogue) -> None:
    for each in fields(Catalogue):
        one, other = getattr(found, each.name), getattr(afresh, each.name)
        assert one == other, each.name
        if isinstance(other, dict):
            assert list(one) == list(other), f"the order of {each.name}"


@settings(max_examples=400)
@given(hosts(cards=4), rule_sets(), VERSIONS, st.data())
def test_steps_say_what_a_catalogue_made_anew_would_say(
    machine: Host, ruleset: RuleSet, version: Version | None, data: st.DataObject
) -> None:
    ruleset = replace(ruleset, aliases={alias.name: alias for alias in ALIASES})
    catalogue = catalogue_of(machine, ruleset, version)
    for _ in range(3):
        machine = data.draw(next_hosts(machine))
        catalogue = stepped(catalogue, machine)
        assert_the_same(catalogue, catalogue_of(machine, ruleset, version))


CARDS = [sriov(f"{bus:02x}:00.0", vfs=vfs) for bus, vfs in ((2, 3), (4, 2), (6, 0), (8, 3))]
PLAIN = [pci(f"{bus:02x}:00.0") for bus in (1, 3, 5, 7, 9, 0xA, 0xB, 0xC)]
MACHINE = host(*(device for card in CARDS for device in card), *PLAIN)
RULES = rules(entry(1, product="00f1"), entry(2), aliases=ALIASES)


@pytest.mark.parametrize("gone", [(0x02,), (0x04,), (0x03,), (0x02, 0x04), (0x0C,), (0x01, 0x0C), (0x05, 0x06, 0x07)])
def test_cards_that_go_and_come_back_shift_the_others_and_back(gone: tuple[int, ...]) -> None:
    before = catalogue_of(MACHINE, RULES)
    rest = replace(MACHINE, devices={address: device for address, device in MACHINE.devices.items() if address.bus not in gone})
    without = stepped(before, rest)
    assert_the_same(without, catalogue_of(rest, RULES))
    assert_the_same(stepped(without, MACHINE), before)


def test_what_is_not_connected_is_not_matched_again() -> None:
    """A step over a host whose other devices the rules would match otherwise, which can't be, shows what it looks at."""
    before = catalogue_of(MACHINE, RULES)
    pretended = replace(before, spec_of=tuple(None for _ in before.devices))
    changed = replace(MACHINE.devices[at("01:00.0")], driver="vfio-pci")
    after = stepped(pretended, replace(MACHINE, devices={**MACHINE.devices, changed.address: changed}))
    assert [after.devices[index].address for index, spec in enumerate(after.spec_of) if spec is not None] == [changed.address]
