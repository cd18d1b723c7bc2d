# SPDX-License-Identifier: Apache-2.0
"""`[pci] device_spec` into DeviceSpec values, with every mistake in it.

Each value is one JSON object or a list of them; the objects are numbered through. A key that nobody knows is a mistake: nova
takes it for a tag, and a slip such as {"adress": …} then matches every device.

Does not know: the host (`core.lint` asks it), the config file, the alias option.
Source: nova/pci/devspec.py of nova 34; admin guide, `[pci] device_spec` and "Special Tags"; VFIO variant driver specification.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pcipt_agent.conf.address_patterns import address
from pcipt_agent.conf.entry import Entry, kind_of, read_entries
from pcipt_agent.conf.json_text import Member, Scalar
from pcipt_agent.conf.placement_keys import resource_class, traits
from pcipt_agent.conf.values import flag, pattern_id, text
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.spec import DeviceSpec, Tags
from pcipt_agent.errors import Mistake, Notice

OPTION = "[pci] device_spec"
EXAMPLE = '{"vendor_id": "8086", "product_id": "154d"}'
KEYS = (
    "vendor_id",
    "product_id",
    "address",
    "devname",
    "physical_network",
    "remote_managed",
    "trusted",
    "managed",
    "live_migratable",
    "one_time_use",
    "resource_class",
    "traits",
)

NetdevAddress = Callable[[str], PciAddress | None]
"""The address of the function behind a netdev's name, as the host is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """The entries that could be read, and what is wrong with all of them."""

    specs: tuple[DeviceSpec, ...]
    mistakes: tuple[Mistake, ...]
    notices: tuple[Notice, ...]
    rewritten: tuple[str, ...]
    """Each of the option's values as it must be written, as far as that is known."""


def read_specs(texts: Sequence[str], netdev_address: NetdevAddress) -> Specs:
    """The option's values, parsed whole. Never raises."""
    entries = read_entries(OPTION, texts, lists=True, example=EXAMPLE)
    specs = [(_spec(entry, netdev_address), entry) for entry in entries.entries]
    return Specs(
        specs=tuple(spec for spec, entry in specs if not entry.mistakes()),
        mistakes=entries.mistakes(),
        notices=entries.notices(),
        rewritten=entries.rewritten(),
    )


def _spec(entry: Entry, netdev_address: NetdevAddress) -> DeviceSpec:
    entry.only(KEYS)
    if "devname" in entry:
        _refuse_devname(entry, netdev_address)
    return DeviceSpec(
        entry=entry.number,
        source=entry.source,
        vendor_id=pattern_id(entry, "vendor_id"),
        product_id=pattern_id(entry, "product_id"),
        address=address(entry),
        tags=Tags(
            physical_network=_physical_network(entry),
            remote_managed=flag(entry, "remote_managed") or False,
            trusted=flag(entry, "trusted"),
            managed=flag(entry, "managed") is not False,
            live_migratable=flag(entry, "live_migratable"),
            one_time_use=_one_time_use(entry),
            resource_class=resource_class(entry),
            traits=traits(entry),
        ),
    )


def _refuse_devname(entry: Entry, netdev_address: NetdevAddress) -> None:
    """A netdev's name may be another device's after a reboot, so it names no device."""
    # nova differs: it takes devname as long as report_in_placement is off, though its guide says that it is refused.
    name = entry.get("devname")
    problem = "a network interface's name may be another device's after a reboot"
    if "address" in entry:
        entry.rename("devname", f"{problem}, and the address is given beside it", None)
        return
    value = name.value.strip() if isinstance(name, Scalar) and isinstance(name.value, str) else ""
    found = netdev_address(value) if value else None
    if name is None or found is None:
        remedy = f'its PCI address, such as "address": "0000:3b:00.0"; no interface "{value}" with one is here now'
        entry.wrong("devname", problem, remedy)
        return
    right = Member("address", name.span, Scalar(str(found), name.span))
    entry.rename("devname", f"{problem}; {value} is {found} now", right)


def _one_time_use(entry: Entry) -> bool:
    # nova differs: there it needs report_in_placement and is refused on a VF.
    return flag(entry, "one_time_use") or False


def _physical_network(entry: Entry) -> str | None:
    """The network's name; None for null (a virtual network) and where the key is absent or a mistake (then noted)."""
    node = entry.get("physical_network")
    match node:
        case None | Scalar(value=None):
            return None
        case Scalar(value=str() as name) if not name.strip():
            # nova differs: the empty name is neither a network nor null there, so no port ever gets the device.
            entry.repair("physical_network", "is empty; null stands for a virtual network", Scalar(None, node.span))
            return None
        case Scalar(value=bool()):
            entry.wrong("physical_network", f"{kind_of(node)} instead of a network's name", 'such as "physnet1", or null')
            return None
    return text(entry, "physical_network", 'a network\'s name, such as "physnet1", or null for a virtual network')
