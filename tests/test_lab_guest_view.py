# SPDX-License-Identifier: Apache-2.0
"""tests.lab.guest_view: on what a guest's console showed."""

from tests.lab.guest_view import guest_view

CONSOLE = """\
SeaBIOS (version 1.16.3-debian-1.16.3-2)\r
[    0.000000] PCIPT is no word of the kernel's\r
PCIPT-GUEST function 0000:00:00.0 8086 29c0 060000 -\r
PCIPT-GUEST function 0000:01:00.0 8086 10ca 020000 igbvf\r
PCIPT-GUEST netdev 0000:01:00.0 eth0 36:a0:9c:5c:0a:31\r
PCIPT-GUEST function 0000:02:00.0 1b36 0010 010802 nvme\r
PCIPT-GUEST block 0000:02:00.0 nvme0n1 131072\r
PCIPT-GUEST-READY\r
"""


def test_functions_are_shown_with_what_the_guest_made_of_them() -> None:
    bridge, nic, disk = guest_view(CONSOLE).functions
    assert (bridge.ids, bridge.class_code, bridge.driver, bridge.netdevs) == ("8086:29c0", "060000", None, ())
    assert (nic.address, nic.driver, nic.netdevs) == ("0000:01:00.0", "igbvf", (("eth0", "36:a0:9c:5c:0a:31"),))
    assert (disk.driver, disk.blocks) == ("nvme", (("nvme0n1", 131072),))
    assert guest_view(CONSOLE).with_ids("8086:10ca") == [nic]


def test_a_guest_is_ready_with_its_last_line_and_not_before() -> None:
    assert guest_view(CONSOLE).ready
    assert not guest_view(CONSOLE[: -len("Y\r\n")]).ready
    assert guest_view("").functions == ()


def test_a_line_that_is_half_there_is_not_read_yet() -> None:
    whole = guest_view(CONSOLE).functions
    for end in range(len(CONSOLE)):
        for function in guest_view(CONSOLE[:end]).functions:
            assert function.ids in {each.ids for each in whole}
            assert {*function.netdevs} <= {netdev for each in whole for netdev in each.netdevs}
            assert {*function.blocks} <= {block for each in whole for block in each.blocks}
