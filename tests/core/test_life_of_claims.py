# SPDX-License-Identifier: Apache-2.0
"""A random life: claims come and go, the host, its guests, its operators and the rules change under them, and everything that must
hold holds after each step.

The model (`tests.support.model`) is dicts: it knows nothing of sets, catalogues or funnels; whatever it and the inventory disagree
in is a fault.
"""

from contextlib import suppress
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.adoption import Adopt, adoptable
from pcipt_agent.core.alias import Request
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.catalogue_step import catalogue_after
from pcipt_agent.core.claim import ClaimBook, ClaimState, Event, Wish, evolve
from pcipt_agent.core.decide import Allocate, ClaimDevices, Command, Expire, Free, decide
from pcipt_agent.core.device import Device, HostUse, HostUseKind
from pcipt_agent.core.expiry import kept_by_libvirt, overdue
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.host import Host, replaced
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import Inventory, after, inventory_of
from pcipt_agent.core.upkeep import Clean, Disable, Enable
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimIsAllocated, ClaimUnknown, DeviceUnknown, Refusal
from tests.support.brute import possible
from tests.support.model import Model, against_giving, domain_with
from tests.support.planned import at, host
from tests.support.planned import wish as planned_wish
from tests.support.strategies import hosts, rule_sets, wishes

CLAIM_IDS = st.sampled_from(["a", "b", "c"])
TIMEOUT_SECONDS = 10.0
USES = (HostUse(HostUseKind.ADDRESS, "eth0 has 192.0.2.7"),)


