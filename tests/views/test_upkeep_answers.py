# SPDX-License-Identifier: Apache-2.0
"""What became of disable, enable and clean."""

from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import Tags
from pcipt_agent.core.upkeep import Clean, Disable, Enable
from pcipt_agent.views.upkeep_answers import clean_reply, disable_reply, enable_reply
from tests.support.planned import at, claimed, entry, freed, host, inventory, obey, pci, rules, sriov, wanting, wish

PLAIN = inventory(host(pci("3a:00.0"), *sriov("3b:00.0", vfs=2)))
HELD = claimed(claimed(PLAIN, "c1", wish(wanting(1, DeviceType.VF))), "c2", wish(wanting(1)))


def disabled(current: Inventory, address: str | None, reason: str = "loud") -> Inventory:
    return obey(current, Disable(address=None if address is None else at(address), reason=reason, at=3.0, by="uid 0"))


def test_disabling_says_what_of_it_is_held_and_stays_so() -> None:
    pf = disable_reply(HELD, disabled(HELD, "3b:00.0"), at("3b:00.0"))
    assert (pf.changed, pf.disabled.address, pf.disabled.reason, pf.disabled.by) == (True, "0000:3b:00.0", "loud", "uid 0")
    assert [(each.address, each.claim_id, each.consumer) for each in pf.still_held] == [("0000:3b:00.1", "c1", wish().consumer)]
    everything = disable_reply(HELD, disabled(HELD, None), None)
    assert everything.disabled.address is None
    assert [each.address for each in everything.still_held] == ["0000:3a:00.0", "0000:3b:00.1"]


def test_disabling_again_for_the_same_reason_changes_nothing() -> None:
    once = disabled(HELD, "3b:00.0")
    again = disable_reply(once, disabled(once, "3b:00.0"), at("3b:00.0"))
    assert (again.changed, again.disabled.since) == (False, 3.0)


def test_enabling_says_what_keeps_it_disabled_all_the_same() -> None:
    current = disabled(disabled(disabled(PLAIN, "3b:00.1"), "3b:00.0", "hot"), None, "upgrade")
    after = obey(current, Enable(address=at("3b:00.1"), at=4.0))
    vf = enable_reply(current, after, at("3b:00.1"))
    assert (vf.changed, vf.address) == (True, "0000:3b:00.1")
    assert [each.reason for each in vf.still_disabled] == ["hot", "upgrade"]
    whole = enable_reply(after, obey(after, Enable(address=None, at=5.0)), None)
    assert (whole.address, [each.address for each in whole.still_disabled]) == (None, ["0000:3b:00.0"])
    assert enable_reply(PLAIN, PLAIN, at("3a:00.0")).changed is False


def test_cleaning_says_what_the_device_is_then() -> None:
    once = inventory(host(*sriov("3b:00.0", vfs=2)), rules(entry(1, tags=Tags(one_time_use=True))))
    dirty = freed(claimed(once, "c1", wish(wanting(2, DeviceType.VF))), "c1")
    first = obey(dirty, Clean(address=at("3b:00.1"), at=4.0))
    reply = clean_reply(dirty, first, at("3b:00.1"))
    assert (reply.changed, reply.address, reply.status, reply.status_reason) == (True, "0000:3b:00.1", DeviceStatus.FREE, None)
    pf = clean_reply(first, first, at("3b:00.0"))
    assert (pf.changed, pf.status, pf.status_reason) == (False, DeviceStatus.BLOCKED, "its relative 0000:3b:00.2 is dirty")


def test_a_dirty_device_that_is_gone_can_be_cleaned_and_has_no_status() -> None:
    once = inventory(host(pci("3b:00.0")), rules(entry(1, tags=Tags(one_time_use=True))))
    dirty = freed(claimed(once, "c1", wish(wanting(1))), "c1")
    gone = inventory(host(), dirty.catalogue.rules, dirty.book)
    reply = clean_reply(gone, obey(gone, Clean(address=at("3b:00.0"), at=4.0)), at("3b:00.0"))
    assert (reply.changed, reply.status) == (True, None)
