# SPDX-License-Identifier: Apache-2.0
"""Guests older than the agent, or than its journal: nothing of theirs is handed out, and `pcipt adopt` makes claims of it."""

import uuid
from collections.abc import Mapping
from typing import Any

from tests.lab.calling import call
from tests.lab.claiming import claim, driver_of, status_of
from tests.lab.guests import HOLDER, Guest
from tests.lab.host import LabHost
from tests.lab.vdpa import as_vdpa
from tests.lab.waiting import await_equal

STATE = "/var/lib/pcipt-agent"
VDPA_XML = "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>"
"""As somebody gave it to a guest by hand: vDPA devices are for ports, which no claim asks for yet."""


def without_memory(host: LabHost) -> None:
    """The agent starts as on a host that never had one. It is ready when this returns, and must not need a moment more."""
    host.shell(f"systemctl stop pcipt-agent.service; rm -rf {STATE}/*; systemctl start pcipt-agent.service", timeout=180)


def xml_of(host: LabHost, *addresses: str) -> str:
    """What a claim of these would give to a guest; nobody gets it."""
    requests = [{"address": address} for address in addresses]
    reply = call(host, "claim", claim_id="nobody's", consumer=str(uuid.uuid4()), requests=requests, dry_run=True)
    assert "devices" in reply, reply
    return "".join(each["xml"] for each in reply["devices"])


def claims(host: LabHost) -> Mapping[str, Mapping[str, Any]]:
    """By their consumers."""
    return {each["consumer"]: each for each in call(host, "claims")["claims"]}


def held(claim: Mapping[str, Any]) -> dict[str, bool]:
    """Address → managed."""
    return {each["address"]: each["managed"] for each in claim["devices"]}


def test_guests_older_than_the_agent_keep_what_they_have_and_it_becomes_their_claims(host: LabHost) -> None:
    nic, nvme, virtio, other = host.vfs("nic0")[0], host.vfs("nvme2")[1], host.vfs("vnic2")[0], host.vfs("nic3")[0]
    as_vdpa(host, virtio, "older-0")
    await_equal(lambda: status_of(host, virtio), "free")
    runs, off = str(uuid.uuid4()), str(uuid.uuid4())
    xml, xml_off = xml_of(host, nic, nvme) + VDPA_XML, xml_of(host, other)
    host.shell("systemctl stop pcipt-agent.service")
    older = Guest.create(host, "older", xml, uuid=runs, shape=HOLDER)
    Guest.define(host, "asleep", xml_off, uuid=off, shape=HOLDER)
    before = older.dumpxml()

    without_memory(host)
    devices = (nic, nvme, virtio, other)
    assert {address: status_of(host, address) for address in devices} == dict.fromkeys(devices, "occupied")
    assert claims(host) == {}
    said = host.pcipt("adopt", "--dry-run", check=True).stdout
    assert [name for name in ("older", "asleep", *devices) if name not in said] == []
    assert claims(host) == {}

    host.pcipt("adopt", check=True)
    adopted = claims(host)
    assert {consumer: held(each) for consumer, each in adopted.items()} == {
        runs: {nic: True, nvme: False, virtio: False},
        off: {other: True},
    }
    assert {each["adopted_from"]: each["state"] for each in adopted.values()} == {"older": "allocated", "asleep": "allocated"}
    assert {status_of(host, address) for address in devices} == {"allocated"}
    assert (older.is_running(), older.dumpxml()) == (True, before)
    assert call(host, "adopt")["adopted"] == []

    older.destroy()
    await_equal(lambda: claims(host)[runs]["domain_gone"], True)
    assert sorted(call(host, "free", claim_id=adopted[runs]["claim_id"])["freed"]) == sorted((nic, nvme, virtio))
    await_equal(lambda: driver_of(host, nic), "igbvf")
    assert {status_of(host, address) for address in (nic, nvme, virtio)} == {"free"}


def test_a_journal_that_is_lost_under_a_running_guest_loses_the_guest_nothing(host: LabHost) -> None:
    consumer, promised = str(uuid.uuid4()), str(uuid.uuid4())
    given = claim(host, {"alias": "vf", "numa_policy": "required"}, {"alias": "nvme-vf"}, consumer=consumer)
    only_promised = claim(host, {"alias": "virtio-vf"}, consumer=promised)
    guest = Guest.create(host, "remembered", given.xml, uuid=consumer, shape=HOLDER)
    assert call(host, "allocate", claim_id=given.claim_id)["state"] == "allocated"

    without_memory(host)
    assert {address: status_of(host, address) for address in given.addresses} == dict.fromkeys(given.addresses, "occupied")
    assert {status_of(host, address) for address in only_promised.addresses} == {"free"}
    refusal = call(host, "claim", claim_id="taker", consumer=promised, requests=[{"address": given.addresses[0]}])
    assert (refusal["code"], "remembered" in str(refusal)) == ("no-devices", True)

    host.pcipt("adopt", "remembered", check=True)
    assert {each: tuple(held(found)) for each, found in claims(host).items()} == {consumer: given.addresses}
    assert claims(host)[consumer]["adopted_from"] == "remembered"
    assert guest.is_running()
    xml = call(host, "render", claim_id=claims(host)[consumer]["claim_id"])["elements"]
    assert "".join(xml) == given.xml
