# SPDX-License-Identifier: Apache-2.0
"""What is wrong, or probably not meant, in rules that parse: entries against each other and against one host.

An entry that an earlier one covers never matches, whatever the host; one that matches nothing here is a slip or another host's.
Two things are refused: a PF and a VF of it both for Placement, which can't hold both, and a remote-managed entry that can only
mean PFs.

Does not know: the option's text beyond what an entry carries, claims.
Source: admin guide, "PCI tracking in Placement" and "Special Tags".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.alias_lint import alias_notices
from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.host import Host
from pcipt_agent.core.readiness_lint import readiness_notices
from pcipt_agent.core.spec import AddressGlob, AddressRegex, DeviceSpec, Tags, mismatch
from pcipt_agent.errors import Mistake, Notice

OPTION = "[pci] device_spec"


@dataclass(frozen=True, slots=True)
class EntryReport:
    """What one entry matches on a host: the devices that no earlier entry takes, in address order."""

    spec: DeviceSpec
    matched: tuple[PciAddress, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """All of it, in the entries' order."""

    mistakes: tuple[Mistake, ...] = ()
    notices: tuple[Notice, ...] = ()
    entries: tuple[EntryReport, ...] = ()


def lint(host: Host, rules: RuleSet) -> Findings:
    """What the rules mean on this host, and what of it can't be meant."""
    catalogue = catalogue_of(host, rules)
    matched: dict[int, list[PciAddress]] = {spec.entry: [] for spec in rules.specs}
    for device, spec in zip(catalogue.devices, catalogue.spec_of, strict=True):
        if spec is not None:
            matched[spec.entry].append(device.address)
    entries = tuple(EntryReport(spec, tuple(matched[spec.entry])) for spec in rules.specs)
    remote_managed = (spec for spec in rules.specs if spec.tags.remote_managed)
    refusable = [*(finding for spec in remote_managed for finding in _remote_managed(spec, host)), *_both_listed(catalogue)]
    return Findings(
        mistakes=tuple(each for each in refusable if isinstance(each, Mistake)),
        notices=(
            *_unreachable(rules.specs, matched, host),
            *(each for each in refusable if isinstance(each, Notice)),
            *readiness_notices(catalogue),
            *alias_notices(catalogue),
        ),
        entries=entries,
    )


def covers(earlier: DeviceSpec, later: DeviceSpec) -> bool:
    """Whether every device that `later` matches is matched by `earlier`, on any host."""
    return (
        earlier.vendor_id in (None, later.vendor_id)
        and earlier.product_id in (None, later.product_id)
        and _address_covers(earlier.address, later.address)
        and (later.tags.remote_managed or not earlier.tags.remote_managed)
    )


def _address_covers(earlier: AddressGlob | AddressRegex, later: AddressGlob | AddressRegex) -> bool:
    if earlier == later or _is_any(earlier):
        return True
    if later.exact is not None or not isinstance(earlier, AddressGlob) or not isinstance(later, AddressGlob):
        # One exact address may be a PF's and then means its VFs too, which may be on another bus.
        return False
    pairs = zip(_fields(earlier), _fields(later), strict=True)
    return all(ours in (None, theirs) for ours, theirs in pairs)


def _is_any(pattern: AddressGlob | AddressRegex) -> bool:
    match pattern:
        case AddressGlob():
            return pattern == AddressGlob()
        case AddressRegex(domain, bus, slot, function):
            return all(each.pattern in ("", ".*") for each in (domain, bus, slot, function))


def _fields(glob: AddressGlob) -> tuple[int | None, ...]:
    return glob.domain, glob.bus, glob.slot, glob.function


def _unreachable(specs: Sequence[DeviceSpec], matched: Mapping[int, Sequence[PciAddress]], host: Host) -> Iterable[Notice]:
    """The entries that take nothing: for an earlier one, or for want of devices; and those that take everything."""
    for index, spec in enumerate(specs):
        earlier = next((each for each in specs[:index] if covers(each, spec)), None)
        if earlier is not None:
            same = covers(spec, earlier) and spec.tags == earlier.tags
            says = "says the same as" if same else "can never match: all its devices are of"
            problem = f"{says} entry {earlier.entry}, and the first that matches decides"
            yield _notice(spec, problem, "it before that one, or not at all")
        elif not matched[spec.entry]:
            yield _matches_nothing(spec, specs[:index], host)
        elif spec.vendor_id is None and spec.product_id is None and _is_any(spec.address) and not spec.tags.remote_managed:
            problem = f"matches every device that no earlier entry does, {len(matched[spec.entry])} on this host"
            yield _notice(spec, problem, "a vendor_id and product_id, or an address, unless this is meant")


