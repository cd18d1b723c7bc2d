# SPDX-License-Identifier: Apache-2.0
"""Disable, enable, clean: what they keep devices from, and what they leave alone."""

import pytest

from pcipt_agent.core.claim import Cleaned, Disabled, Enabled
from pcipt_agent.core.decide import decide
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import Tags
from pcipt_agent.core.upkeep import Clean, Disable, Enable
from pcipt_agent.errors import DeviceUnknown
from tests.support.planned import at, claimed, entry, freed, host, inventory, obey, pci, rules, sriov, wanting, wish

ONE_TIME = rules(entry(1, tags=Tags(one_time_use=True)))


def disabled(before: Inventory, address: str | None, reason: str = "smoke") -> Inventory:
    return obey(before, Disable(address=None if address is None else at(address), reason=reason, at=3.0, by="anna"))


def dirty() -> Inventory:
    return freed(claimed(inventory(host(pci("01:00.0")), ONE_TIME), "c", wish(wanting(1))), "c")


def refusal(current: Inventory) -> str:
    with pytest.raises(Unsatisfied) as raised:
        claimed(current, "new", wish(wanting(1)))
    return raised.value.funnel.requests[0].dropped[0].reason


def test_a_disabled_device_is_never_chosen_and_the_reason_is_said() -> None:
    current = disabled(inventory(host(pci("01:00.0"))), "01:00.0")
    assert current.status(at("01:00.0")) is DeviceStatus.DISABLED
    assert refusal(current) == "disabled: smoke"
    assert violations(current) == ()


def test_a_disabled_pf_takes_its_vfs_out_of_service_and_a_disabled_vf_only_itself() -> None:
    there = inventory(host(*sriov("01:00.0", vfs=2)))
    assert [disabled(there, "01:00.0").status(at(f"01:00.{n}")) for n in range(3)] == [DeviceStatus.DISABLED] * 3
    statuses = [disabled(there, "01:00.1").status(at(f"01:00.{n}")) for n in range(3)]
    assert statuses == [DeviceStatus.FREE, DeviceStatus.DISABLED, DeviceStatus.FREE]


def test_a_disabled_host_hands_out_nothing_and_says_why() -> None:
    current = disabled(inventory(host(pci("01:00.0"))), None, "kernel update")
    assert current.free == 0
    assert refusal(current) == "the host is disabled: kernel update"


def test_what_is_claimed_stays_claimed_while_it_is_disabled() -> None:
    current = disabled(claimed(inventory(host(pci("01:00.0"))), "c", wish(wanting(1))), "01:00.0")
    assert current.status(at("01:00.0")) is DeviceStatus.CLAIMED
    assert freed(current, "c").status(at("01:00.0")) is DeviceStatus.DISABLED


@pytest.mark.parametrize("address", [None, "01:00.0"])
def test_enable_ends_what_disable_began(address: str | None) -> None:
    where = None if address is None else at(address)
    current = obey(disabled(inventory(host(pci("01:00.0"))), address), Enable(address=where, at=4.0))
    assert current.status(at("01:00.0")) is DeviceStatus.FREE


def test_enabling_the_host_leaves_single_devices_disabled() -> None:
    current = disabled(disabled(inventory(host(pci("01:00.0"))), "01:00.0"), None)
    assert obey(current, Enable(address=None, at=4.0)).status(at("01:00.0")) is DeviceStatus.DISABLED


def test_saying_it_again_is_no_event_and_another_reason_is() -> None:
    current = disabled(inventory(host(pci("01:00.0"))), "01:00.0")
    again = Disable(address=at("01:00.0"), reason="smoke", at=9.0)
    assert decide(current, again) == ()
    other = Disable(address=at("01:00.0"), reason="fire", at=9.0, by="bert")
    assert decide(current, other) == (Disabled(at("01:00.0"), "fire", 9.0, "bert"),)
    assert decide(inventory(host(pci("01:00.0"))), Enable(address=at("01:00.0"), at=1.0)) == ()
    assert decide(current, Enable(address=at("01:00.0"), at=1.0)) == (Enabled(at("01:00.0"), 1.0),)


def test_a_device_that_is_gone_is_enabled_all_the_same() -> None:
    current = inventory(host(), book=disabled(inventory(host(pci("01:00.0"))), "01:00.0").book)
    assert decide(current, Enable(address=at("01:00.0"), at=1.0)) == (Enabled(at("01:00.0"), 1.0),)


def test_an_address_that_is_nowhere_is_refused() -> None:
    where, nothing = at("09:00.0"), inventory(host(pci("01:00.0")))
    for command in (Disable(address=where, reason="x", at=1.0), Enable(address=where, at=1.0), Clean(address=where, at=1.0)):
        with pytest.raises(DeviceUnknown):
            decide(nothing, command)


def test_a_dirty_device_is_never_chosen_until_it_is_clean() -> None:
    current = dirty()
    assert current.status(at("01:00.0")) is DeviceStatus.DIRTY
    assert refusal(current) == "dirty since claim c ended"
    clean = obey(current, Clean(address=at("01:00.0"), at=5.0))
    assert clean.status(at("01:00.0")) is DeviceStatus.FREE
    assert violations(clean) == ()


def test_cleaning_what_is_clean_is_no_event() -> None:
    assert decide(inventory(host(pci("01:00.0"))), Clean(address=at("01:00.0"), at=5.0)) == ()


def test_a_dirty_device_that_is_gone_is_cleaned_all_the_same() -> None:
    current = inventory(host(), book=dirty().book)
    assert decide(current, Clean(address=at("01:00.0"), at=5.0)) == (Cleaned(at("01:00.0"), 5.0),)


def test_a_relative_of_a_dirty_device_is_blocked() -> None:
    there = inventory(host(*sriov("01:00.0", vfs=2)), ONE_TIME)
    named = claimed(there, "c", wish(wanting(1, there.catalogue.devices[1].device_type)))
    current = freed(named, "c")
    statuses = [current.status(at(f"01:00.{number}")) for number in range(3)]
    assert statuses == [DeviceStatus.BLOCKED, DeviceStatus.DIRTY, DeviceStatus.FREE]
