# SPDX-License-Identifier: Apache-2.0
"""The hostdev element, and its place in a domain document; libvirt's schema is the judge of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Fingerprint, Held
from pcipt_agent.core.device import DeviceType
from pcipt_agent.errors import BadRequest
from pcipt_agent.views.domxml import hostdev, place, text
from tests.support.golden import Golden
from tests.support.libvirt_schema import problems

HERE = Path(__file__).parent
DOMAINS = HERE / "domains"
GOLDEN = HERE / "golden"
DOCTYPE_REFUSED = "line 1: a document type declaration is not taken; write it without <!DOCTYPE>"
BARE = "<domain type='kvm'><name>g</name><memory>1</memory><os><type>hvm</type></os></domain>"

FINGERPRINT = Fingerprint(
    vendor_id="8086",
    product_id="37c9",
    subsystem_vendor_id=None,
    subsystem_product_id=None,
    parent=None,
    vf_number=None,
    serial=None,
)


def held(address: PciAddress, *, managed: bool = False) -> Held:
    return Held(request=0, address=address, device_type=DeviceType.VF, managed=managed, entry="{}", fingerprint=FINGERPRINT)


SPEC_VF = held(PciAddress(0x0000, 0x25, 0x00, 0x4))
"""The device of the VFIO variant driver specification's example."""
HIGHEST = held(PciAddress(0xFFFF, 0xFF, 0x1F, 0x7), managed=True)
ALL = (SPEC_VF, HIGHEST)


def addresses() -> st.SearchStrategy[PciAddress]:
    return st.builds(PciAddress, *(st.integers(0, high) for high in (0xFFFF, 0xFF, 0x1F, 0x7)))


def attributes(root: etree._Element) -> Iterator[tuple[str, str]]:
    """(path below hostdev, attribute) of every attribute in every hostdev."""
    for element in root.iter("hostdev"):
        tree = etree.ElementTree(element)
        for each in element.iter(etree.Element):
            yield from ((tree.getelementpath(each), str(name)) for name in each.attrib)


def inside(devices: str) -> str:
    return f"<domain><devices>{devices}</devices></domain>"


def test_the_element_is_the_one_of_the_specification() -> None:
    assert text(hostdev(SPEC_VF)) == (
        "<hostdev mode='subsystem' type='pci' managed='no'>\n"
        "  <driver name='vfio'/>\n"
        "  <source>\n"
        "    <address domain='0x0000' bus='0x25' slot='0x00' function='0x4'/>\n"
        "  </source>\n"
        "</hostdev>"
    )


def test_managed_is_what_was_claimed() -> None:
    assert [hostdev(each).attrib["managed"] for each in ALL] == ["no", "yes"]


@given(addresses(), st.booleans())
def test_libvirt_takes_every_address_within_the_limits(address: PciAddress, managed: bool) -> None:
    assert problems(place(BARE, [hostdev(held(address, managed=managed))])) == []


def test_libvirt_refuses_what_is_beyond_the_limits() -> None:
    assert problems(place(BARE, [hostdev(held(PciAddress(0, 0x25, 0x22, 0)))]))


@pytest.mark.parametrize("name", [path.stem for path in sorted(DOMAINS.glob("*.xml"))])
def test_a_domain_with_devices_placed_is_as_its_golden_and_valid(name: str, golden: Golden) -> None:
    placed = place((DOMAINS / f"{name}.xml").read_text(), [hostdev(each) for each in ALL])
    golden.check(placed, GOLDEN / f"domain-{name}.xml")
    assert problems(placed) == []


def test_every_attribute_that_we_can_emit_occurs_in_a_golden() -> None:
    emitted = {pair for each in ALL for pair in attributes(hostdev(each))}
    seen = {pair for path in GOLDEN.glob("domain-*.xml") for pair in attributes(etree.parse(path).getroot())}
    assert ("source/address", "function") in emitted
    assert emitted <= seen


@pytest.mark.parametrize("path", sorted(DOMAINS.glob("*.xml")), ids=lambda path: path.stem)
def test_placing_twice_is_placing_once(path: Path) -> None:
    elements = [hostdev(each) for each in ALL]
    once = place(path.read_text(), elements)
    assert once != path.read_text()
    assert place(once, elements) == once


@given(st.lists(addresses(), unique=True, max_size=4), st.lists(addresses(), unique=True, max_size=4))
def test_a_device_is_there_once_however_often_and_in_which_order_it_is_placed(
    first: list[PciAddress], second: list[PciAddress]
) -> None:
    placed = place(place(BARE, [hostdev(held(each)) for each in first]), [hostdev(held(each)) for each in second])
    found = [tuple(int(value, 16) for value in each.attrib.values()) for each in etree.fromstring(placed).iter("address")]
    assert sorted(found) == sorted({*first, *second})


