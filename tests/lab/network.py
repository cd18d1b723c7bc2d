# SPDX-License-Identifier: Apache-2.0
"""Several compute hosts on one network.

Each has a second NIC, lan0, on a network that is this machine's loopback: QEMU sends each frame to all hosts of the network and to
nobody else. They are switched on together, as that takes hardly longer than one where there is a processor for each.

Does not know: what the hosts have to say to each other.
"""

import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import LabHost
from tests.lab.image import image
from tests.lab.installed import install
from tests.lab.power import plugged

_GROUP = "230.77.0.1"
"""Any multicast address; it does not leave the loopback."""
_NETWORK = "/etc/systemd/network/20-lan0"


@dataclass(frozen=True, slots=True)
class Networked:
    """A host with the agent ready, and its address on the network."""

    host: LabHost
    address: str


@contextmanager
def together(machine: str, names: tuple[str, ...]) -> Iterator[tuple[Networked, ...]]:
    """Hosts of these names, each with the agent ready; their power is cut at the end, and nothing of them is left."""
    disk, port = image(), _free_port()
    with ExitStack() as stack:
        hosts = []
        for number, name in enumerate(names, start=1):
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="pcipt-lab-"))
            host = LabHost(plugged(disk, machine, Path(directory), name=name, lan=_nic(number, port)))
            stack.callback(host.power_cut)
            host.switch_on()  # by this thread: a machine goes with the thread that switched it on
            hosts.append(host)
        with ThreadPoolExecutor(len(hosts)) as pool:
            yield tuple(pool.map(_joined, hosts, range(1, len(hosts) + 1)))


def _joined(host: LabHost, number: int) -> Networked:
    host.await_up()
    host.write(f"{_NETWORK}.link", f"[Match]\nMACAddress={_mac(number)}\n\n[Link]\nName=lan0\n")
    network = (
        f"[Match]\nMACAddress={_mac(number)}\n\n[Network]\nAddress=10.77.0.{number}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    )
    host.write(f"{_NETWORK}.network", network)
    host.run("networkctl", "reload")
    install(host)
    return Networked(host, f"10.77.0.{number}")


def _nic(number: int, port: int) -> tuple[str, ...]:
    lan = f"socket,id=net-lan,mcast={_GROUP}:{port},localaddr=127.0.0.1"
    return "-netdev", lan, "-device", f"virtio-net-pci,id=lan,bus=pcie.0,netdev=net-lan,mac={_mac(number)},romfile="


def _mac(number: int) -> str:
    return f"52:54:00:00:01:{number:02x}"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
