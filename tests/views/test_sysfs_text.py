# SPDX-License-Identifier: Apache-2.0
"""The texts of single files: what they mean, and that other texts are told apart."""

from collections.abc import Callable

import pytest

from pcipt_agent.views import sysfs_text


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (sysfs_text.pci_id, b"0x15B3\n", "15b3"),
        (sysfs_text.bare_id, b"1e\n", "001e"),
        (sysfs_text.hexadecimal, b"0x020000\n", 0x020000),
        (sysfs_text.number, b"16\n", 16),
        (sysfs_text.numa_node, b"0\n", 0),
        (sysfs_text.numa_node, b"-1\n", None),
        (sysfs_text.override, b"vfio-pci\n", "vfio-pci"),
        (sysfs_text.override, b"(null)\n", None),
        (sysfs_text.words, b"flr bus\n", ("flr", "bus")),
        (sysfs_text.speed, b"16.0 GT/s PCIe\n", 16.0),
        (sysfs_text.speed, b"2.5 GT/s\n", 2.5),
        (sysfs_text.speed, b"Unknown\n", None),
        (sysfs_text.width, b"8\n", 8),
        (sysfs_text.width, b"255\n", None),
        (sysfs_text.mac, b"b8:59:9f:00:00:10\n", "b8:59:9f:00:00:10"),
    ],
)
def test_a_text_has_its_value(parse: Callable[[bytes], object], text: bytes, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (sysfs_text.pci_id, b"15b3\n"),
        (sysfs_text.pci_id, b"0x15b30\n"),
        (sysfs_text.bare_id, b"0x1e\n"),
        (sysfs_text.hexadecimal, b"020000\n"),
        (sysfs_text.number, b"0x10\n"),
        (sysfs_text.numa_node, b"none\n"),
        (sysfs_text.override, b"\xff\n"),
        (sysfs_text.words, b"flr,bus\n"),
        (sysfs_text.speed, b"fast\n"),
        (sysfs_text.width, b"x8\n"),
        (sysfs_text.mac, b"b8-59-9f-00-00-10\n"),
    ],
)
def test_another_text_is_no_value(parse: Callable[[bytes], object], text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (a decoding error is one too)
        parse(text)
