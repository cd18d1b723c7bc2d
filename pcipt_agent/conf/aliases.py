# SPDX-License-Identifier: Apache-2.0
"""`[pci] alias` into Alias values, with every mistake in it.

Each value is one JSON object. Entries that share a name are alternatives; then they must agree in what a request has only one of:
the device type and the NUMA policy.

Does not know: the host (`core.lint` asks it), the config file, the device_spec option.
Source: nova/pci/request.py of nova 34 (the schema); admin guide, `[pci] alias`, "PCI tracking in Placement".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.conf.entry import Entry, read_entries
from pcipt_agent.conf.json_text import Scalar
from pcipt_agent.conf.placement_keys import resource_class, traits
from pcipt_agent.conf.values import exact_id, flag, text, word
from pcipt_agent.core.alias import Alias, Alternative, NumaPolicy
from pcipt_agent.core.device import DeviceType
from pcipt_agent.errors import Mistake, Notice

OPTION = "[pci] alias"
EXAMPLE = '{"name": "a1", "vendor_id": "8086", "product_id": "154d", "device_type": "type-PF"}'
KEYS = (
    "name",
    "vendor_id",
    "product_id",
    "device_type",
    "numa_policy",
    "resource_class",
    "traits",
    "live_migratable",
    "capability_type",
)
MAX_NAME_LENGTH = 256
_TYPES = (DeviceType.PCI, DeviceType.PF, DeviceType.VF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """The aliases that could be read, by name, and what is wrong with all of them."""

    aliases: Mapping[str, Alias]
    mistakes: tuple[Mistake, ...]
    notices: tuple[Notice, ...]
    rewritten: tuple[str, ...]
    """Each of the option's values as it must be written, as far as that is known."""


@dataclass(frozen=True, slots=True)
class _One:
    """One entry, read."""

    name: str
    device_type: DeviceType | None
    numa_policy: NumaPolicy | None
    alternative: Alternative
    entry: Entry


def read_aliases(texts: Sequence[str], *, report_in_placement: bool, pci_in_placement: bool) -> Aliases:
    """The option's values, parsed whole. Never raises."""
    entries = read_entries(OPTION, texts, lists=False, example=EXAMPLE)
    by_name: dict[str, list[_One]] = {}
    for entry in entries.entries:
        one = _one(entry, pci_in_placement=pci_in_placement)
        if one.name:
            by_name.setdefault(one.name, []).append(one)
    for same in by_name.values():
        if len(same) > 1:
            _agree(same, in_placement=report_in_placement or pci_in_placement)
    sound = {name: same for name, same in by_name.items() if not any(one.entry.mistakes() for one in same)}
    return Aliases(
        aliases={name: _alias(name, same) for name, same in sound.items()},
        mistakes=entries.mistakes(),
        notices=entries.notices(),
        rewritten=entries.rewritten(),
    )


def _one(entry: Entry, *, pci_in_placement: bool) -> _One:
    entry.only(KEYS)
    vendor_id, product_id = exact_id(entry, "vendor_id"), exact_id(entry, "product_id")
    class_name = resource_class(entry)
    _identity(entry, pci_in_placement=pci_in_placement)
    if pci_in_placement and class_name is None and vendor_id is not None and product_id is not None:
        # Guide, "PCI tracking in Placement": an alias without a class asks for the class that its ids derive.
        class_name = f"CUSTOM_PCI_{vendor_id}_{product_id}".upper()
    alternative = Alternative(
        vendor_id=vendor_id,
        product_id=product_id,
        resource_class=class_name,
        traits=traits(entry),
        # nova differs: it takes texts only.
        live_migratable=flag(entry, "live_migratable"),
    )
    _capability_type(entry)
    return _One(_name(entry), _device_type(entry), word(entry, "numa_policy", tuple(NumaPolicy)), alternative, entry)


