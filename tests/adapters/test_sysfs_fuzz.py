# SPDX-License-Identifier: Apache-2.0
"""A tree damaged at random: whatever one function's directory holds, the others are as they were, and nothing raises.

What each single oddness means is in `test_sysfs.py` and `views/test_kernel.py`.
"""

import json
import shutil
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import ClaimBook
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import inventory_of
from pcipt_agent.views.description import parse_description
from pcipt_agent.views.device_answers import devices_reply
from pcipt_agent.views.kernel import FILES, NEEDED
from pcipt_agent.views.wire import DevicesPayload
from tests.support.hosttree import HostTree, directory_in_memory
from tests.support.planned import entry, rules

NAME = "vdpa-over-connectx6dx.host"
HOST: Host = parse_description((Path(__file__).parents[1] / "hosts" / NAME).read_text(), NAME)
ADDRESSES = sorted(HOST.devices)
LINKS = ("driver", "iommu_group", "physfn", "virtfn0", "virtfn3", "virtfn", "virtfn\u0663", "vdpa0/driver", "vdpa3/virtio9")
PLACES = (*FILES, "vpd", "net", "net/ens1f0/address", "net/odd/address", "vdpa0/virtio1/device", *LINKS)
TEXTS = (b"", b"\n", b"-1\n", b"9" * 4096, b"0x" + b"f" * 4000, b"\xff\xfe\n", "\u0663\n".encode(), b"\x00", b"0-\n", b"2.5 GT/s\n")
TARGETS = ("nowhere", "..", ".", "/", "x" * 4000, b"\xff".decode(errors="surrogateescape"), *(f"../{each}" for each in ADDRESSES))
ENTRIES = ("slot7", "0000:3B:00.1", "00000:3b:00.1", "1ffff:00:00.0", "0000:77:1f.f", "0000:77:ff.0", "\udcff", "a\nb")

contents = st.one_of(
    st.none(), st.sampled_from(TEXTS), st.binary(max_size=30), st.just("directory"), st.sampled_from(TARGETS).map(Path)
)
damages = st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PLACES), contents)
machines = st.tuples(
    st.sampled_from(("node/node0/cpulist", "node/node1/cpulist", "node/node-1", "cpu/cpu0/topology/physical_package_id")),
    st.one_of(st.sampled_from(TEXTS), st.just(b"9" * 5000), st.binary(max_size=30), st.just("directory")),
)
Content = bytes | str | Path | None
Damage = tuple[PciAddress, str, Content]


def put(path: Path, content: Content) -> None:
    """In the place of whatever is there: octets, a link to the Path, a directory, or nothing."""
    if not path.is_symlink() and path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if content is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    match content:
        case bytes():
            path.write_bytes(content)
        case Path():
            path.symlink_to(content)
        case str():
            path.mkdir()


def damage(tree: HostTree, each: Damage) -> None:
    address, place, content = each
    directory = tree.directory_of(address)
    top = directory / place.partition("/")[0]
    if "/" in place and (top.is_symlink() or top.is_file()):
        top.unlink()
    middle = directory / place.rpartition("/")[0]
    if middle.is_symlink() or middle.is_file():
        middle.unlink()
    put(directory / place, content)


def untouched(odd: set[PciAddress]) -> set[PciAddress]:
    """What neither is damaged nor has a damaged PF."""
    return {device.address for device in HOST.devices.values() if not {device.address, device.parent} & odd}


def check(seen: Host, odd: set[PciAddress]) -> None:
    inventory = inventory_of(catalogue_of(seen, rules(entry(1))), ClaimBook(), "g")
    assert violations(inventory) == ()
    reply = devices_reply(inventory, DevicesPayload())
    assert [part.address for part in reply.devices] == [str(address) for address in seen.devices]
    assert "Infinity" not in json.dumps(reply.model_dump(mode="json"))
    assert reply.model_dump_json()
    assert seen.devices.keys() >= HOST.devices.keys()
    for address in untouched(odd):
        assert seen.devices[address] == HOST.devices[address]
    for device in seen.devices.values():
        if device.parent is not None and not device.faults:
            assert_has_a_pf(seen, device)


