# SPDX-License-Identifier: Apache-2.0
"""What a domain's XML names; libvirt's schema says that the documents are such as libvirt writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Fingerprint, Held
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.domain import DomainDevice
from pcipt_agent.views.domain_devices import NamedDevices, domain_of, named_devices, once
from pcipt_agent.views.domxml import hostdev, text
from tests.support.libvirt_schema import problems

VF = PciAddress(0x0000, 0x25, 0x00, 0x4)
HEAD = "<name>g</name><memory>1</memory><os><type>hvm</type></os>"
SOURCE = "<source><address domain='0x0000' bus='0x25' slot='0x00' function='0x4'/></source>"
PCI_SOURCE = "<source><address type='pci' domain='0x0000' bus='0x25' slot='0x00' function='0x4'/></source>"
NVME = "<source type='pci' managed='yes' namespace='1'><address domain='0x0000' bus='0x25' slot='0x00' function='0x4'/></source>"
SPECIFIED = (
    "<hostdev mode='subsystem' type='pci' managed='no'>\n  <driver name='vfio'/>\n  "
    f"{SOURCE}\n  <alias name='hostdev0'/>\n"
    "  <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>\n</hostdev>"
)
"""The VFIO variant driver specification's example."""
FINGERPRINT = Fingerprint(
    vendor_id="8086",
    product_id="37c9",
    subsystem_vendor_id=None,
    subsystem_product_id=None,
    parent=None,
    vf_number=None,
    serial=None,
)


def domain(devices: str) -> str:
    return f"<domain type='kvm'>{HEAD}<devices>{devices}</devices></domain>"


def by_address(*, managed: bool = False) -> DomainDevice:
    return DomainDevice(VF, None, managed)


@pytest.mark.parametrize(
    ("element", "device"),
    [
        (SPECIFIED, by_address()),
        (f"<hostdev mode='subsystem' type='pci' managed='yes'>{SOURCE}</hostdev>", by_address(managed=True)),
        (f"<interface type='hostdev' managed='yes'>{PCI_SOURCE}<vlan><tag id='5'/></vlan></interface>", by_address(managed=True)),
        (f"<interface type='hostdev'>{PCI_SOURCE}</interface>", by_address()),
        ("<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>", DomainDevice(None, "/dev/vhost-vdpa-0", False)),
        (f"<disk type='nvme' device='disk'>{NVME}<target dev='vda' bus='virtio'/></disk>", by_address(managed=True)),
        (
            "<disk type='file' device='disk'><source file='/top.qcow2'/>"
            f"<backingStore type='nvme'><format type='raw'/>{NVME}</backingStore><target dev='vda' bus='virtio'/></disk>",
            by_address(managed=True),
        ),
    ],
)
def test_a_host_device_is_found_wherever_libvirt_puts_one(element: str, device: DomainDevice) -> None:
    assert problems(domain(element)) == []
    assert named_devices(domain(element)) == NamedDevices((device,))


@pytest.mark.parametrize(
    "element",
    [
        "<interface type='network'><source network='default'/><mac address='52:54:00:00:00:01'/></interface>",
        "<interface type='hostdev'><source><address type='usb' bus='0' device='2'/></source></interface>",
        "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>",
        "<hostdev mode='subsystem' type='mdev' model='vfio-pci'>"
        "<source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>",
        "<hostdev mode='capabilities' type='misc'><source><char>/dev/input/event3</char></source></hostdev>",
        "<controller type='pci' index='0' model='pcie-root'/>",
        "<disk type='file' device='disk'><source file='/x'/><target dev='vda'/>"
        "<address type='pci' domain='0x0000' bus='0x25' slot='0x00' function='0x4'/></disk>",
    ],
)
def test_other_devices_are_not_taken_for_one(element: str) -> None:
    assert problems(domain(element)) == []
    assert named_devices(domain(element)) == NamedDevices(())


def test_an_interface_that_a_network_gave_its_device_names_it() -> None:
    actual = (
        f"<interface type='network'><source network='n'/><actual type='hostdev' managed='yes'>{PCI_SOURCE}</actual></interface>"
    )
    assert named_devices(domain(actual)) == NamedDevices((by_address(managed=True),))


def test_the_live_document_goes_before_the_persistent_one_and_both_count() -> None:
    live = domain(f"<hostdev mode='subsystem' type='pci' managed='yes'>{SOURCE}</hostdev>")
    other = SOURCE.replace("0x4", "0x5")
    persistent = domain(f"<hostdev type='pci'>{other}</hostdev><hostdev type='pci' managed='no'>{SOURCE}</hostdev>")
    found = domain_of("u", "g", [live, persistent], running=True)
    assert found.devices == (by_address(managed=True), DomainDevice(VF._replace(function=5), None, False))
    assert (found.running, found.problem) == (True, None)