def _name(entry: Entry) -> str:
    remedy = 'a name that a flavor can ask for, such as "a1"'
    if "name" not in entry:
        entry.lacks("has no name", f'"name": {remedy}')
        return ""
    name, node = text(entry, "name", remedy), entry.get("name")
    if name is None or node is None:
        return ""
    plain = name.strip()
    if not plain:
        entry.wrong("name", "is empty", remedy)
    elif len(plain) > MAX_NAME_LENGTH:
        entry.wrong("name", f"has {len(plain)} characters, and {MAX_NAME_LENGTH} are the most", remedy)
    elif set(plain) & set(":,"):
        # nova differs: it takes the name, and no flavor can ask for it.
        right = plain.replace(":", "-").replace(",", "-")
        entry.repair("name", "has a colon or comma, which a flavor's pci_passthrough:alias can't say", Scalar(right, node.span))
    return plain


def _device_type(entry: Entry) -> DeviceType | None:
    node = entry.get("device_type")
    if isinstance(node, Scalar) and node.value == DeviceType.VDPA.value:
        entry.wrong("device_type", "vDPA devices are asked for by ports, never by an alias", f"one of: {', '.join(_TYPES)}")
        return None
    return word(entry, "device_type", _TYPES)


def _capability_type(entry: Entry) -> None:
    # nova differs: it keeps the value as something to match, and then no device does.
    value, node = text(entry, "capability_type", '"pci", or nothing: it has no meaning'), entry.get("capability_type")
    if value is not None and node is not None and value != "pci":
        entry.repair("capability_type", f'"{value}" is not "pci", the only one there is', Scalar("pci", node.span))


def _identity(entry: Entry, *, pci_in_placement: bool) -> None:
    """What an alias asks for at the least."""
    has = {key for key in ("vendor_id", "product_id", "resource_class") if key in entry}
    if "resource_class" in has and ("product_id" not in has or "vendor_id" in has):
        return
    if "product_id" in has and "vendor_id" not in has:
        entry.lacks("a product_id without a vendor_id; each vendor numbers its own", '"vendor_id" beside the product_id')
    elif not has:
        entry.lacks("asks for nothing", '"vendor_id" and "product_id", or "resource_class"')
    elif pci_in_placement and "product_id" not in has:
        problem = "a vendor_id alone, and with [filter_scheduler] pci_in_placement every alias asks for one resource class"
        entry.lacks(problem, '"product_id" or "resource_class" beside the vendor_id')


def _agree(same: Sequence[_One], *, in_placement: bool) -> None:
    """Notes what the entries of one name must not differ in."""
    first, *others = same
    for number, other in enumerate(others, start=1):
        entry = other.entry
        if in_placement:
            problem = f"alias {first.name} is entry {first.entry.number} already, and alternatives can't be asked of Placement"
            remedy = "one entry for each name while report_in_placement or pci_in_placement is on"
            entry.wrong("name", problem, remedy)
        ours, theirs = other.device_type or DeviceType.PCI, first.device_type or DeviceType.PCI
        if ours is not theirs:
            where, both = f"entry {first.entry.number} of the same name", f"device_type {theirs} there and {ours} here"
            entry.lacks(f"differs from {where}: {both} (type-PCI where it is left out)", "the same device_type, or another name")
        policy, before = other.numa_policy or NumaPolicy.LEGACY, first.numa_policy or NumaPolicy.LEGACY
        if policy is not before:
            where, both = f"entry {first.entry.number} of the same name", f"numa_policy {before} there and {policy} here"
            entry.lacks(f"differs from {where}: {both} (legacy where it is left out)", "the same numa_policy, or another name")
        twin = next((one for one in same[:number] if one.alternative == other.alternative), None)
        if twin is not None and not in_placement:
            entry.notice("name", f"says the same as entry {twin.entry.number}", "one of the two")


def _alias(name: str, same: Sequence[_One]) -> Alias:
    return Alias(
        name=name,
        # nova differs: without a device type it takes VFs as well, though its guide says type-PCI.
        device_type=same[0].device_type or DeviceType.PCI,
        numa_policy=next((one.numa_policy for one in same if one.numa_policy is not None), None),
        alternatives=tuple(one.alternative for one in same),
        type_omitted=all(one.device_type is None for one in same),
    )