class LifeOfClaims(RuleBasedStateMachine):
    current: Inventory
    whole: Host

    def __init__(self) -> None:
        super().__init__()
        self.base = ClaimBook()
        self.events: list[Event] = []
        self.model = Model()
        self.altered: dict[PciAddress, Device] = {}
        self.gone: set[PciAddress] = set()
        self.now = 1.0
        self.ids = 0

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.whole = data.draw(hosts(cards=3))
        self.current = inventory_of(catalogue_of(self.whole, data.draw(rule_sets())), ClaimBook(), "1.0")

    def _obey(self, command: Command) -> Refusal | None:
        self.now += 1
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
        self._claim(self._new_id(), data.draw(wishes(self.whole)))

    @rule(claim_id=CLAIM_IDS, data=st.data())
    def claim(self, claim_id: str, data: st.DataObject) -> None:
        self._claim(claim_id, data.draw(wishes(self.whole)))

    @rule(data=st.data())
    def claim_one_device(self, data: st.DataObject) -> None:
        """By its address: relatives meet more often than by chance."""
        self._claim(self._new_id(), planned_wish(Request(count=1, address=self._some_device(data))))

    def _new_id(self) -> str:
        self.ids += 1
        return f"new-{self.ids}"

    def _some_device(self, data: st.DataObject) -> PciAddress:
        return data.draw(st.sampled_from(sorted(self.whole.devices) or [at("01:00.0")]))

    def _claim(self, claim_id: str, wish: Wish) -> None:
        before, now = self.current, self.now
        refusal = self._obey(ClaimDevices(claim_id=claim_id, wish=wish, at=now))
        if claim_id in self.model.ended:
            assert isinstance(refusal, ClaimEnded)
        elif claim_id in self.model.wishes:
            assert isinstance(refusal, ClaimDiffers) == (wish != self.model.wishes[claim_id])
        else:
            could = possible(before, wish)
            assert isinstance(refusal, Unsatisfied) != could
            if could:
                self._note(claim_id, wish, now)

    def _note(self, claim_id: str, wish: Wish, now: float) -> None:
        held = [each.address for each in self.current.book.claims[claim_id].held]
        assert list(against_giving(self.model, self.current, wish, held)) == []
        self.model.claim(claim_id, wish, held, self.current, at=now)

    @precondition(lambda self: self.model.wishes)
    @rule(data=st.data())
    def claim_again(self, data: st.DataObject) -> None:
        claim_id = data.draw(st.sampled_from(sorted(self.model.wishes)))
        before = self.current
        assert self._obey(ClaimDevices(claim_id=claim_id, wish=self.model.wishes[claim_id], at=self.now)) is None
        assert self.current is before

    @rule(claim_id=CLAIM_IDS, data=st.data())
    def dry_run(self, claim_id: str, data: st.DataObject) -> None:
        before = self.current
        wish = data.draw(wishes(self.whole))
        with suppress(Refusal):
            decide(self.current, ClaimDevices(claim_id=claim_id, wish=wish, at=self.now))
        assert self.current is before

    @rule(claim_id=CLAIM_IDS)
    def allocate(self, claim_id: str) -> None:
        refusal = self._obey(Allocate(claim_id=claim_id, at=self.now))
        if claim_id in self.model.wishes:
            assert refusal is None
            self.model.allocated.add(claim_id)
        else:
            assert isinstance(refusal, ClaimEnded if claim_id in self.model.ended else ClaimUnknown)

    @precondition(lambda self: self.model.wishes)
    @rule(data=st.data(), unused=st.booleans())
    def free_one_held(self, data: st.DataObject, unused: bool) -> None:
        self._free(data.draw(st.sampled_from(sorted(self.model.wishes))), unused)

    @rule(claim_id=CLAIM_IDS)
    def free(self, claim_id: str) -> None:
        self._free(claim_id, unused=False)

    def _free(self, claim_id: str, unused: bool) -> None:
        before = self.current
        assert self._obey(Free(claim_id=claim_id, at=self.now, unused=unused)) is None
        if claim_id in self.model.wishes:
            self.model.end(claim_id, before, unused=unused)
        self.model.ended.add(claim_id)

    @rule(claim_id=CLAIM_IDS)
    def expire(self, claim_id: str) -> None:
        before = self.current
        refusal = self._obey(Expire(claim_id=claim_id, at=self.now))
        if claim_id in self.model.allocated:
            assert isinstance(refusal, ClaimIsAllocated)
        elif claim_id in self.model.wishes:
            assert refusal is None
            self.model.end(claim_id, before)
        else:
            assert isinstance(refusal, ClaimUnknown) != (claim_id in self.model.ended)

    @rule()
    def what_is_overdue_expires_unless_a_domain_has_it(self) -> None:
        self.now += TIMEOUT_SECONDS / 2
        model = self.model
        late = {each for each, when in model.claimed_at.items() if self.now - when >= TIMEOUT_SECONDS} - model.allocated
        assert {claim.claim_id for claim in overdue(self.current, self.now, TIMEOUT_SECONDS)} == late
        for claim_id in late:
            before = self.current
            had = any(model.libvirt.having(address) for address in model.of(claim_id))
            stays = kept_by_libvirt(self.current, self.current.book.claims[claim_id])
            assert (stays is not None) == (model.libvirt.watched_since is None or had)
            if stays is None:
                assert self._obey(Expire(claim_id=claim_id, at=self.now)) is None
                model.end(claim_id, before)

    @rule(data=st.data(), running=st.booleans(), number=st.integers(1, 3))
    def a_domain_names_devices(self, data: st.DataObject, running: bool, number: int) -> None:
        """Any functions, bridges and a PF with its VFs too."""
        some = data.draw(st.sets(st.sampled_from(sorted(self.whole.devices)), max_size=3)) if self.whole.devices else set()
        self.model.libvirt.name(domain_with(f"guest-{number}", f"consumer-{number}", sorted(some), running=running))

    @precondition(lambda self: self.model.libvirt.domains)
    @rule(data=st.data())
    def a_domain_is_gone(self, data: st.DataObject) -> None:
        del self.model.libvirt.domains[data.draw(st.sampled_from(sorted(self.model.libvirt.domains)))]

    @rule(reachable=st.sampled_from([True, True, True, False]))
    def libvirt_is_looked_at(self, reachable: bool) -> None:
        self.now += 1
        hypervisor = self.model.libvirt.look(self.now, reachable=reachable)
        self.current = inventory_of(self.current.catalogue, self.current.book, self.current.generation, hypervisor)

    @rule()
    def adopt(self) -> None:
        """What domains have and nobody holds is theirs afterwards, as far as nobody holds a relative of it."""
        found, left = adoptable(self.current, self.model.libvirt.seen)
        for each in found:
            claim_id, now = self._new_id(), self.now
            command = Adopt(claim_id=claim_id, consumer=each.domain.uuid, domain=each.domain.name, devices=each.devices, at=now)
            assert self._obey(command) is None
            held = {kept.address for kept in each.devices}
            assert all(each.domain in self.model.libvirt.having(address) for address in held)
            self.model.claim(claim_id, self.current.book.claims[claim_id].wish, held, self.current, at=now)
            self.model.allocated.add(claim_id)
        explained = {(each.domain.name, each.address) for each in left}
        for domain in self.model.libvirt.seen:
            for address in (each.address for each in domain.devices if each.address is not None):
                holder = self.model.holders.get(address)
                own = holder is not None and self.model.wishes[holder].consumer == domain.uuid
                assert own != ((domain.name, address) in explained)

    @rule(data=st.data(), reason=st.sampled_from(["fan", "link"]), whole=st.sampled_from([False, False, False, True]))
    def disable(self, data: st.DataObject, reason: str, whole: bool) -> None:
        place = None if whole else self._some_device(data)
        known = place in self.model.disabled or place is None or self.current.status(place) is not None
        refusal = self._obey(Disable(address=place, reason=reason, at=self.now))
        assert isinstance(refusal, DeviceUnknown) != known
        if known:
            self.model.disabled.add(place)

    @precondition(lambda self: self.model.disabled)
    @rule(data=st.data())
    def enable(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self.model.disabled, key=str)))
        assert self._obey(Enable(address=place, at=self.now)) is None
        self.model.disabled.discard(place)

    @precondition(lambda self: self.model.dirty)
    @rule(data=st.data())
    def clean(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(sorted(self.model.dirty)))
        assert self._obey(Clean(address=address, at=self.now)) is None
        self.model.dirty.discard(address)

    @precondition(lambda self: len(self.model.ended) > 2)
    @rule()
    def forget(self) -> None:
        """What pruning does in earnest, for the ids to be used again."""
        book = replace(self.current.book, ended=ClaimBook().ended)
        self.base, self.events = book, []
        self.current = inventory_of(self.current.catalogue, book, "2.0", self.current.hypervisor)
        self.model.ended.clear()

    @rule(data=st.data())
    def host_changes(self, data: st.DataObject) -> None:
        """Any part of it may be gone; VFs of a PF that is gone are gone with it, and without some of its VFs a PF is settling."""
        self.gone = data.draw(st.sets(st.sampled_from(sorted(self.whole.devices)), max_size=2)) if self.whole.devices else set()
        self._see()

    @precondition(lambda self: self.model.holders)
    @rule(data=st.data())
    def a_held_device_vanishes(self, data: st.DataObject) -> None:
        self.gone = {data.draw(st.sampled_from(sorted(self.model.holders)))}
        self._see()

    @precondition(lambda self: any(device.sriov for device in self.whole.devices.values()))
    @rule(data=st.data())
    def a_pf_has_settled_with_fewer_vfs(self, data: st.DataObject) -> None:
        pf = data.draw(st.sampled_from([device for device in self.whole.devices.values() if device.sriov is not None]))
        vfs = [vf.address for vf in self.whole.vfs_of(pf.address)]
        self.gone = set(vfs[data.draw(st.integers(0, len(vfs))) :])
        assert pf.sriov is not None
        self.altered[pf.address] = replace(pf, sriov=replace(pf.sriov, num_vfs=len(vfs) - len(self.gone)))
        self._see()

    @precondition(lambda self: self.whole.devices)
    @rule(data=st.data(), uses=st.sampled_from([(), USES]), driver=st.sampled_from([None, "ixgbe", "vfio-pci"]))
    def a_device_is_used_or_bound(self, data: st.DataObject, uses: tuple[HostUse, ...], driver: str | None) -> None:
        address = self._some_device(data)
        device = self.altered.get(address, self.whole.devices[address])
        self.altered[address] = replace(device, host_uses=uses, driver=driver, vfio_driver=driver == "vfio-pci")
        self._see()

    @rule()
    def host_is_whole_again(self) -> None:
        self.altered, self.gone = {}, set()
        self._see()

    def _see(self) -> None:
        """As the ledger does it: what is unchanged is the same object, and only what has changed is looked at."""
        gone = self.gone
        there = [
            self.altered.get(each.address, each) for each in self.whole.devices.values() if not {each.address, each.parent} & gone
        ]
        before = self.current
        seen = host(*there, sockets=tuple(node.socket for node in self.whole.numa_nodes.values()))
        catalogue = catalogue_after(before.catalogue, seen, replaced(before.catalogue.host, seen))
        self.current = inventory_of(catalogue, before.book, before.generation, before.hypervisor)

    @rule(data=st.data())
    def rules_change(self, data: st.DataObject) -> None:
        catalogue = catalogue_of(self.current.catalogue.host, data.draw(rule_sets()))
        self.current = inventory_of(catalogue, self.current.book, self.current.generation, self.current.hypervisor)

    @rule()
    def restart(self) -> None:
        """The book is what the events say, and nothing else survives."""
        book = self.base
        for event in self.events:
            book = evolve(book, event)
        assert book == self.current.book
        self.model.libvirt.restart()
        self.current = inventory_of(self.current.catalogue, book, "9.0")

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "current"):
            assert violations(self.current) == ()

    @invariant()
    def the_model_agrees(self) -> None:
        if not hasattr(self, "current"):
            return
        book, model = self.current.book, self.model
        assert dict(book.holders.items()) == model.holders
        assert set(book.claims) == set(model.wishes)
        assert set(book.ended) == model.ended
        assert set(book.dirty) == model.dirty
        assert {*book.disabled, *([None] if book.host_disabled else [])} == model.disabled
        assert {each for each, claim in book.claims.items() if claim.state is ClaimState.ALLOCATED} == model.allocated
        for address in self.whole.devices:
            assert self.current.status(address) is model.status(address, self.current), address


LifeOfClaims.TestCase.settings = settings(max_examples=70, stateful_step_count=40, deadline=None)
TestLifeOfClaims = LifeOfClaims.TestCase
