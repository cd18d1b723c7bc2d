# SPDX-License-Identifier: Apache-2.0
"""What the agent says of every function is what lspci, libvirt and the kernel say of it."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from lxml import etree

from tests.lab.calling import call
from tests.lab.host import LabHost

_LSPCI = re.compile(r"(?P<address>\S+) .*? \[(?P<class>[0-9a-f]{4})\]: .*\[(?P<ids>[0-9a-f]{4}:[0-9a-f]{4})\]")

_KERNEL = """
import glob, json, os
def read(path):
    try:
        return open(path).read().strip()
    except OSError:
        return None
def end(path):
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else None
def netdevs(d):
    found = glob.glob(f"{d}/net/*") + glob.glob(f"{d}/virtio*/net/*")
    return sorted([os.path.basename(each), read(f"{each}/address")] for each in found)
def digits(text):
    return text and f"{int(text, 16):04x}"
def function(d):
    numbers = sorted(int(each[6:]) for each in os.listdir(d) if each.startswith("virtfn"))
    return {
        "vendor": read(f"{d}/vendor"), "device": read(f"{d}/device"), "class": read(f"{d}/class"),
        "subsystem": [read(f"{d}/subsystem_vendor"), read(f"{d}/subsystem_device")], "revision": read(f"{d}/revision"),
        "driver": end(f"{d}/driver"), "numa_node": int(read(f"{d}/numa_node")), "iommu_group": end(f"{d}/iommu_group"),
        "members": sorted(os.listdir(f"{d}/iommu_group/devices")), "physfn": end(f"{d}/physfn"),
        "vfs": [end(f"{d}/virtfn{number}") for number in numbers],
        "sriov": [read(f"{d}/sriov_totalvfs"), read(f"{d}/sriov_numvfs"), digits(read(f"{d}/sriov_vf_device"))],
        "netdevs": netdevs(d),
        "resets": (read(f"{d}/reset_method") or "").split(),
        "vfio": os.path.isdir(f"{d}/vfio-dev"),
    }
here = "/sys/bus/pci/devices"
cpus = {}
for node in os.listdir("/sys/devices/system/node"):
    if node.startswith("node"):
        first = read(f"/sys/devices/system/node/{node}/cpulist").split(",")[0].split("-")[0]
        cpus[int(node[4:])] = int(read(f"/sys/devices/system/cpu/cpu{first}/topology/physical_package_id"))
