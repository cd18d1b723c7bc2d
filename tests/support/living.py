# SPDX-License-Identifier: Apache-2.0
"""A host that lives: a kernel-shaped tree that a test changes under a running agent, with guests of a libvirt of its own.

The machine has one of each: a network card whose VFs come and go, accelerators with nothing against them (and one for one-time use,
and one that no rule lists), a GPU that shares its IOMMU group with its sound, a card for vfio alone, one on a variant driver. It is
read every second, as no kernel hints at changes of it.

Does not know: what is asked of the agent.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.views.description import parse_description
from tests.support.guests import hostdev_xml
from tests.support.hosttree import HostTree, directory_in_memory
from tests.support.inside import Done, pcipt_inside
from tests.support.running import Agent, configured, until

_VF = "0000:3b:00.{}  15b3:101e  VF {} of 0000:3b:00.0  numa 0  group {}  net ens1f0v{} 02:00:00:00:00:0{}  class 020000\n"
_ACCELERATOR = "0000:b1:00.{}  8086:{}  PCI  numa 0  group {}  class 0b4000\n"
MACHINE = (
    "host boot 1b4e28ba-2fa1-4d12-883f-0016d3cca427\n"
    "node 0  cpus 0-3  socket 0\n"
    "0000:3a:02.0  8086:347a  PCI  numa 0  group 2  driver pcieport  class 060400\n"
    "0000:3b:00.0  15b3:101d  PF  numa 0  group 20  driver mlx5_core  totalvfs 8  numvfs 4  vfproduct 101e  offset 1  stride 1"
    "  net ens1f0 b8:59:9f:00:00:10  class 020000\n"
    + "".join(_VF.format(number + 1, number, 21 + number, number, number) for number in range(4))
    + "0000:41:00.0  10de:2230  PCI  numa 0  group 40  driver nouveau  class 030000\n"
    "0000:41:00.1  10de:1aef  PCI  numa 0  group 40  driver snd_hda_intel  class 040300\n"
    "0000:51:00.0  8086:1592  PCI  numa 0  group 60  driver ice  class 020000\n"
    "0000:51:00.1  8086:1592  PCI  numa 0  group 61  driver vfio-pci  class 020000\n"
    "0000:61:00.0  8086:0b25  PCI  numa 0  driver idxd  class 088000\n"
    "0000:71:00.0  1af4:1045  PCI  numa 0  group 70  driver virtio_vfio_pci  vfio  class 020000\n"
    + "".join(_ACCELERATOR.format(number, product, 50 + number) for number, product in enumerate(("37c8",) * 4 + ("37c9", "37ca")))
)
PF = "0000:3b:00.0"
VFS = tuple(f"0000:3b:00.{number}" for number in range(1, 5))
GPU, SOUND = "0000:41:00.0", "0000:41:00.1"
ACCELERATORS = tuple(f"0000:b1:00.{number}" for number in range(4))
ONE_TIME, UNLISTED = "0000:b1:00.4", "0000:b1:00.5"
ON_ICE, ON_VFIO = "0000:51:00.0", "0000:51:00.1"
UNGROUPED, VARIANT = "0000:61:00.0", "0000:71:00.0"
RULES = """\
device_spec = {"vendor_id": "15b3", "product_id": "101e"}
device_spec = {"vendor_id": "10de"}
device_spec = {"vendor_id": "8086", "product_id": "1592", "managed": "no"}
device_spec = {"vendor_id": "8086", "product_id": "0b25"}
device_spec = {"vendor_id": "1af4", "product_id": "1045"}
device_spec = {"vendor_id": "8086", "product_id": "37c8"}
device_spec = {"vendor_id": "8086", "product_id": "37c9", "one_time_use": "yes"}
alias = {"name": "vf", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
alias = {"name": "gpu", "vendor_id": "10de", "product_id": "2230"}
alias = {"name": "sound", "vendor_id": "10de", "product_id": "1aef"}
"""
CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"


class LivingHost:
    """The tree in `directory/root`, and what an agent on it is configured with."""

    def __init__(self, directory: Path, machine: str = MACHINE) -> None:
        self.host: Host = parse_description(machine, "machine")
        self.tree = HostTree(directory / "root", self.host)
        self.directory = directory

    def configuration(self, *, agent: str = "", uri: str | None = None, rules: str = RULES) -> Path:
        """`agent`: lines of its section beside ours; `uri`: the libvirt that is this host's."""
        libvirt = "" if uri is None else f"[libvirt]\nconnection_uri = {uri}\n"
        path = configured(self.directory, self.tree.root, rules + libvirt)
        path.write_text(path.read_text().replace("[agent]\n", f"[agent]\nrescan_interval = 1\n{agent}"))
        return path

    def device(self, address: str) -> Device:
        return self.host.devices[at(address)]

    def vfs(self) -> tuple[Device, ...]:
        return tuple(self.device(each) for each in VFS)

    def lose_journal(self) -> None:
        shutil.rmtree(self.directory / "state")


def at(text: str) -> PciAddress:
    address = parse_address(text)
    assert address is not None, text
    return address


def hostdevs(*addresses: str) -> str:
    """The elements by which a domain has them."""
    return "".join(hostdev_xml(at(each)) for each in addresses)


@contextlib.contextmanager
def living_host(machine: str = MACHINE) -> Iterator[LivingHost]:
    with directory_in_memory() as directory:
        yield LivingHost(directory, machine)


def pcipt(agent: Agent, *arguments: str) -> Done:
    """One command line, with this agent's configuration."""
    return pcipt_inside(*arguments, "--config-file", str(agent.config_file))


def claim(agent: Agent, claim_id: str, *addresses: str, consumer: str = CONSUMER, **more: object) -> dict[str, Any]:
    """Of these devices by address, or of what `requests` asks for; the reply, or the refusal."""
    wish: dict[str, object] = {"requests": [{"address": each} for each in addresses]}
    return agent.call("claim", claim_id=claim_id, consumer=consumer, **{**wish, **more})


def given(agent: Agent, claim_id: str, *addresses: str, **more: Any) -> list[dict[str, Any]]:
    """The devices of a claim that is made now."""
    reply = claim(agent, claim_id, *addresses, **more)
    assert reply.get("changed"), reply
    devices: list[dict[str, Any]] = reply["devices"]
    return devices


def free(agent: Agent, *claim_ids: str, **more: object) -> None:
    for each in claim_ids:
        answer = agent.call("free", claim_id=each, **more)
        assert "code" not in answer, answer


def status_of(agent: Agent, address: str) -> tuple[str, str]:
    """Status and reason of one device; two empty texts where it is not there."""
    for device in agent.call("devices")["devices"]:
        if device["address"] == address:
            return device["status"], device["status_reason"] or ""
    return "", ""


def await_status(agent: Agent, address: str, status: str, *, words: str = "", seconds: float = 30.0) -> None:
    """Until the device has the status, and its reason the words."""

    def there() -> bool:
        now, reason = status_of(agent, address)
        return now == status and words in reason

    until(there, seconds)


def attention(agent: Agent) -> dict[str, str]:
    """What needs attention: code → sentence."""
    return {each["code"]: each["what"] for each in agent.call("status")["attention"]}


def why_not(refusal: dict[str, Any]) -> str:
    """What a refused claim was told of each device that it asked for."""
    assert refusal.get("code") == "no-devices", refusal
    funnel = refusal["funnel"]
    return "; ".join(
        [*(each["reason"] for way in funnel["requests"] for each in way["dropped"]), *filter(None, [funnel["together"]])]
    )