def _matches_nothing(spec: DeviceSpec, before: Sequence[DeviceSpec], host: Host) -> Notice:
    fitting = _fitting(spec, host)
    if fitting:
        takers = {_first(before, device, host) for device in fitting}
        numbers = ", ".join(str(entry) for entry in sorted(takers))
        problem = f"takes nothing on this host: {_named(fitting)} is of entry {numbers} already"
        return _notice(spec, problem, "it before that one, or not at all")
    if spec.tags.remote_managed and (without := _fitting(replace(spec, tags=Tags()), host)):
        vfs = [device for device in without if device.device_type is not DeviceType.PF]
        reasons = {device.serial_unknown for device in vfs if device.serial_unknown}
        because = f" ({'; '.join(sorted(reasons))})" if reasons else ""
        problem = f"matches nothing on this host: {_named(vfs or without)} has no VPD serial number{because}"
        return _notice(spec, problem, "an agent that may read the vpd file, or a device that is remote-managed")
    return _notice(spec, "matches nothing on this host", "what lspci -Dnn shows for the device, if it is to be here")


def _first(specs: Sequence[DeviceSpec], device: Device, host: Host) -> int:
    return next(each.entry for each in specs if mismatch(each, device, host.parent_of(device)) is None)


def _fitting(spec: DeviceSpec, host: Host) -> list[Device]:
    """The devices that the entry matches if no other did; those of one address are looked up."""
    exact = spec.address.exact if isinstance(spec.address, AddressGlob) else None
    if exact is None:
        candidates: Iterable[Device] = host.devices.values()
    else:
        candidates = [*([host.devices[exact]] if exact in host.devices else []), *host.vfs_of(exact)]
    return [
        device
        for device in candidates
        # Asked of every device for every entry that takes nothing, so the ids come first and without a call.
        if spec.vendor_id in (None, device.vendor_id)
        and spec.product_id in (None, device.product_id)
        and mismatch(spec, device, host.parent_of(device)) is None
    ]


def _both_listed(catalogue: Catalogue) -> Iterable[Mistake | Notice]:
    """A PF and VFs of it, once for each pair of entries that lists them.

    One entry that names the PF lists both as well. That is what it means, unless they are reported to Placement.
    """
    found: dict[tuple[int, int, bool], tuple[DeviceSpec, DeviceSpec, list[Device]]] = {}
    for pf, vfs in catalogue.kinship.members.items():
        ours = catalogue.spec_of[pf]
        for index in indexes(vfs) if ours is not None else ():
            theirs = catalogue.spec_of[index]
            if ours is None or theirs is None:
                continue
            reported = not ours.tags.physical_network and not theirs.tags.physical_network
            refused = catalogue.rules.report_in_placement and reported
            if ours is not theirs or refused:
                key = (ours.entry, theirs.entry, refused)
                found.setdefault(key, (ours, theirs, [catalogue.devices[pf]]))[2].append(catalogue.devices[index])
    for (_, _, refused), (ours, theirs, devices) in sorted(found.items(), key=lambda item: item[0]):
        yield _both((ours, theirs), devices, refused=refused)


def _both(specs: tuple[DeviceSpec, DeviceSpec], devices: Sequence[Device], *, refused: bool) -> Mistake | Notice:
    ours, theirs = specs
    pf, *vfs = devices
    where = "" if ours is theirs else f" of entry {ours.entry}"
    listed = f"lists {_named(vfs)}, VF of {pf.address}{where}"
    later = max(specs, key=lambda spec: spec.entry)
    if refused:
        ids = f'"product_id": "{pf.product_id}" for the PF alone, "product_id": "{vfs[0].product_id}" for its VFs alone'
        problem = f"{listed}, which is listed too: Placement can hold one or the other"
        return Mistake(OPTION, theirs.entry, None, problem, ids, theirs.source)
    problem = f"{listed}, which is listed too: while one is claimed, the other is blocked"
    return _notice(later, problem, "one of the two, unless this is meant")


def _remote_managed(spec: DeviceSpec, host: Host) -> Iterable[Mistake | Notice]:
    fitting = _fitting(replace(spec, tags=Tags()), host)
    pfs = [device for device in fitting if device.device_type is DeviceType.PF]
    if not pfs:
        return
    only_pfs = len(pfs) == len(fitting) and spec.product_id is not None
    if only_pfs and not any(pf.sriov is not None and pf.sriov.vf_product_id == spec.product_id for pf in pfs):
        problem = f"remote_managed is for VFs, and the entry can only mean a PF ({_named(pfs)})"
        vf_id = next((pf.sriov.vf_product_id for pf in pfs if pf.sriov is not None and pf.sriov.vf_product_id), None)
        remedy = "the product_id of its VFs" if vf_id is None else f'"product_id": "{vf_id}", which its VFs have'
        yield Mistake(OPTION, spec.entry, "remote_managed", problem, remedy, spec.source)
    else:
        problem = f"remote_managed is for VFs: {_named(pfs)} is a PF and is not assignable by this entry"
        yield _notice(spec, problem, "the product_id of the VFs beside it", key="remote_managed")


def _named(devices: Sequence[Device]) -> str:
    """The first address, and how many there are beside it."""
    first = str(devices[0].address)
    return first if len(devices) == 1 else f"{first} (and {len(devices) - 1} more)"


def _notice(spec: DeviceSpec, problem: str, remedy: str, *, key: str | None = None) -> Notice:
    return Notice(OPTION, spec.entry, key, problem, remedy, spec.source)
