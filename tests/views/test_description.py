# SPDX-License-Identifier: Apache-2.0
"""Described hosts: what is written is read back as the same host, people may write it by hand, and mistakes are named by line."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType, Fault, FaultKind, HostUse, HostUseKind, Link, Netdev, Sriov, VdpaDevice
from pcipt_agent.core.host import Host, NumaNode
from pcipt_agent.errors import HostError
from pcipt_agent.views.description import description_of, parse_description

HEAD = "host boot 1b4e28ba-2fa1-4d12-883f-0016d3cca427\n"
NIC = "0000:3b:00.0  15b3:101d  PF  numa 0  group 12  driver mlx5_core  totalvfs 16  net ens1f0\n"

IDS = st.text("0123456789abcdef", min_size=4, max_size=4)
SMALL = st.integers(0, 0xFFFF)
TEXTS = st.text(min_size=1)
ADDRESSES = st.builds(PciAddress, st.integers(0, 0x1FFFF), st.integers(0, 0xFF), st.integers(0, 0x1F), st.integers(0, 7))
MACS = st.from_regex(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", fullmatch=True)
SPEEDS = st.none() | st.sampled_from([2.5, 5.0, 8.0, 16.0, 32.0, 64.0])
LANES = st.none() | st.integers(1, 32)
DEVICES = st.builds(
    Device,
    address=ADDRESSES,
    device_type=st.sampled_from(DeviceType),
    vendor_id=IDS,
    product_id=IDS,
    subsystem_vendor_id=st.none() | IDS,
    subsystem_product_id=st.none() | IDS,
    class_code=st.none() | st.integers(0, 0xFFFFFF),
    revision=st.none() | st.integers(0, 0xFF),
    driver=st.none() | TEXTS,
    driver_override=st.none() | TEXTS,
    numa_node=st.none() | SMALL,
    iommu_group=st.none() | SMALL,
    parent=st.none() | ADDRESSES,
    vf_number=st.none() | SMALL,
    sriov=st.none() | st.builds(Sriov, SMALL, SMALL, st.none() | IDS, st.none() | SMALL, st.none() | SMALL),
    netdevs=st.lists(st.builds(Netdev, TEXTS, st.none() | MACS), max_size=2).map(tuple),
    serial=st.none() | TEXTS,
    serial_unknown=st.none() | TEXTS,
    reset_methods=st.lists(st.sampled_from(["flr", "af_flr", "pm", "bus", "cxl_bus"]), max_size=3).map(tuple),
    link=st.none() | st.builds(Link, SPEEDS, LANES, SPEEDS, LANES),
    vdpa=st.lists(st.builds(VdpaDevice, TEXTS, st.none() | TEXTS, st.none() | TEXTS, st.none() | TEXTS), max_size=2).map(tuple),
    vfio_driver=st.booleans(),
    host_uses=st.lists(st.builds(HostUse, st.sampled_from(HostUseKind), TEXTS), max_size=3).map(tuple),
    faults=st.lists(st.builds(Fault, st.sampled_from(FaultKind), TEXTS), max_size=2).map(tuple),
)
NODES = st.builds(NumaNode, st.integers(0, 64), st.frozensets(st.integers(0, 512), max_size=8), st.none() | st.integers(0, 8))


def host_of(devices: list[Device], nodes: list[NumaNode], *, boot_id: str) -> Host:
    return Host(
        devices={device.address: device for device in sorted(devices, key=lambda device: device.address)},
        numa_nodes={node.node: node for node in sorted(nodes, key=lambda node: node.node)},
        boot_id=boot_id,
    )


HOSTS = st.builds(host_of, st.lists(DEVICES, max_size=3), st.lists(NODES, max_size=2), boot_id=TEXTS)


@given(HOSTS)
def test_what_is_written_is_read_back_as_the_same_host(host: Host) -> None:
    text = description_of(host)
    again = parse_description(text, "a.host")
    assert again == host
    assert list(again.devices) == list(host.devices)
    assert description_of(again) == text


@given(HOSTS)
def test_what_is_written_is_a_file_that_can_be_mailed(host: Host) -> None:
    assert description_of(host).isascii()


def test_a_person_may_write_the_least() -> None:
    host = parse_description(HEAD + NIC, "a.host")
    assert host.devices[PciAddress(0, 0x3B, 0, 0)] == Device(
        address=PciAddress(0, 0x3B, 0, 0),
        device_type=DeviceType.PF,
        vendor_id="15b3",
        product_id="101d",
        numa_node=0,
        iommu_group=12,
        driver="mlx5_core",
        sriov=Sriov(16, 0, None, None, None),
        netdevs=(Netdev("ens1f0", None),),
    )


def test_devices_may_be_written_in_any_order_with_comments() -> None:
    text = f"""# a host
    {""}
{HEAD}# its devices
0000:3b:00.1 15b3:101e VF 0 of 0000:3b:00.0   # the first VF
\tnuma 0
{NIC}"""
    host = parse_description(text, "a.host")
    assert [str(address) for address in host.devices] == ["0000:3b:00.0", "0000:3b:00.1"]
    assert host.vfs_of(PciAddress(0, 0x3B, 0, 0))[0].numa_node == 0


def test_what_the_host_uses_and_a_driver_that_registers_with_vfio_have_words() -> None:
    text = HEAD + NIC + '    vfio  used address "ens1f0 has 192.0.2.7"  used enslaved "br0 is over ens1f0"\n'
    host = parse_description(text, "a.host")
    device = host.devices[PciAddress(0, 0x3B, 0, 0)]
    assert device.vfio_driver
    assert device.host_uses == (
        HostUse(HostUseKind.ADDRESS, "ens1f0 has 192.0.2.7"),
        HostUse(HostUseKind.ENSLAVED, "br0 is over ens1f0"),
    )
    assert 'net ens1f0  vfio\n    used address "ens1f0 has 192.0.2.7"  used enslaved' in description_of(host)


def test_of_vfio_pci_it_goes_without_saying_that_it_registers_with_vfio() -> None:
    host = parse_description(HEAD + "0000:3b:00.0 15b3:101d PF driver vfio-pci\n", "a.host")
    assert host.devices[PciAddress(0, 0x3B, 0, 0)].vfio_driver
    assert "driver vfio-pci\n" in description_of(host)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", None, "there is no line `host boot ID`"),
        (HEAD + HEAD, 2, "expected `host boot ID`, once"),
        ("host boot -\n", 1, "expected `host boot ID`, once"),
        ("  numa 0\n", 1, "no device above"),
        (HEAD + "node 0 cpus 0-3\n", 2, "expected `node N  cpus LIST  socket N`"),
        (HEAD + "node 0 cpus x socket 0\n", 2, "'x' is no CPU or range of CPUs"),
        (HEAD + "node 0 cpus 0 socket 0\nnode 0 cpus 1 socket 0\n", 3, "node 0 is described above"),
        (HEAD + "0000:3b:00 15b3:101d PF\n", 2, "0000:3b:00 is no address"),
        (HEAD + "0000:3b:00.0 15b3 PF\n", 2, "15b3 is no VENDOR:PRODUCT"),
        (HEAD + "0000:3b:00.0 15b3:- PF\n", 2, "15b3:- is no VENDOR:PRODUCT"),
        (HEAD + "0000:3b:00.0 15b3:101d type-PF\n", 2, "the type being one of PCI, PF, VF, vdpa"),
        (HEAD + "0000:3b:00.0 15b3:101d\n", 2, "expected `ADDRESS VENDOR:PRODUCT TYPE`"),
        (HEAD + "0000:3b:00.1 15b3:101e VF 0 of 3b\n", 2, "3b is no address"),
        (HEAD + NIC + NIC, 3, "0000:3b:00.0 is described twice"),
        (HEAD + NIC + "    numaa 0\n", 3, "no such word: numaa; did you mean numa?"),
        (HEAD + NIC + "    class\n", 3, "class takes 1 value"),
        (HEAD + NIC + "    numa 1\n", 3, "numa is said twice"),
        (HEAD + NIC + "    rev zz\n", 3, "rev takes a number, not zz"),
        (HEAD + NIC + "    rev -1\n", 3, "rev takes no -1; what is not known is -, or left out"),
        (HEAD + NIC + "    link fast\n", 3, "link takes GT/s x lanes"),
        (HEAD + NIC + "    link 8.8.8x1/1x1\n", 3, "link takes GT/s x lanes"),
        (HEAD + NIC + "    fault bad x\n", 3, "bad is no fault; there are outside-limits"),
        (HEAD + NIC + "    used for x\n", 3, "for is no use of the host's; there are address, route, enslaved"),
        (HEAD + NIC + "    used address -\n", 3, "expected a value where - is written"),
        (HEAD + NIC + "    vfio vfio\n", 3, "vfio is said twice"),
        (HEAD + NIC + "    fault missing-file -\n", 3, "expected a value where - is written"),
        (HEAD + NIC + '    serial "open\n', 3, "is no JSON string"),
        (HEAD + "0000:3b:00.0 15b3:101d PF numvfs 4\n", 2, "need totalvfs"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(HostError) as caught:
        parse_description(text, "a.host")
    assert caught.value.path == "a.host"
    assert problem in caught.value.problem
    assert caught.value.problem.startswith("there" if line is None else f"line {line}: ")


@given(st.text(), st.sampled_from([HEAD, HEAD + NIC, HEAD + NIC + "    ", HEAD + NIC[:-1], HEAD + "node "]))
def test_any_text_is_a_host_or_a_host_error(text: str, before: str) -> None:
    with suppress(HostError):
        assert parse_description(before + text, "a.host").boot_id


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "hosts").glob("*.host")), ids=lambda path: path.stem)
def test_the_machines_in_the_museum_say_what_they_teach(path: Path) -> None:
    text = path.read_text()
    assert "# Teaches: " in text
    assert parse_description(text, str(path)).devices
