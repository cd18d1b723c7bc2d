# SPDX-License-Identifier: Apache-2.0
"""A described host in a file, in place of this machine's /sys.

The file is read again at every look, so that a person can edit the host under a running agent as a hot plug would.

Does not know: the language (`views.description`), how a real host is read (`adapters.sysfs`).
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.views.description import parse_description


class DescribedReader:
    """Reads the description at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._host: Host | None = None

    def read(self) -> Host:
        """The host as it is described now; the same object where that has not changed. Raises HostError where it says no host."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except OSError as error:
            raise HostError(str(self._path), error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise HostError(str(self._path), f"no text in UTF-8: {error.reason} at byte {error.start}") from error
        host = parse_description(text, str(self._path))
        before = self._host
        if before == host:
            return before
        if before is not None:
            host = replace(
                host, devices={address: _kept(before.devices.get(address), now) for address, now in host.devices.items()}
            )
        self._host = host
        return host

    def read_at(self, addresses: Collection[PciAddress]) -> Host:  # noqa: ARG002
        """The same, whatever the addresses: a description is read whole."""
        return self.read()

    def gone(self, addresses: Collection[PciAddress]) -> frozenset[PciAddress]:  # noqa: ARG002
        """None: all of it would have to be read."""
        return frozenset()


def _kept(before: Device | None, now: Device) -> Device:
    return before if before is not None and before == now else now