@given(st.lists(addresses(), unique=True, min_size=1, max_size=3), st.sampled_from(["\n", "\r\n"]))
def test_all_that_is_not_placed_stays_byte_for_byte(placed: list[PciAddress], newline: str) -> None:
    before = (DOMAINS / "as-virsh-prints-it.xml").read_text().replace("\n", newline)
    elements = [hostdev(held(each)) for each in placed if each != SPEC_VF.address]
    after = place(before, elements)
    added = "".join(newline + "    " + text(element).replace("\n", newline + "    ") for element in elements)
    head, _, tail = before.partition(f"{newline}  </devices>")
    assert after == f"{head}{added}{newline}  </devices>{tail}"


@pytest.mark.parametrize(
    "spelling", ["bus='0x25' slot='0x00' function='0x4'", "domain='0' bus='37' function='04'", "bus='045' function='0X4'"]
)
def test_an_address_is_the_same_however_libvirt_would_spell_it(spelling: str) -> None:
    domain = inside(f"<hostdev type='pci'><source><address {spelling}/></source><alias name='h0'/></hostdev>")
    assert place(domain, [hostdev(SPEC_VF)]) == domain


@pytest.mark.parametrize("other", ["type='usb'", "mode='capabilities' type='pci'", "mode='subsystem' type='mdev'"])
def test_a_hostdev_of_another_type_is_not_taken_for_the_device(other: str) -> None:
    domain = inside(f"<hostdev {other}><source><address bus='0x25' function='4'/></source></hostdev>")
    assert place(domain, [hostdev(SPEC_VF)]).count("<hostdev") == 2


@pytest.mark.parametrize("inner", ["", "<driver name='kvm'/>"])
def test_an_element_that_says_otherwise_is_replaced(inner: str) -> None:
    source = "<source><address bus='0x25' slot='0' function='0x4'/></source>"
    managed = "no" if inner else "yes"
    domain = f"<domain>\n <devices>\n  <hostdev type='pci' managed='{managed}'>{inner}{source}</hostdev>\n </devices>\n</domain>\n"
    indented = text(hostdev(SPEC_VF)).replace("\n", "\n  ")
    assert place(domain, [hostdev(SPEC_VF)]) == f"<domain>\n <devices>\n  {indented}\n </devices>\n</domain>\n"


def test_a_device_that_is_there_twice_is_kept_once() -> None:
    once = place(BARE, [hostdev(SPEC_VF)])
    element = text(hostdev(SPEC_VF))
    twice = once.replace("</devices>", f"{element}</devices>")
    assert twice.count("<hostdev") == 2
    assert place(twice, [hostdev(SPEC_VF)]).count("<hostdev") == 1


def test_devices_are_made_where_a_domain_has_none() -> None:
    empties = ("<domain/>", "<domain></domain>", "<domain><devices/></domain>", inside("<!-- none -->"))
    for empty in empties:
        placed = etree.fromstring(place(empty, [hostdev(each) for each in ALL]))
        assert len(placed.findall("devices/hostdev")) == 2


def test_nothing_to_place_leaves_the_document_as_it_is() -> None:
    assert place("<domain   />", []) == "<domain   />"


@pytest.mark.parametrize(
    ("domain", "problem"),
    [
        ("", "line 1, column 1: no element found"),
        ("<domain>\n<devices>\n</domain>", "line 3, column 3: mismatched tag"),
        ("<domain>&vendor;</domain>", "line 1, column 9: undefined entity"),
        ("\n<network/>", "line 2: the root is <network>, not libvirt's <domain>"),
        ("<domain xmlns='urn:other'/>", "line 1: the root is <domain> of urn:other, not libvirt's <domain>"),
        ("<!DOCTYPE domain SYSTEM 'file:///etc/hostname'>\n<domain/>", DOCTYPE_REFUSED),
        ("<domain>\ud800</domain>", "character 9 is no Unicode character"),
        (
            inside("<hostdev type='pci'><source>\n<address bus='0x_1'/></source></hostdev>"),
            "line 2: bus='0x_1' is no number",
        ),
        (
            inside("\n<interface type='hostdev'><source><address type='pci' bus='0x25' function='4'/></source></interface>"),
            "line 2: an <interface type='hostdev'> has device 0000:25:00.4 already",
        ),
    ],
)
def test_a_document_that_can_not_be_taken_is_refused_by_line(domain: str, problem: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        place(domain, [hostdev(SPEC_VF)])
    assert refusal.value.problems == (("domain", problem),)


def test_an_entity_bomb_is_refused_before_it_is_read() -> None:
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 30))
    bomb = f"<!DOCTYPE domain [<!ENTITY l0 'ha'>{laughs}]>\n<domain>&l29;</domain>"
    with pytest.raises(BadRequest, match="document type declaration"):
        place(bomb, [hostdev(SPEC_VF)])


@given(st.text() | st.text().map(lambda inner: f"<domain>{inner}</domain>"))
def test_no_text_breaks_the_reader(untrusted: str) -> None:
    try:
        placed = place(untrusted, [hostdev(SPEC_VF)])
    except BadRequest:
        placed = ""
    assert placed == "" or "0x25" in placed
