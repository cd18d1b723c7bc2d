# SPDX-License-Identifier: Apache-2.0
"""Functions become what devices.conf says, and nothing that somebody may be using is touched."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.conf.device_setup import FunctionSetUp
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType, HostUse, HostUseKind
from pcipt_agent.core.host import Host
from pcipt_agent.flows.setting_up import Done, Outcome, Patience, SettingUp
from pcipt_agent.readers import reader_at
from tests.support.hosttree import directory_in_memory
from tests.support.kernel_settings import ObeyingKernel, pf, vf
from tests.support.ports import GivenReader

NIC, GPU = PciAddress(0, 0x3B, 0, 0), PciAddress(0, 0xAF, 0, 0)


def gpu(driver: str | None) -> Device:
    return Device(address=GPU, device_type=DeviceType.PCI, vendor_id="10de", product_id="20b5", class_code=0x030200, driver=driver)


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s")


def set_up(
    kernel: ObeyingKernel,
    *wanted: FunctionSetUp,
    only: Collection[PciAddress] = (),
    dry_run: bool = False,
    patience: Patience | None = None,
) -> list[Done]:
    patience = patience or Patience(0, never)
    return list(SettingUp(reader_at(kernel.root), kernel, dry_run=dry_run, patience=patience).run(wanted, only))


def said(done: list[Done]) -> list[tuple[str, str]]:
    return [(str(each.outcome), each.wish) for each in done]


def drivers(kernel: ObeyingKernel) -> list[str | None]:
    """Of the VFs."""
    return [device.driver for device in kernel.host().vfs_of(NIC)]


def test_vfs_are_made_and_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC))
    wanted = FunctionSetUp(address=NIC, vfs=4)
    assert said(set_up(kernel, wanted)) == [("done", "vfs = 4")]
    assert drivers(kernel) == ["mlx5_core"] * 4
    kernel.writes.clear()
    assert said(set_up(kernel, wanted)) == [("already", "vfs = 4")]
    assert kernel.writes == []


def test_vfs_that_are_to_have_a_driver_are_never_bound_to_another_in_between(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC))
    wanted = FunctionSetUp(address=NIC, vfs=2, vf_driver="vfio-pci")
    assert said(set_up(kernel, wanted)) == [("done", "vfs = 2"), ("done", "driver = vfio-pci"), ("done", "driver = vfio-pci")]
    assert drivers(kernel) == ["vfio-pci", "vfio-pci"]
    assert [path for path, _ in kernel.writes if path.endswith("unbind")] == []
    assert {outcome for outcome, _ in said(set_up(kernel, wanted))} == {"already"}


def test_a_vfs_own_section_goes_before_its_pfs(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vfio-pci", "mlx5_vfio_pci"])
    set_up(
        kernel,
        FunctionSetUp(address=NIC, vfs=2, vf_driver="mlx5_vfio_pci"),
        FunctionSetUp(address=vf(NIC, 1).address, driver="vfio-pci"),
    )
    assert drivers(kernel) == ["mlx5_vfio_pci", "vfio-pci"]


def test_one_function_is_set_up_with_its_vfs_own_sections_and_the_others_are_not(tmp_path: Path) -> None:
    """As the udev rule asks for it where a PF is plugged in."""
    kernel = ObeyingKernel(tmp_path, pf(NIC), gpu("nouveau"), drivers=["vfio-pci", "mlx5_vfio_pci"])
    wanted = [
        FunctionSetUp(address=NIC, vfs=2, vf_driver="mlx5_vfio_pci"),
        FunctionSetUp(address=vf(NIC, 1).address, driver="vfio-pci"),
        FunctionSetUp(address=GPU, driver="vfio-pci"),
    ]
    done = set_up(kernel, *wanted, only={NIC})
    assert {str(each.outcome) for each in done} == {"done"}
    assert drivers(kernel) == ["mlx5_vfio_pci", "vfio-pci"]
    assert kernel.host().devices[GPU].driver == "nouveau"


def test_vfs_in_another_number_are_left_and_get_what_else_is_asked_for(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC))
    set_up(kernel, FunctionSetUp(address=NIC, vfs=2))
    [vfs, *_] = set_up(kernel, FunctionSetUp(address=NIC, vfs=4))
    assert vfs.outcome is Outcome.FAILED
    assert "it has 2 VFs, and they are left as they are" in vfs.note
    assert "echo 0 > /sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs" in vfs.note
    assert len(drivers(kernel)) == 2


@pytest.mark.parametrize(
    ("device", "vfs", "note"),
    [
        (pf(NIC, total_vfs=8), 9, "it can have 8 VFs at most (sriov_totalvfs)"),
        (pf(NIC, driver=None), 2, "no driver is bound to it, and VFs are its driver's to make"),
        (replace(gpu("nouveau"), address=NIC), 2, "it has no SR-IOV"),
        (gpu("nouveau"), 2, "it is not on this host"),
    ],
)
def test_vfs_that_can_not_be_are_said_before_anything_is_written(tmp_path: Path, device: Device, vfs: int, note: str) -> None:
    kernel = ObeyingKernel(tmp_path, device)
    [done] = set_up(kernel, FunctionSetUp(address=NIC, vfs=vfs))
    assert (done.outcome, kernel.writes) == (Outcome.FAILED, [])
    assert note in done.note


def test_a_write_that_is_taken_and_not_obeyed_is_seen(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC))
    kernel.deaf = {"sriov_numvfs"}
    [done] = set_up(kernel, FunctionSetUp(address=NIC, vfs=2))
    assert done.note == "/sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs was written '2' and holds '0'; see dmesg"


@pytest.mark.parametrize("before", [None, "nouveau"])
def test_a_function_gets_its_driver(tmp_path: Path, before: str | None) -> None:
    kernel = ObeyingKernel(tmp_path, gpu(before))
    assert said(set_up(kernel, FunctionSetUp(address=GPU, driver="vfio-pci"))) == [("done", "driver = vfio-pci")]
    assert kernel.host().devices[GPU].driver == "vfio-pci"
    assert kernel.host().devices[GPU].driver_override == "vfio-pci"


def test_a_driver_that_does_not_take_it_leaves_the_way_back_in_the_answer(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, gpu("nouveau"))
    kernel.unbindable = {"vfio-pci"}
    [done] = set_up(kernel, FunctionSetUp(address=GPU, driver="vfio-pci"))
    assert done.outcome is Outcome.FAILED
    assert "No such device" in done.note
    assert "no driver has it now" in done.note
    assert "echo 0000:af:00.0 > /sys/bus/pci/drivers_probe" in done.note


def test_a_driver_that_is_nowhere_is_said_before_the_present_one_is_taken_away(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, gpu("nouveau"))
    [done] = set_up(kernel, FunctionSetUp(address=GPU, driver="vfio-pic"))
    assert "Module vfio-pic not found" in done.note
    assert (kernel.writes, kernel.host().devices[GPU].driver) == ([], "nouveau")


def test_a_function_that_a_guest_may_have_keeps_its_driver(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, gpu("vfio-pci"), drivers=["nvgrace_gpu_vfio_pci"])
    [done] = set_up(kernel, FunctionSetUp(address=GPU, driver="nvgrace_gpu_vfio_pci"))
    assert done.note.startswith("vfio-pci has it, so a guest may")
    assert kernel.writes == []


def test_a_function_that_the_host_uses_keeps_its_driver(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, gpu("nouveau"))
    kernel.tree.write(GPU, "boot_vga", content=b"1\n")
    kernel.tree.write(GPU, "class", content=b"0x030000\n")
    [done] = set_up(kernel, FunctionSetUp(address=GPU, driver="vfio-pci"))
    assert done.note.startswith("the host uses it: ")
    assert kernel.writes == []


def test_a_pf_with_vfs_keeps_its_driver(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC))
    set_up(kernel, FunctionSetUp(address=NIC, vfs=2))
    [done] = set_up(kernel, FunctionSetUp(address=NIC, driver="vfio-pci"))
    assert done.note == "its 2 VFs would go with its driver mlx5_core"


def test_each_vf_gets_a_vdpa_device_of_its_number_for_guests(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vp-vdpa", "vhost_vdpa"])
    wanted = FunctionSetUp(address=NIC, vfs=2, vf_driver="vp-vdpa", vf_vdpa="fast")
    set_up(kernel, wanted)
    found = [(vdpa.name, vdpa.driver) for device in kernel.host().vfs_of(NIC) for vdpa in device.vdpa]
    assert found == [("fast0", "vhost_vdpa"), ("fast1", "vhost_vdpa")]
    assert {outcome for outcome, _ in said(set_up(kernel, wanted))} == {"already"}


def test_a_vdpa_device_that_the_host_took_for_itself_is_given_to_guests(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vhost_vdpa"])
    kernel.vdpa_driver = "virtio_vdpa"
    set_up(kernel, FunctionSetUp(address=NIC, vfs=1, vf_vdpa="fast"))
    [device] = kernel.host().vfs_of(NIC)
    assert device.vdpa[0].driver == "vhost_vdpa"


def test_a_vdpa_name_that_another_function_has_is_refused(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vhost_vdpa"])
    set_up(kernel, FunctionSetUp(address=NIC, vfs=2), FunctionSetUp(address=vf(NIC, 0).address, vdpa="fast"))
    [done] = set_up(kernel, FunctionSetUp(address=vf(NIC, 1).address, vdpa="fast"))
    assert "there is a vDPA device fast over another function" in done.note


def test_one_function_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), gpu("nouveau"))
    done = set_up(kernel, FunctionSetUp(address=NIC, vfs=99), FunctionSetUp(address=GPU, driver="vfio-pci"))
    assert said(done) == [("failed", "vfs = 99"), ("done", "driver = vfio-pci")]


def test_a_dry_run_writes_nothing_and_says_what_would_follow(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), gpu("nouveau"))
    wanted = (
        FunctionSetUp(address=NIC, vfs=2, vf_driver="vp-vdpa", vf_vdpa="fast"),
        FunctionSetUp(address=GPU, driver="vfio-pci", vdpa="v0"),
    )
    done = set_up(kernel, *wanted, dry_run=True)
    assert said(done) == [("would", "vfs = 2"), ("would", "driver = vfio-pci"), ("would", "vdpa = v0")]
    assert done[0].note == "then each of them: driver = vp-vdpa, vdpa = fastN"
    assert kernel.writes == []


def test_it_waits_for_a_pf_and_for_its_driver_and_not_for_ever(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, gpu("nouveau"))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            kernel.tree.plug(pf(NIC, driver=None))
        if len(pauses) == 4:
            kernel.tree.bind(NIC, "mlx5_core")

    wanted = [FunctionSetUp(address=NIC, vfs=2), FunctionSetUp(address=GPU, driver="vfio-pci")]
    assert {str(each.outcome) for each in set_up(kernel, *wanted, patience=Patience(30, pause))} == {"done"}
    assert len(pauses) == 4
    missing = FunctionSetUp(address=PciAddress(0, 1, 0, 0), driver="vfio-pci")
    [done] = set_up(kernel, missing, patience=Patience(3, pauses.append))
    assert (str(done.outcome), sum(pauses[4:])) == ("failed", 3.0)


def test_a_vf_with_a_section_of_its_own_is_not_waited_for_before_it_is_made(tmp_path: Path) -> None:
    """Else each boot would wait as long as it may, and guests with it."""
    kernel = ObeyingKernel(tmp_path, pf(NIC))
    wanted = [FunctionSetUp(address=NIC, vfs=2), FunctionSetUp(address=vf(NIC, 1).address, driver="vfio-pci")]
    done = set_up(kernel, *wanted, patience=Patience(30, never))
    assert ({str(each.outcome) for each in done}, drivers(kernel)) == ({"done"}, ["mlx5_core", "vfio-pci"])


def test_who_makes_vdpa_devices_of_a_new_vf_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    """mlx5_vdpa is loaded by udev, some time after mlx5_core took the VF."""
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vhost_vdpa"])
    kernel.makes_vdpa = False
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        kernel.makes_vdpa = len(pauses) == 3

    wanted = FunctionSetUp(address=NIC, vfs=1, vf_vdpa="fast")
    assert said(set_up(kernel, wanted, patience=Patience(30, pause))) == [("done", "vfs = 1"), ("done", "vdpa = fast0")]
    kernel.makes_vdpa = False
    other = FunctionSetUp(address=vf(NIC, 0).address, vdpa="slow0")
    [done] = set_up(kernel, other, patience=Patience(2, pauses.append))
    assert (str(done.outcome), sum(pauses[3:])) == ("failed", 2.0)
    assert "Operation not supported" in done.note


def test_a_function_with_a_vdpa_device_keeps_its_driver(tmp_path: Path) -> None:
    """A guest may have that: vhost_vdpa is the driver that gives it to one."""
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vhost_vdpa", "vfio-pci"])
    set_up(kernel, FunctionSetUp(address=NIC, vfs=1, vf_vdpa="fast"))
    kernel.writes.clear()
    [done] = set_up(kernel, FunctionSetUp(address=vf(NIC, 0).address, driver="vfio-pci"))
    assert "vDPA device fast0 would go with its driver mlx5_core" in done.note
    assert "vdpa dev del fast0" in done.note
    assert (kernel.writes, drivers(kernel)) == ([], ["mlx5_core"])


def test_a_vdpa_device_that_the_host_uses_keeps_its_driver(tmp_path: Path) -> None:
    kernel = ObeyingKernel(tmp_path, pf(NIC), drivers=["vhost_vdpa"])
    kernel.vdpa_driver = "virtio_vdpa"
    kernel.add_vdpa("host0", f"pci/{NIC}")
    used = replace(kernel.host().devices[NIC], host_uses=(HostUse(HostUseKind.ADDRESS, "eth9 has 192.0.2.9"),))
    reader = GivenReader(replace(kernel.host(), devices={NIC: used}))
    setting_up = SettingUp(reader, kernel, dry_run=False, patience=Patience(0, never))
    [done] = setting_up.run([FunctionSetUp(address=NIC, vdpa="host0")])
    assert done.note == "virtio_vdpa has it, and the host uses it: eth9 has 192.0.2.9; free it of that first"
    assert kernel.writes == []


FUNCTIONS = st.builds(
    FunctionSetUp,
    address=st.just(NIC),
    vfs=st.none() | st.integers(1, 10),
    driver=st.none() | st.just("vfio-pci"),
    vf_driver=st.sampled_from([None, "vfio-pci", "vp-vdpa", "no-such"]),
    vf_vdpa=st.none() | st.just("fast"),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(FUNCTIONS, min_size=1, max_size=4))
def test_whatever_is_asked_for_in_whatever_order_no_vf_goes_and_no_vfio_driver_loses_its_function(
    wishes: list[FunctionSetUp],
) -> None:
    with directory_in_memory() as root:
        kernel = ObeyingKernel(root / "host", pf(NIC), drivers=["vfio-pci", "vp-vdpa", "vhost_vdpa"])
        before: Host = kernel.host()
        for wish in wishes:
            set_up(kernel, wish)
            after = kernel.host()
            assert set(before.devices) <= set(after.devices)
            for address, device in before.devices.items():
                if device.vfio_driver:
                    assert after.devices[address].driver == device.driver
            again = set_up(kernel, wish)
            assert Outcome.DONE not in {each.outcome for each in again}
            before = after
