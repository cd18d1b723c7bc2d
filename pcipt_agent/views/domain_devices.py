# SPDX-License-Identifier: Apache-2.0
"""A domain's XML, as libvirt wrote it, into the host devices that it names.

Wherever a host device can stand in it: `<hostdev>` of type pci, an interface of type hostdev (also one that a network of hostdevs
gave it), an interface or a disk over a vDPA node, an NVMe disk, also one in a chain of backing files. What can't be understood is
a problem that is told, and the rest of the document still counts: a device that is not seen would be handed out twice.

Does not know: libvirt's daemon, which of a domain's documents this is, vDPA devices' addresses.
Source: libvirt formatdomain, "Host device assignment", "PCI devices", "vDPA devices", "NVMe disk";
virPCIDeviceAddressParseXML (every field optional, base 0).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.domain import Domain, DomainDevice

_NUMBER = re.compile(r"\s*(?:(?P<hex>0[xX][0-9a-fA-F]{1,8})|(?P<octal>0[0-7]{0,11})|(?P<decimal>[1-9][0-9]{0,9}))\s*")
"""What C's strtoul takes with base 0, as far as 32 bits reach."""
_BASE = {"hex": 16, "octal": 8, "decimal": 10}
_LIMITS = (0xFFFFFFFF, 0xFF, 0x1F, 0x7)
"""Of domain, bus, slot, function; a domain is wider than what can be handed out (VMD), and is named all the same."""
_MANAGED = "yes"


@dataclass(frozen=True, slots=True)
class NamedDevices:
    """What a document names, each device once, in its order, and what in it could not be understood."""

    devices: tuple[DomainDevice, ...]
    problems: tuple[str, ...] = ()


def domain_of(uuid: str, name: str, untrusted_documents: Sequence[str], *, running: bool) -> Domain:
    """The domain with what any of its documents names: the live one first, then the persistent one."""
    found = [named_devices(document) for document in untrusted_documents]
    devices = once([device for each in found for device in each.devices])
    problems = dict.fromkeys(problem for each in found for problem in each.problems)
    return Domain(uuid=uuid, name=name, running=running, devices=devices, problem="; ".join(problems) or None)


def once(devices: Iterable[DomainDevice]) -> tuple[DomainDevice, ...]:
    """Each device as it is named first."""
    found: dict[tuple[PciAddress | None, str | None], DomainDevice] = {}
    for each in devices:
        found.setdefault((each.address, each.vdpa_node), each)
    return tuple(found.values())


def named_devices(untrusted_xml: str) -> NamedDevices:
    """What the document names."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        root = etree.fromstring(untrusted_xml.encode("utf-8", "surrogatepass"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        return NamedDevices((), (f"its XML can't be read: {_first_line(error)}",))
    if root.tag != "domain":
        return NamedDevices((), (f"its XML is <{_tag(root)}>, not <domain>",))
    devices, problems = [], []
    for found in _found(root):
        if isinstance(found, DomainDevice):
            devices.append(found)
        else:
            problems.append(found)
    return NamedDevices(once(devices), tuple(problems))


def _found(root: etree._Element) -> Iterator[DomainDevice | str]:
    """Each device, or what is wrong with the element that names one."""
    for element in root.iterfind("devices/*"):
        match element.tag, element.get("type"):
            case "hostdev", "pci" if element.get("mode", "subsystem") == "subsystem":
                yield _by_source(element, element.find("source"), managed=_managed(element))
            case "interface", "vdpa":
                yield _by_node(element, element.find("source"))
            case "interface", _:
                yield from _of_interface(element)
            case "disk", _:
                yield from _of_disk(element)


def _of_interface(element: etree._Element) -> Iterator[DomainDevice | str]:
    """Also the `<actual>` of an interface that a network of hostdevs gave its device."""
    for each in (element, *element.iterfind("actual")):
        if each.get("type") == "hostdev":
            source = each.find("source")
            kind = None if source is None else source.find("address")
            if kind is None or kind.get("type", "pci") == "pci":
                yield _by_source(element, source, managed=_managed(each))


def _of_disk(element: etree._Element) -> Iterator[DomainDevice | str]:
    """The disk, and whatever it is backed or mirrored by."""
    for each in element.iter("disk", "backingStore", "mirror"):
        for source in each.iterfind("source"):
            if each.get("type") == "vhostvdpa":
                yield _by_node(element, source)
            elif each.get("type") == "nvme" and source.get("type", "pci") == "pci":
                yield _by_source(element, source, managed=_managed(source))


def _by_source(element: etree._Element, source: etree._Element | None, *, managed: bool) -> DomainDevice | str:
    address = None if source is None else source.find("address")
    if address is None:
        return f"line {element.sourceline}: <{_tag(element)}> names no address"
    numbers = [_number(address.get(field, "0")) for field in PciAddress._fields]
    domain, bus, slot, function = (
        number if number is not None and number <= limit else None for number, limit in zip(numbers, _LIMITS, strict=True)
    )
    if domain is None or bus is None or slot is None or function is None:
        written = " ".join(f"{field}={address.get(field)!r}" for field in PciAddress._fields if field in address.attrib)
        return f"line {address.sourceline}: {_shown(written)} is no PCI address"
    return DomainDevice(PciAddress(domain, bus, slot, function), None, managed)


def _by_node(element: etree._Element, source: etree._Element | None) -> DomainDevice | str:
    node = None if source is None else source.get("dev")
    if node is None or not node.startswith("/"):
        return f"line {element.sourceline}: <{_tag(element)}> names no vDPA node"
    return DomainDevice(None, node, managed=False)


def _tag(element: etree._Element) -> str:
    return str(element.tag)


def _managed(element: etree._Element) -> bool:
    return element.get("managed") == _MANAGED


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    return None if found is None or found.lastgroup is None else int(found[found.lastgroup], _BASE[found.lastgroup])


def _shown(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"


def _first_line(error: Exception) -> str:
    text = (error.msg or "") if isinstance(error, etree.XMLSyntaxError) else str(error)
    return _shown(text.partition("\n")[0])
