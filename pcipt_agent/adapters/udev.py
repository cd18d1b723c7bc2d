# SPDX-License-Identifier: Apache-2.0
"""udev's events, as hints where to look again.

Of an event nothing is believed but the place: the last PCI address in its path, because a network interface, a vfio node or a vDPA
device is told of below its function. What is there is for the reader to see. One that is below no function (a bridge, a device
mapper) may still be about something that the host uses.

An event that is lost or odd costs a look at everything. So does a storm: after `MOST` events in one go the rest is thrown away
unread, because a look at everything sees all that they could tell.

Does not know: what is at the address, when anybody looks.
Source: udev_monitor_receive_device(3) in libudev; lib/kobject_uevent.c.
"""

import logging
import os
import re
import select
from pathlib import Path
from typing import Final

import pyudev

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.errors import HostError
from pcipt_agent.ports import Hints

_LOG = logging.getLogger(__name__)

SUBSYSTEMS: Final = ("pci", "net", "block", "vdpa", "vfio-dev")

_CONTROL: Final = Path("/run/udev/control")
"""There where udevd runs; without it nobody sends what we listen to."""
_BUFFER_OCTETS: Final = 4 * 1024 * 1024
"""A few thousand events: 256 VFs that come tell of themselves, of their drivers, their network interfaces and their queues."""
MOST: Final = 2000
"""Events in one go; with more, all are a look at everything."""
_THROWN_AWAY_AT_ONCE: Final = 100_000
_ADDRESS: Final = re.compile(r"/([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])(?![^/])")
_EVERYTHING: Final = Hints(everything=True)


def udev_events() -> "UdevEvents":
    """Listens from now on. Raises HostError where there is nothing to listen to."""
    if not _CONTROL.exists():
        raise HostError(str(_CONTROL), "no udev runs here")
    return listening()


def listening(most: int = MOST) -> "UdevEvents":
    """The same, whether a udev runs or not."""
    try:
        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
    except (ImportError, OSError) as error:  # ImportError: pyudev looks for libudev only here
        raise HostError("udev", str(error)) from error
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    try:
        monitor.set_receive_buffer_size(_BUFFER_OCTETS)
    except OSError as error:
        # Needs CAP_NET_ADMIN, which nothing else here wants. With the kernel's own size a burst overflows sooner: one more look.
        _LOG.debug("the buffer for udev's events stays as it is: %s", error)
    monitor.start()
    return UdevEvents(monitor, most)


class UdevEvents:
    """A `ports.HintSource`."""

    poll_events = select.POLLIN

    def __init__(self, monitor: pyudev.Monitor, most: int) -> None:
        self._monitor = monitor
        self._most = most

    def fileno(self) -> int:
        return int(self._monitor.fileno())

    def take(self) -> Hints:
        addresses: set[PciAddress] = set()
        for _ in range(self._most):
            try:
                device = self._monitor.poll(timeout=0)
                path = None if device is None else device.device_path
            except (OSError, ValueError):  # ENOBUFS: some were lost; else an event that libudev or pyudev can't make sense of
                self._throw_away()
                return _EVERYTHING
            if path is None:
                return Hints(frozenset(addresses))
            address = address_in(path)
            if address is not None:
                addresses.add(address)
        self._throw_away()
        return _EVERYTHING

    def close(self) -> None:
        del self._monitor  # libudev closes the socket when nobody refers to it

    def _throw_away(self) -> None:
        """One octet read is one event gone. Bounded, because a storm may bring them as fast as they go."""
        for _ in range(_THROWN_AWAY_AT_ONCE):
            try:
                os.read(self.fileno(), 1)
            except BlockingIOError:
                return
            except OSError:  # told once that some were lost; the socket is good again
                continue


def address_in(path: str) -> PciAddress | None:
    """The function that a device is or is below; None for one that is below none."""
    found = _ADDRESS.findall(path)
    return parse_address(found[-1]) if found else None
