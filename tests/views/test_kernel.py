# SPDX-License-Identifier: Apache-2.0
"""One function's files and the device that they mean: what is None, what is a fault, and that no file can break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType, Fault, FaultKind, HostUse, HostUseKind, Link, Netdev, Sriov, VdpaDevice
from pcipt_agent.views.kernel import FILES, UNKNOWN_ID, Kin, Raw, RawFunction, RawVdpa, device_of, vf_numbers
from pcipt_agent.views.vpd import Serial

ADDRESS = PciAddress(0, 0x3B, 0, 1)
PF = PciAddress(0, 0x3B, 0, 0)
ALONE = Kin(None, False, None, Serial(None, None), ())
NIC: dict[str, Raw] = {"vendor": b"0x15b3\n", "device": b"0x101e\n", "class": b"0x020000\n"}
SRIOV: dict[str, Raw] = {
    "sriov_totalvfs": b"16\n",
    "sriov_numvfs": b"4\n",
    "sriov_vf_device": b"1e\n",
    "sriov_offset": b"2\n",
    "sriov_stride": b"1\n",
}


def raw(files: dict[str, Raw] = NIC, *, group: str | None = None, physfn: str | None = None, mac: Raw = None) -> RawFunction:
    nets = () if mac is None else (("ens1", mac),)
    return RawFunction(tuple(files.get(name) for name in FILES), None, group, physfn, (), nets, has_vpd=False)


def device(**files: Raw) -> Device:
    return device_of(ADDRESS, raw({**NIC, **files}), kin=ALONE)


def test_ids_and_class_are_read_as_the_kernel_writes_them() -> None:
    seen = device(subsystem_vendor=b"0x15B3\n", subsystem_device=b"0x0016\n", revision=b"0xa1\n")
    assert (seen.vendor_id, seen.product_id, seen.class_code, seen.revision) == ("15b3", "101e", 0x020000, 0xA1)
    assert (seen.subsystem_vendor_id, seen.subsystem_product_id) == ("15b3", "0016")
    assert seen.faults == ()


@pytest.mark.parametrize("name", ["numa_node", "driver_override", "subsystem_vendor", "revision", "reset_method", "max_link_width"])
@pytest.mark.parametrize("empty", [None, b"", b"\n"])
def test_a_file_that_is_missing_or_empty_is_none(name: str, empty: Raw) -> None:
    assert device(**{name: empty}) == device()


def test_what_the_kernel_writes_for_nothing_is_none() -> None:
    seen = device(numa_node=b"-1\n", driver_override=b"(null)\n", current_link_speed=b"Unknown\n", current_link_width=b"0\n")
    assert seen == device()
    assert (seen.numa_node, seen.driver_override, seen.link) == (None, None, None)


def test_a_link_may_be_known_in_part() -> None:
    seen = device(current_link_speed=b"Unknown\n", max_link_speed=b"16.0 GT/s PCIe\n", max_link_width=b"255\n")
    assert seen.link == Link(None, None, 16.0, None)


def test_older_kernels_write_the_speed_without_its_bus() -> None:
    assert device(current_link_speed=b"8 GT/s\n", current_link_width=b"4\n").link == Link(8.0, 4, None, None)


def test_reset_methods_keep_the_kernels_order() -> None:
    assert device(reset_method=b"flr bus\n").reset_methods == ("flr", "bus")


def test_a_function_with_sriov_is_a_pf_also_without_vfs() -> None:
    seen = device(**{**SRIOV, "sriov_numvfs": b"0\n"})
    assert seen.device_type is DeviceType.PF
    assert seen.sriov == Sriov(16, 0, "001e", 2, 1)


@pytest.mark.parametrize("name", ["vendor", "device", "class"])
@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_a_needed_file_that_is_missing_is_a_fault(name: str, content: Raw) -> None:
    assert device(**{name: content}).faults == (Fault(FaultKind.MISSING_FILE, name),)


def test_a_file_that_can_not_be_read_says_why() -> None:
    assert device(numa_node="Input/output error").faults == (Fault(FaultKind.MISSING_FILE, "numa_node: Input/output error"),)


@pytest.mark.parametrize("name", FILES)
def test_a_text_that_is_not_understood_is_a_fault_of_that_file(name: str) -> None:
    seen = device(**{**SRIOV, name: b"\xff?\n"})
    assert seen.faults == (Fault(FaultKind.UNDECODABLE, f"{name} holds b'\\xff?\\n'"),)


def test_an_id_that_is_not_known_is_not_guessed() -> None:
    seen = device(vendor=b"15b3\n", device=None)
    assert (seen.vendor_id, seen.product_id) == (UNKNOWN_ID, UNKNOWN_ID)


def test_an_iommu_group_is_the_number_that_the_link_leads_to() -> None:
    assert device_of(ADDRESS, raw(group="12"), kin=ALONE).iommu_group == 12
    odd = device_of(ADDRESS, raw(group="twelve"), kin=ALONE)
    assert odd.iommu_group is None
    assert odd.faults == (Fault(FaultKind.UNDECODABLE, "iommu_group leads to 'twelve'"),)


def test_a_network_interface_has_its_mac() -> None:
    assert device_of(ADDRESS, raw(mac=b"b8:59:9f:00:00:10\n"), kin=ALONE).netdevs == (Netdev("ens1", "b8:59:9f:00:00:10"),)
    odd = device_of(ADDRESS, raw(mac=b"none\n"), kin=ALONE)
    assert odd.netdevs == (Netdev("ens1", None),)
    assert odd.faults == (Fault(FaultKind.UNDECODABLE, "net/ens1/address holds b'none\\n'"),)


def test_a_vf_has_its_place_and_its_serial_from_its_pf() -> None:
    kin = Kin(PF, True, 3, Serial("MT2042X00001", None), ())
    seen = device_of(ADDRESS, raw(physfn=str(PF)), kin=kin)
    assert (seen.device_type, seen.parent, seen.vf_number, seen.serial) == (DeviceType.VF, PF, 3, "MT2042X00001")
    assert seen.faults == ()


def test_a_vf_whose_pf_is_not_here_is_still_a_vf() -> None:
    seen = device_of(ADDRESS, raw(physfn=str(PF)), kin=ALONE._replace(parent=PF))
    assert seen.device_type is DeviceType.VF
    assert seen.faults == (Fault(FaultKind.VF_WITHOUT_PF, "physfn is 0000:3b:00.0"),)


@pytest.mark.parametrize(("content", "uses"), [(b"1\n", [HostUseKind.BOOT_DISPLAY]), (b"0\n", []), (None, [])])
def test_the_boot_display_is_used_by_the_host(content: Raw, uses: list[HostUseKind]) -> None:
    assert [use.kind for use in device(boot_vga=content).host_uses] == uses


def test_what_else_the_host_uses_comes_first() -> None:
    mounted = HostUse(HostUseKind.MOUNTED, "sda is mounted on /")
    seen = device_of(ADDRESS, raw({**NIC, "boot_vga": b"1\n"}), kin=ALONE._replace(host_uses=(mounted,)))
    assert seen.host_uses == (mounted, HostUse(HostUseKind.BOOT_DISPLAY, "boot_vga is 1"))


def test_a_driver_that_registers_with_vfio_is_told() -> None:
    function = raw()._replace(driver="mlx5_vfio_pci", driver_module="mlx5_vfio_pci")
    assert not device_of(ADDRESS, function, kin=ALONE).vfio_driver
    assert device_of(ADDRESS, function._replace(has_vfio_dev=True), kin=ALONE).vfio_driver
    assert device_of(ADDRESS, function, kin=ALONE._replace(vfio_modules=frozenset({"mlx5_vfio_pci"}))).vfio_driver


def test_a_wide_domain_is_outside_the_limits() -> None:
    wide = PciAddress(0x10000, 0, 0, 0)
    assert device_of(wide, raw(), kin=ALONE).faults == (Fault(FaultKind.OUTSIDE_LIMITS, "10000:00:00.0"),)


def test_vf_numbers_are_those_of_the_links() -> None:
    pf = raw()._replace(virtfns=(("virtfn0", "b"), ("virtfn10", "c"), ("virtfn1", None), ("virtfnx", "d")))
    assert vf_numbers({"a": pf}) == {("a", "b"): 0, ("a", "c"): 10, ("a", None): 1}


GOOD = RawVdpa("vdpa0", "vhost_vdpa", ("vhost-vdpa-3",), None)


def vdpa_device(*vdpa: RawVdpa, class_code: bytes = b"0x020000\n", physfn: str | None = "0000:3b:00.0") -> Device:
    kin = Kin(PF if physfn else None, physfn is not None, 0, Serial(None, None), vdpa)
    return device_of(ADDRESS, raw({**NIC, "class": class_code}, physfn=physfn), kin=kin)


def test_a_vf_with_a_vdpa_device_over_it_is_one() -> None:
    seen = vdpa_device(GOOD)
    assert seen.device_type is DeviceType.VDPA
    assert seen.vdpa == (VdpaDevice("vdpa0", "net", "vhost_vdpa", "/dev/vhost-vdpa-3"),)
    assert seen.faults == ()


@pytest.mark.parametrize(("driver", "said"), [("virtio_vdpa", "virtio_vdpa"), (None, "no driver")])
def test_a_vdpa_device_that_is_not_bound_to_vhost_vdpa_is_a_fault(driver: str | None, said: str) -> None:
    seen = vdpa_device(GOOD._replace(driver=driver, children=()))
    assert seen.faults == (Fault(FaultKind.VDPA_NOT_VHOST, f"vdpa0 is bound to {said}"),)


def test_a_vdpa_device_whose_node_is_not_there_yet_is_a_fault() -> None:
    assert vdpa_device(GOOD._replace(children=())).faults == (Fault(FaultKind.VDPA_NOT_VHOST, "vdpa0 has no vhost-vdpa node"),)


@pytest.mark.parametrize(("class_code", "said"), [(b"0x018000\n", "block"), (b"0x0b4000\n", "unknown")])
def test_a_vdpa_device_that_is_no_net_device_is_a_fault(class_code: bytes, said: str) -> None:
    assert vdpa_device(GOOD, class_code=class_code).faults == (Fault(FaultKind.VDPA_NOT_NET, f"vdpa0 is of class {said}"),)


@pytest.mark.parametrize(("virtio_id", "said"), [(b"0x0001\n", "net"), (b"0x0002\n", "block"), (b"0x0010\n", None), (b"?", None)])
def test_the_virtio_device_knows_the_class_better_than_the_function(virtio_id: bytes, said: str | None) -> None:
    seen = vdpa_device(RawVdpa("vdpa0", "virtio_vdpa", ("virtio4",), virtio_id))
    assert seen.vdpa[0].vdpa_class == said


def test_a_vdpa_device_over_a_function_that_is_no_vf_is_a_fault_of_it() -> None:
    seen = vdpa_device(GOOD, physfn=None)
    assert seen.device_type is DeviceType.PCI
    assert seen.faults == (Fault(FaultKind.VDPA_PARENT_NOT_VF, "vdpa0 is over a type-PCI function"),)


RAWS = st.none() | st.text() | st.binary() | st.sampled_from([*NIC.values(), *SRIOV.values(), b"-1\n", b"8.0 GT/s PCIe\n"])
FUNCTIONS = st.builds(
    RawFunction,
    st.tuples(*[RAWS] * len(FILES)),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | st.text(),
    st.just(()),
    st.lists(st.tuples(st.text(), RAWS), max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
    st.none() | st.text(),
)
VDPA = st.builds(RawVdpa, st.text(), st.none() | st.text(), st.lists(st.text(), max_size=2).map(tuple), RAWS)


@given(FUNCTIONS, st.lists(VDPA, max_size=2).map(tuple))
def test_no_file_can_break_it(function: RawFunction, vdpa: tuple[RawVdpa, ...]) -> None:
    seen = device_of(ADDRESS, function, kin=ALONE._replace(vdpa=vdpa))
    assert seen.address == ADDRESS
    if seen.vendor_id == UNKNOWN_ID or seen.product_id == UNKNOWN_ID:
        assert seen.faults