def assert_has_a_pf(seen: Host, device: Device) -> None:
    parent = seen.parent_of(device)
    assert parent is not None
    assert parent.parent is None


@settings(max_examples=150)
@given(st.lists(damages, min_size=1, max_size=6), st.lists(machines, max_size=2), st.lists(st.sampled_from(ENTRIES), max_size=2))
@example([(ADDRESSES[1], "physfn", Path(f"../{ADDRESSES[1]}"))], [], [])
@example([(ADDRESSES[1], "physfn", Path(f"../{ADDRESSES[2]}"))], [], [])
@example([(ADDRESSES[1], "driver", Path("\udcff"))], [], [])
@example([(ADDRESSES[0], "max_link_speed", b"9" * 400 + b" GT/s\n")], [], [])
@example(
    [(ADDRESSES[0], "numa_node", b"9" * 4096)],
    [("node/node0/cpulist", b"0\n"), ("cpu/cpu0/topology/physical_package_id", b"9" * 5000)],
    [],
)
@example([(ADDRESSES[0], "virtfn0", Path(f"../{ADDRESSES[-1]}"))], [("node/node0/cpulist", b"0\n")], ["0000:3B:00.1"])
def test_a_damaged_tree_costs_no_function_but_the_damaged(
    broken: list[Damage], machine: list[tuple[str, Content]], entries: list[str]
) -> None:
    with directory_in_memory() as root:
        tree = HostTree(root, HOST)
        reader = SysfsReader(root)
        assert reader.read() == HOST
        for each in broken:
            damage(tree, each)
        for place, content in machine:
            put(root / "sys/devices/system" / place, content)
        for name in entries:
            put(root / "sys/bus/pci/devices" / name, "directory")
        seen = reader.read()
        if all(name != "vpd" for _, name, _ in broken):  # VPD is read once for as long as the function's ids stay
            assert seen.devices == SysfsReader(root).read().devices
        check(seen, {address for address, _, _ in broken})
        catalogue = catalogue_of(seen, rules(entry(1)))
        for name in entries:
            address = parse_address(name)
            assert address is None or address in HOST.devices or catalogue.not_ready(catalogue.index_of[address])


@settings(max_examples=150)
@given(st.lists(st.lists(damages, min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_look_at_what_was_damaged_sees_what_a_look_at_everything_would(rounds: list[list[Damage]]) -> None:
    with directory_in_memory() as root:
        tree = HostTree(root, HOST)
        reader = SysfsReader(root)
        before = reader.read()
        for broken in rounds:
            for each in broken:
                damage(tree, each)
            seen = reader.read_at({address for address, _, _ in broken})
            assert all(seen.devices[address] is before.devices[address] for address in untouched({each[0] for each in broken}))
            before = seen
        if all(name != "vpd" for broken in rounds for _, name, _ in broken):
            assert seen == SysfsReader(root).read()
        assert reader.read() is seen


@settings(max_examples=100)
@given(st.sampled_from(ADDRESSES), st.sampled_from(sorted(NEEDED)), st.sampled_from([None, "directory", *TEXTS[:3], *TEXTS[5:]]))
def test_a_needed_file_that_is_odd_makes_its_function_unusable_with_that_reason(
    address: PciAddress, name: str, content: Content
) -> None:
    if name.startswith("sriov") and HOST.devices[address].sriov is None:
        return
    with directory_in_memory() as root:
        tree = HostTree(root, HOST)
        damage(tree, (address, name, content))
        device = SysfsReader(root).read().devices[address]
        told = [fault.detail for fault in device.faults]
        assert any(detail.startswith(name) for detail in told)
