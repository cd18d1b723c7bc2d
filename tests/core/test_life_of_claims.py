# SPDX-License-Identifier: Apache-2.0
"""A random life: claims come and go, the host and the rules change under them, and everything that must hold holds after each step.

The model is a dict: address → claim_id. It knows nothing of sets, catalogues or funnels; whatever it and the inventory disagree in
is a fault.
"""

from contextlib import suppress
from dataclasses import replace
from typing import assert_never

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Readiness, Request
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import (
    Allocated,
    ClaimBook,
    Claimed,
    ClaimState,
    Cleaned,
    Disabled,
    Enabled,
    Event,
    Expired,
    Freed,
    Wish,
    evolve,
)
from pcipt_agent.core.decide import Allocate, ClaimDevices, Command, Free, decide
from pcipt_agent.core.device import Device
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.host import Host
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus, Inventory, after, inventory_of
from pcipt_agent.core.readiness import Unready
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimUnknown, Refusal
from tests.support.brute import obstacles, possible, unready
from tests.support.planned import at, host
from tests.support.planned import wish as planned_wish
from tests.support.strategies import hosts, rule_sets, wishes

CLAIM_IDS = st.sampled_from(["a", "b", "c"])


class LifeOfClaims(RuleBasedStateMachine):
    current: Inventory
    whole: Host

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.model: dict[PciAddress, str] = {}
        self.wishes: dict[str, Wish] = {}
        self.allocated: set[str] = set()
        self.ended: set[str] = set()
        self.ids = 0

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.whole = data.draw(hosts(cards=3))
        self.current = inventory_of(catalogue_of(self.whole, data.draw(rule_sets())), ClaimBook(), "1.0")

    def _obey(self, command: Command) -> Refusal | None:
        try:
            events = decide(self.current, command)
        except Refusal as refusal:
            return refusal
        for event in events:
            self.current = after(self.current, event, f"1.{len(self.events)}")
            self.events.append(event)
        return None

    @rule(data=st.data())
    def claim_under_a_new_id(self, data: st.DataObject) -> None:
        self.ids += 1
        self._claim(f"new-{self.ids}", data.draw(wishes(self.whole)))

    @rule(claim_id=CLAIM_IDS, data=st.data())
    def claim(self, claim_id: str, data: st.DataObject) -> None:
        self._claim(claim_id, data.draw(wishes(self.whole)))

    @rule(data=st.data())
    def claim_one_device(self, data: st.DataObject) -> None:
        """By its address: relatives meet more often than by chance."""
        self.ids += 1
        address = data.draw(st.sampled_from(sorted(self.whole.devices) or [at("01:00.0")]))
        self._claim(f"new-{self.ids}", planned_wish(Request(count=1, address=address)))

    def _claim(self, claim_id: str, wish: Wish) -> None:
        before = self.current
        refusal = self._obey(ClaimDevices(claim_id=claim_id, wish=wish, at=1.0))
        if claim_id in self.ended:
            assert isinstance(refusal, ClaimEnded)
        elif claim_id in self.wishes:
            assert isinstance(refusal, ClaimDiffers) == (wish != self.wishes[claim_id])
        else:
            could = possible(before, wish)
            assert isinstance(refusal, Unsatisfied) != could
            if could:
                self._note(claim_id, wish)

    def _note(self, claim_id: str, wish: Wish) -> None:
        self.wishes[claim_id] = wish
        for held in self.current.book.claims[claim_id].held:
            assert held.address not in self.model, "promised twice"
            device = self.whole.devices[held.address]
            for other in self.model:
                there = self.current.catalogue.host.devices.get(other)
                assert device.parent != other, "a VF beside its held PF"
                assert there is None or there.parent != held.address, "a PF beside its held VF"
                if there is not None and there.iommu_group is not None and there.iommu_group == device.iommu_group:
                    holder = self.wishes[self.model[other]].consumer
                    assert there.is_bridge or holder == wish.consumer, "two consumers in one IOMMU group"
            self.model[held.address] = claim_id
        self._may_be_given(claim_id)

    def _may_be_given(self, claim_id: str) -> None:
        catalogue = self.current.catalogue
        own = {held.address for claim in self.current.book.claims_of(self.wishes[claim_id].consumer) for held in claim.held}
        for held in self.current.book.claims[claim_id].held:
            index = catalogue.index_of[held.address]
            assert not catalogue.not_ready(index), "given for all that is against it"
            beside = catalogue.set_at(own)
            if catalogue.rules.readiness is Readiness.ENFORCE:
                assert {each.address for each in obstacles(self.current, catalogue.devices[index])} <= own, "in bad company"
                assert all(why.reason is Unready.DRIVER for why in catalogue.warnings(index, beside=beside))

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def claim_again(self, data: st.DataObject) -> None:
        claim_id = data.draw(st.sampled_from(sorted(self.wishes)))
        before = self.current
        assert self._obey(ClaimDevices(claim_id=claim_id, wish=self.wishes[claim_id], at=2.0)) is None
        assert self.current is before

    @rule(claim_id=CLAIM_IDS, data=st.data())
    def dry_run(self, claim_id: str, data: st.DataObject) -> None:
        before = self.current
        wish = data.draw(wishes(self.whole))
        with suppress(Refusal):
            decide(self.current, ClaimDevices(claim_id=claim_id, wish=wish, at=1.0))
        assert self.current is before

    @rule(claim_id=CLAIM_IDS)
    def allocate(self, claim_id: str) -> None:
        refusal = self._obey(Allocate(claim_id=claim_id, at=2.0))
        if claim_id in self.wishes:
            assert refusal is None
            self.allocated.add(claim_id)
        else:
            assert isinstance(refusal, ClaimEnded if claim_id in self.ended else ClaimUnknown)

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def free_one_held(self, data: st.DataObject) -> None:
        self._free(data.draw(st.sampled_from(sorted(self.wishes))))

    @rule(claim_id=CLAIM_IDS)
    def free(self, claim_id: str) -> None:
        self._free(claim_id)

    def _free(self, claim_id: str) -> None:
        assert self._obey(Free(claim_id=claim_id, at=3.0)) is None
        self.model = {address: holder for address, holder in self.model.items() if holder != claim_id}
        self.wishes.pop(claim_id, None)
        self.allocated.discard(claim_id)
        self.ended.add(claim_id)

    @precondition(lambda self: len(self.ended) > 2)
    @rule()
    def forget(self) -> None:
        """What pruning does in earnest, for the ids to be used again."""
        book = replace(self.current.book, ended=ClaimBook().ended)
        self.events = [*self._record(book)]
        self.current = inventory_of(self.current.catalogue, book, "2.0")
        self.ended.clear()

    def _record(self, book: ClaimBook) -> list[Event]:
        ids = set(book.claims)
        return [event for event in self.events if _claim_id(event) in ids and _claim_id(event) not in self.ended]

    @rule(data=st.data())
    def host_changes(self, data: st.DataObject) -> None:
        """Any part of it may be gone; VFs of a PF that is gone are gone with it."""
        self._lose(data.draw(st.sets(st.sampled_from(sorted(self.whole.devices)), max_size=2)) if self.whole.devices else set())

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def a_held_device_vanishes(self, data: st.DataObject) -> None:
        self._lose({data.draw(st.sampled_from(sorted(self.model)))})

    def _lose(self, gone: set[PciAddress]) -> None:
        there = [device for device in self.whole.devices.values() if not {device.address, device.parent} & gone]
        self._see(there)

    @rule()
    def host_is_whole_again(self) -> None:
        self._see(list(self.whole.devices.values()))

    def _see(self, devices: list[Device]) -> None:
        seen = host(*devices, sockets=tuple(node.socket for node in self.whole.numa_nodes.values()))
        catalogue = catalogue_of(seen, self.current.catalogue.rules)
        self.current = inventory_of(catalogue, self.current.book, self.current.generation)

    @rule(data=st.data())
    def rules_change(self, data: st.DataObject) -> None:
        catalogue = catalogue_of(self.current.catalogue.host, data.draw(rule_sets()))
        self.current = inventory_of(catalogue, self.current.book, self.current.generation)

    @rule()
    def restart(self) -> None:
        """The book is what the events say, and nothing else survives."""
        book = ClaimBook()
        for event in self.events:
            book = evolve(book, event)
        assert book == self.current.book
        self.current = inventory_of(self.current.catalogue, book, "9.0")

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "current"):
            assert violations(self.current) == ()

    @invariant()
    def the_model_agrees(self) -> None:
        if not hasattr(self, "current"):
            return
        book = self.current.book
        assert dict(book.holders.items()) == self.model
        assert set(book.claims) == set(self.wishes)
        assert set(book.ended) == self.ended
        states = {claim_id: claim.state for claim_id, claim in book.claims.items()}
        assert {each for each, state in states.items() if state is ClaimState.ALLOCATED} == self.allocated
        for address in self.whole.devices:
            assert self.current.status(address) is self._status(address)

    def _status(self, address: PciAddress) -> DeviceStatus | None:
        catalogue = self.current.catalogue
        there = catalogue.host.devices.get(address)
        if address in self.model:
            if there is None:
                return DeviceStatus.LOST
            if catalogue.spec_of[catalogue.index_of[address]] is None:
                return DeviceStatus.UNLISTED
            return DeviceStatus.ALLOCATED if self.model[address] in self.allocated else DeviceStatus.CLAIMED
        if there is None:
            return None
        if catalogue.spec_of[catalogue.index_of[address]] is None and not there.faults:
            return DeviceStatus.NOT_ASSIGNABLE
        against = unready(self.current, there)
        if against is not None:
            return {"used": DeviceStatus.USED_BY_HOST, "settling": DeviceStatus.SETTLING}.get(against, DeviceStatus.UNUSABLE)
        lonely = any(self._is_kept(mate) for mate in obstacles(self.current, there))
        return DeviceStatus.BLOCKED if lonely or self._is_kept(there, itself=False) else DeviceStatus.FREE

    def _is_kept(self, device: Device, *, itself: bool = True) -> bool:
        """Whether it, a relative of it or a member of its IOMMU group is held."""
        present = self.current.catalogue.host.devices
        if itself and device.address in self.model:
            return True
        if device.parent in self.model and device.parent in present:
            return True
        if any(self.whole.devices[held].parent == device.address for held in self.model):
            return True
        group = device.iommu_group
        mates = [each for each in present.values() if group is not None and each.iommu_group == group and each != device]
        return any(mate.address in self.model and not mate.is_bridge for mate in mates)


def _claim_id(event: Event) -> str | None:
    match event:
        case Claimed(claim):
            return claim.claim_id
        case Allocated() | Freed() | Expired():
            return event.claim_id
        case Cleaned() | Disabled() | Enabled():
            return None
        case _:
            assert_never(event)


LifeOfClaims.TestCase.settings = settings(max_examples=70, stateful_step_count=30, deadline=None)
TestLifeOfClaims = LifeOfClaims.TestCase
