# SPDX-License-Identifier: Apache-2.0
"""What other rules change on the same host."""

from pcipt_agent.core.alias import Alias, Alternative, RuleSet
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.rules_difference import Altered, KeptInUse, Moved, RulesDifference, rules_difference
from pcipt_agent.core.spec import Tags
from tests.support.planned import at, claimed, entry, host, inventory, pci, rules, wanting, wish

HOST = host(pci("01:00.0"), pci("02:00.0"))
CONSUMER = wish().consumer


def difference(before: RuleSet, after: RuleSet, *, held: int = 0) -> RulesDifference:
    """`held`: how many plain functions a claim has, lowest first."""
    first = inventory(HOST, before)
    if held:
        first = claimed(first, "c", wish(wanting(held)))
    second: Inventory = inventory(HOST, after, first.book)
    return rules_difference(first, second)


def alias(name: str, product: str) -> Alias:
    return Alias(name=name, device_type=DeviceType.PCI, numa_policy=None, alternatives=(Alternative(product_id=product),))


def test_the_same_rules_differ_in_nothing() -> None:
    assert difference(rules(), rules(), held=1) == RulesDifference()


def test_devices_arrive_and_leave_with_the_entry_that_lists_them() -> None:
    one, two = entry(1, address="01:00.0"), entry(1, address="02:00.0")
    found = difference(rules(one), rules(two))
    assert found == RulesDifference(arriving=(Moved(at("02:00.0"), two.source),), leaving=(Moved(at("01:00.0"), one.source),))


def test_a_held_device_does_not_leave_it_is_kept() -> None:
    one = entry(1, address="01:00.0")
    found = difference(rules(one), rules(entry(1, address="02:00.0")), held=1)
    assert found.leaving == ()
    assert found.kept == (KeptInUse(at("01:00.0"), one.source, "c", CONSUMER),)


def test_another_entry_with_the_same_tags_is_no_change() -> None:
    assert difference(rules(entry(1)), rules(entry(1, product="ffff"), entry(2))) == RulesDifference()


def test_other_tags_are_and_wait_for_the_consumer_that_has_the_device() -> None:
    found = difference(rules(entry(1)), rules(entry(2, tags=Tags(managed=False))), held=1)
    texts = entry(1).source, entry(2).source
    assert found.altered == (Altered(at("01:00.0"), *texts, CONSUMER), Altered(at("02:00.0"), *texts, None))


def test_aliases_are_new_gone_or_changed_by_name() -> None:
    before = rules(aliases=[alias("a", "1"), alias("b", "1"), alias("c", "1")])
    after = rules(aliases=[alias("b", "1"), alias("c", "2"), alias("d", "1")])
    found = difference(before, after)
    assert (found.aliases_new, found.aliases_gone, found.aliases_changed) == (("d",), ("a",), ("c",))
