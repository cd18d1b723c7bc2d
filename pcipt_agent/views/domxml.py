# SPDX-License-Identifier: Apache-2.0
"""`<hostdev>`: a held device as libvirt's XML, alone or placed into a whole domain document.

Attributes are rendered from integers, always with 0x: libvirt reads a number without it as decimal (or octal), nova wrote hex. The
element says what is passed through and how; its alias and its address in the guest are libvirt's own to add. Placing is
idempotent: a device is one element, told by the four numbers of its source address and not by how they are spelt, so a second
placing changes nothing, and an element that libvirt has completed meanwhile keeps what libvirt added.

Does not know: claims as such, libvirt's daemon, where the document came from.
Source: libvirt formatdomain, "Host device assignment"; virPCIDeviceAddressParseXML (every field optional, base 0).
"""

import re
from collections.abc import Iterator, Sequence, Set

from lxml import etree

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Held
from pcipt_agent.views.domsource import DomainSource, Edit, Node, parse_domain, refused

_STEP = "  "
_NUMBER = re.compile(r"(?P<hex>0[xX][0-9a-fA-F]+)|(?P<octal>0[0-7]*)|(?P<decimal>[1-9][0-9]*)")
"""What C's strtoul takes with base 0: 010 is eight."""
_BASE = {"hex": 16, "octal": 8, "decimal": 10}


def hostdev(held: Held) -> etree._Element:
    """The element that gives the device to a guest."""
    managed = "yes" if held.managed else "no"
    element = etree.Element("hostdev", mode="subsystem", type="pci", managed=managed)
    etree.SubElement(element, "driver", name="vfio")
    source = etree.SubElement(element, "source")
    domain, bus, slot, function = held.address
    etree.SubElement(
        source, "address", domain=f"0x{domain:04x}", bus=f"0x{bus:02x}", slot=f"0x{slot:02x}", function=f"0x{function:x}"
    )
    etree.indent(element, space=_STEP)
    return element


def text(element: etree._Element) -> str:
    """The element as text, in single quotes as libvirt writes them; no value of ours has a quote in it."""
    return etree.tostring(element, encoding="unicode").replace('"', "'")


def place(domain_xml: str, elements: Sequence[etree._Element]) -> str:
    """The domain document with each element in its `<devices>`, once, and otherwise byte for byte as it was.

    An element for the same device stays if it says the same, else it is replaced. Raises BadRequest for a document that is none.
    """
    source = parse_domain(domain_xml)
    wanted = {_own_address(element): element for element in elements}
    edits, present = [], set()
    for node in _pci_hostdevs(source.domain):
        address = _address(node)
        if address is None or address not in wanted:
            continue
        if address in present:
            edits.append(Edit(source.blank_before(node), node.end, ""))
        elif not _says_the_same(node, wanted[address]):
            edits.append(Edit(node.start, node.end, _indented(source, wanted[address], source.indent_of(node))))
        present.add(address)
    _refuse_interfaces(source.domain, wanted.keys())
    missing = [element for address, element in wanted.items() if address not in present]
    if missing:
        edits.append(_insertion(source, missing))
    return source.edited(edits)


def _own_address(element: etree._Element) -> PciAddress:
    found = element.find("source/address")
    assert found is not None, "only elements of this module are placed"
    return PciAddress(*(int(found.attrib[field], 16) for field in PciAddress._fields))


def _pci_hostdevs(domain: Node) -> Iterator[Node]:
    for devices in domain.named("devices"):
        for node in devices.named("hostdev"):
            if node.attributes.get("mode", "subsystem") == "subsystem" and node.attributes.get("type") == "pci":
                yield node


def _address(node: Node) -> PciAddress | None:
    """The host's address that it names, None where it names none. Raises BadRequest where it can't be read."""
    for source in node.named("source"):
        for address in source.named("address"):
            return PciAddress(*(_number(address, field) for field in PciAddress._fields))
    return None


def _number(address: Node, field: str) -> int:
    written = address.attributes.get(field, "0").strip()
    found = _NUMBER.fullmatch(written)
    if found is None or found.lastgroup is None:
        raise refused(f"line {address.line}: {field}='{written}' is no number")
    return int(written, _BASE[found.lastgroup])


def _says_the_same(node: Node, element: etree._Element) -> bool:
    """Missing means libvirt's default: not managed, VFIO."""
    driver = next((each.attributes.get("name", "vfio") for each in node.named("driver")), "vfio")
    return driver == "vfio" and node.attributes.get("managed", "no") == element.attrib["managed"]


def _refuse_interfaces(domain: Node, addresses: Set[PciAddress]) -> None:
    """libvirt would take one device twice, as interface and as hostdev, and fail when the guest starts."""
    for devices in domain.named("devices"):
        for node in devices.named("interface"):
            if node.attributes.get("type") == "hostdev" and (address := _address(node)) in addresses:
                raise refused(f"line {node.line}: an <interface type='hostdev'> has device {address} already")


def _insertion(source: DomainSource, elements: Sequence[etree._Element]) -> Edit:
    """Behind the last device; where there is no `<devices>`, one is made behind the last element of the domain."""
    domain, newline = source.domain, source.newline
    blocks = list(domain.named("devices"))
    if blocks:
        parent, indent = blocks[-1], source.indent_of(blocks[-1])
        child_indent = source.indent_of(parent.children[-1]) if parent.children else indent + _STEP
        lines = [child_indent + _indented(source, element, child_indent) for element in elements]
        return _appended(source, parent, lines)
    indent = source.indent_of(domain.children[-1]) if domain.children else _STEP
    inner = [indent + _STEP + _indented(source, element, indent + _STEP) for element in elements]
    block = newline.join([f"{indent}<devices>", *inner, f"{indent}</devices>"])
    return _appended(source, domain, [block])


def _appended(source: DomainSource, parent: Node, lines: Sequence[str]) -> Edit:
    """`lines` behind the last child of `parent`, which is opened where it was written `<parent/>`."""
    newline = source.newline
    body = newline + newline.join(lines)
    if source.is_empty_tag(parent):
        tag = source.octets[parent.start : parent.end].decode()
        opened = tag[:-2].rstrip() + ">"
        return Edit(parent.start, parent.end, f"{opened}{body}{newline}{source.indent_of(parent)}</{parent.name}>")
    position = parent.children[-1].end if parent.children else parent.inner_start
    rest = source.octets[position : parent.inner_end]
    after = "" if rest.strip() or b"\n" in rest else newline + source.indent_of(parent)
    return Edit(position, position, body + after)


def _indented(source: DomainSource, element: etree._Element, indent: str) -> str:
    return text(element).replace("\n", source.newline + indent)