@pytest.mark.parametrize("written", ["0x25", "37", "045", " 0x25 ", "0X25"])
def test_a_number_is_read_as_libvirt_reads_it(written: str) -> None:
    source = SOURCE.replace("0x25", written)
    assert named_devices(domain(f"<hostdev type='pci'>{source}</hostdev>")).devices == (by_address(),)


def test_a_missing_field_is_nought() -> None:
    found = named_devices(domain("<hostdev type='pci'><source><address bus='0x25'/></source></hostdev>"))
    assert found.devices == (DomainDevice(VF._replace(function=0), None, False),)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "its XML can't be read: Document is empty, line 1, column 1"),
        ("no xml", "its XML can't be read: Start tag expected, '<' not found, line 1, column 1"),
        ("<network/>", "its XML is <network>, not <domain>"),
        (domain("<hostdev type='pci'/>"), "line 1: <hostdev> names no address"),
        (domain("<interface type='hostdev'/>"), "line 1: <interface> names no address"),
        (domain("\n<interface type='vdpa'><source/></interface>"), "line 2: <interface> names no vDPA node"),
        (
            domain("<hostdev type='pci'><source><address bus='0x_1'/></source></hostdev>"),
            "line 1: bus='0x_1' is no PCI address",
        ),
        (
            domain("<hostdev type='pci'><source><address bus='0x100' slot='1'/></source></hostdev>"),
            "line 1: bus='0x100' slot='1' is no PCI address",
        ),
        (
            domain("<hostdev type='pci'><source><address bus='-1'/></source></hostdev>"),
            "line 1: bus='-1' is no PCI address",
        ),
    ],
)
def test_what_is_not_understood_is_told(document: str, problem: str) -> None:
    assert named_devices(document) == NamedDevices((), (problem,))
    assert domain_of("u", "g", [document, document], running=False).problem == problem


def test_what_is_understood_counts_beside_what_is_not() -> None:
    found = named_devices(domain(f"<hostdev type='pci'/>{SPECIFIED}"))
    assert found == NamedDevices((by_address(),), ("line 1: <hostdev> names no address",))


def test_an_entity_is_not_expanded_and_no_file_is_fetched() -> None:
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 30))
    bomb = f"<!DOCTYPE domain [<!ENTITY l0 'ha'>{laughs}]>{domain(SPECIFIED)}".replace("<name>g", "<name>&l29;")
    fetched = f"<!DOCTYPE domain [<!ENTITY f SYSTEM 'file:///etc/hostname'>]><domain><name>&f;</name></domain>{''}"
    assert len(named_devices(bomb).devices) <= 1
    assert named_devices(fetched).devices == ()


addresses = st.builds(PciAddress, *(st.integers(0, high) for high in (0xFFFFFFFF, 0xFF, 0x1F, 0x7)))


@given(st.lists(st.tuples(addresses, st.booleans()), max_size=6, unique_by=lambda each: each[0]))
def test_every_element_that_we_render_is_read_back(wanted: list[tuple[PciAddress, bool]]) -> None:
    held = [
        Held(request=0, address=each, device_type=DeviceType.VF, managed=managed, entry="{}", fingerprint=FINGERPRINT)
        for each, managed in wanted
    ]
    found = named_devices(domain("".join(text(hostdev(each)) for each in held)))
    assert found == NamedDevices(tuple(DomainDevice(each, None, managed) for each, managed in wanted))


NAMES = st.sampled_from(["devices", "hostdev", "interface", "disk", "source", "address", "actual", "backingStore"])
WORDS = st.sampled_from(["pci", "hostdev", "vdpa", "nvme", "0x25", "", "-1", "/dev/vhost-vdpa-0", "yes", "9" * 40, "ö"])
KEYS = st.sampled_from(["type", "mode", "managed", "bus", "slot", "function", "domain", "dev"])


def elements() -> st.SearchStrategy[etree._Element]:
    def made(name: str, attributes: dict[str, str], children: list[etree._Element]) -> etree._Element:
        element = etree.Element(name, attributes)
        element.extend(children)
        return element

    attributes = st.dictionaries(KEYS, WORDS, max_size=4)
    leaf = st.builds(made, NAMES, attributes, st.just([]))
    return st.recursive(leaf, lambda inner: st.builds(made, NAMES, attributes, st.lists(inner, max_size=3)), max_leaves=10)


@given(st.lists(elements(), max_size=4))
def test_no_arrangement_of_elements_breaks_the_reader_and_each_device_is_named_once(children: list[etree._Element]) -> None:
    root = etree.Element("domain")
    etree.SubElement(root, "devices").extend(children)
    found = named_devices(etree.tostring(root, encoding="unicode"))
    assert once(found.devices) == found.devices
    assert all((each.address is None) != (each.vdpa_node is None) for each in found.devices)


@given(st.text() | st.text().map(lambda inner: f"<domain>{inner}</domain>"))
def test_no_text_breaks_the_reader(untrusted: str) -> None:
    assert named_devices(untrusted).devices == ()