print(json.dumps({"sockets": cpus, "functions": {each: function(f"{here}/{each}") for each in os.listdir(here)}}))
"""


@pytest.fixture
def said(host: LabHost) -> Mapping[str, Any]:
    """Address → what the agent says of the function."""
    return {device["address"]: device for device in call(host, "devices", limit=1000)["devices"]}


def test_every_function_is_what_lspci_says(host: LabHost, said: Mapping[str, Any]) -> None:
    lines = [_LSPCI.match(line) for line in host.run("lspci", "-D", "-nn").stdout.splitlines()]
    seen = {line["address"]: (line["class"], line["ids"]) for line in lines if line}
    assert len(seen) == len(lines)
    ours = {
        address: (device["facts"]["class_code"][:4], f"{device['vendor_id']}:{device['product_id']}")
        for address, device in said.items()
    }
    assert ours == seen


def test_every_function_is_what_libvirt_says(host: LabHost, said: Mapping[str, Any]) -> None:
    names = [f"pci_{re.sub('[:.]', '_', address)}" for address in said]
    texts = host.run("virsh", "; ".join(f"nodedev-dumpxml {name}" for name in names)).stdout
    seen = dict(_of_libvirt(node) for node in etree.fromstring(f"<all>{texts}</all>"))
    vfs = {address: [each["address"] for each in _vfs_of(address, said)] for address in said}
    ours = {
        address: {
            "ids": (device["vendor_id"], device["product_id"], device["facts"]["class_code"]),
            "driver": device["facts"]["driver"],
            "numa_node": device["facts"]["numa_node"],
            "iommu_group": device["facts"]["iommu_group"],
            "members": sorted(device["facts"]["iommu_group_members"]),
            "parent": device["parent"],
            "vfs": vfs[address],
            "total_vfs": (device["facts"]["sriov"] or {}).get("total_vfs"),
        }
        for address, device in said.items()
    }
    assert ours == seen


def test_every_function_is_what_the_kernel_says(host: LabHost, said: Mapping[str, Any]) -> None:
    kernel = json.loads(host.run("python3", "-", input=_KERNEL).stdout)
    sockets = {int(node): socket for node, socket in kernel["sockets"].items()}
    ours = {address: _as_the_kernel(device, _vfs_of(address, said)) for address, device in said.items()}
    assert ours == kernel["functions"]
    assert {address: device["facts"]["socket"] for address, device in said.items()} == {
        address: sockets.get(function["numa_node"]) for address, function in kernel["functions"].items()
    }


def test_the_cards_are_where_the_machine_has_them(host: LabHost, said: Mapping[str, Any]) -> None:
    """Node and socket of each card that names one, and the unknown node of those on the first bus."""
    names = {"nic0": (0, 0), "nic1": (1, 0), "nvme2": (2, 1), "vnic2": (2, 1), "nic3": (3, 1), "nic-nowhere": (None, None)}
    facts = {name: said[address]["facts"] for name, address in host.addresses().items() if name in names}
    assert {name: (each["numa_node"], each["socket"]) for name, each in facts.items()} == names


def _vfs_of(address: str, said: Mapping[str, Any]) -> list[Any]:
    """By their number."""
    return sorted((device for device in said.values() if device["parent"] == address), key=lambda device: device["vf_number"])


def _of_libvirt(node: Any) -> tuple[str, dict[str, Any]]:
    pci = node.find("capability[@type='pci']")
    group = pci.find("iommuGroup")
    physical, virtual = (pci.find(f"capability[@type='{each}']") for each in ("phys_function", "virt_functions"))
    numa = pci.find("numa")
    return _address({part: pci.findtext(part) for part in ("domain", "bus", "slot", "function")}, 10), {
        "ids": (pci.find("vendor").get("id")[2:], pci.find("product").get("id")[2:], pci.findtext("class")[2:]),
        "driver": node.findtext("driver/name"),
        "numa_node": None if numa is None else int(numa.get("node")),
        "iommu_group": None if group is None else int(group.get("number")),
        "members": sorted(_address(each.attrib, 16) for each in ([] if group is None else group)),
        "parent": None if physical is None else _address(physical.find("address").attrib, 16),
        "vfs": [_address(each.attrib, 16) for each in ([] if virtual is None else virtual)],
        "total_vfs": None if virtual is None else int(virtual.get("maxCount")),
    }


def _address(parts: Mapping[str, Any], base: int) -> str:
    domain, bus, slot, function = (int(parts[part], base) for part in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _as_the_kernel(device: Mapping[str, Any], vfs: list[Any]) -> dict[str, Any]:
    facts = device["facts"]
    sriov = facts["sriov"]
    counts = [None] * 3 if sriov is None else [str(sriov["total_vfs"]), str(sriov["num_vfs"]), sriov["vf_product_id"]]
    return {
        "vendor": f"0x{device['vendor_id']}",
        "device": f"0x{device['product_id']}",
        "class": f"0x{facts['class_code']}",
        "subsystem": [f"0x{device['subsystem_vendor_id']}", f"0x{device['subsystem_product_id']}"],
        "revision": f"0x{facts['revision']}",
        "driver": facts["driver"],
        "numa_node": -1 if facts["numa_node"] is None else facts["numa_node"],
        "iommu_group": None if facts["iommu_group"] is None else str(facts["iommu_group"]),
        "members": sorted(facts["iommu_group_members"]),
        "physfn": device["parent"],
        "vfs": [each["address"] for each in vfs],
        "sriov": counts,
        "netdevs": sorted([each["name"], each["mac"]] for each in facts["netdevs"]),
        "resets": facts["reset_methods"],
        "vfio": facts["vfio_driver"],
    }
