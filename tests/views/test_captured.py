# SPDX-License-Identifier: Apache-2.0
"""A captured host is its description under a head; without serials it says nothing that identifies the machine."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.device import HostUse, HostUseKind, Netdev
from pcipt_agent.core.host import Host
from pcipt_agent.views.captured import LEFT_OUT, Sighting, captured, without_serials
from pcipt_agent.views.description import parse_description
from tests.support.demo import demo_host
from tests.views.test_description import HOSTS

SEEN = Sighting(at=datetime(2026, 11, 21, 14, 0, 5, tzinfo=UTC), where="/", kernel="6.12.48", version="0.1.0", serials=True)


@given(HOSTS)
def test_what_was_captured_is_read_back_as_the_same_host(host: Host) -> None:
    assert parse_description(captured(host, SEEN), "a.host") == host


def test_the_head_says_when_by_what_and_from_where() -> None:
    text = captured(demo_host(), SEEN)
    assert text.startswith("# Captured 2026-11-21 14:00:05Z by pcipt-agent 0.1.0 from /, kernel 6.12.48.\n")
    assert "kernel" not in captured(demo_host(), replace(SEEN, kernel=None)).splitlines()[0]


@given(st.text())
def test_no_name_of_a_directory_can_write_a_line(where: str) -> None:
    text = captured(demo_host(), replace(SEEN, where=where, kernel=where))
    assert parse_description(text, "a.host") == demo_host()


@given(HOSTS)
def test_without_serials_the_text_has_no_serial_number_mac_or_boot_id(host: Host) -> None:
    bare = without_serials(host)
    assert {device.serial for device in bare.devices.values()} <= {None, LEFT_OUT}
    assert {net.mac for device in bare.devices.values() for net in device.netdevs} <= {None}
    uses = [use for device in bare.devices.values() for use in device.host_uses]
    assert {use.detail for use in uses if use.kind in ("address", "route", "mounted")} <= {LEFT_OUT}
    assert set(bare.boot_id) == set("0-")
    text = captured(bare, replace(SEEN, serials=False))
    assert parse_description(text, "a.host") == bare


def test_without_serials_it_says_so_and_all_else_stays() -> None:
    host = demo_host()
    bare = without_serials(host)
    assert "Left out: serial numbers" in captured(bare, replace(SEEN, serials=False))
    assert re.findall(r"([0-9a-f]{2}:){5}", captured(bare, replace(SEEN, serials=False))) == []
    for address, device in host.devices.items():
        assert replace(device, serial=None, netdevs=()) == replace(bare.devices[address], serial=None, netdevs=())


def test_without_serials_what_the_host_uses_still_shows_by_its_kind() -> None:
    host = demo_host()
    address, device = next(iter(host.devices.items()))
    uses = (HostUse(HostUseKind.ADDRESS, "eth0 has 192.0.2.7"), HostUse(HostUseKind.ENSLAVED, "eth0 is enslaved to bond0"))
    bare = without_serials(replace(host, devices={address: replace(device, host_uses=uses)}))
    assert bare.devices[address].host_uses == (HostUse(HostUseKind.ADDRESS, LEFT_OUT), uses[1])


@pytest.mark.parametrize("serial", [None, "MT2042X00001"])
def test_whether_there_is_a_serial_number_still_shows(serial: str | None) -> None:
    host = demo_host()
    address, device = next(iter(host.devices.items()))
    devices = {address: replace(device, serial=serial, netdevs=(Netdev("eth0", "02:00:00:00:00:01"),))}
    bare = without_serials(replace(host, devices=devices))
    assert (bare.devices[address].serial is None) == (serial is None)
