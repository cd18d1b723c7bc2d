# SPDX-License-Identifier: Apache-2.0
"""Cards and VFs come and go under the running agent, which is never started anew to see it."""

import uuid
from collections.abc import Iterator, Mapping

import pytest

from tests.lab.callers import Callers, broken_promises
from tests.lab.calling import call
from tests.lab.claiming import claim, driver_of, status_of, statuses
from tests.lab.hardware import Igb, Nvme
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal

BURST = 256
PATIENCE_SECONDS = 10.0
"""For one answer during a burst; the machine is some twenty times as slow as one of metal."""

_BURST = f"""
cd /sys/bus/pci/devices
for round in 1 2; do
  number=0
  while [ $number -lt {BURST // 2} ]; do
    for each in {{lying}}; do echo remove > $each/uevent; echo change > $each/uevent; number=$((number + 2)); done
  done
  if [ $round = 1 ]; then echo {{unbound}} > {{unbound}}/driver/unbind; echo 0 > {{pf}}/sriov_numvfs; fi
done
"""


@pytest.fixture(autouse=True)
def _one_life(host: LabHost) -> Iterator[None]:
    """The agent that sees the end is the one that saw the beginning."""
    before = call(host, "status")["started_at"]
    yield
    assert call(host, "status")["started_at"] == before


def in_kernel(host: LabHost) -> list[str]:
    return sorted(host.shell("ls /sys/bus/pci/devices").split())


def in_agent(host: LabHost) -> list[str]:
    return sorted(device["address"] for device in call(host, "devices")["devices"] if device["status"] != "lost")


def attention(host: LabHost) -> Mapping[str, str]:
    return {each["code"]: each["what"] for each in call(host, "status")["attention"]}


def test_vfs_that_go_and_come_are_seen(host: LabHost) -> None:
    pf, vfs = host.address("nic0"), host.vfs("nic0")
    numvfs = f"/sys/bus/pci/devices/{pf}/sriov_numvfs"
    host.shell(f"echo 0 > {numvfs}")
    await_equal(lambda: statuses(host, [pf, *vfs]), {pf: "free", **dict.fromkeys(vfs)})
    host.shell(f"echo 7 > {numvfs}")
    seven = host.vfs("nic0")
    assert len(seven) == 7
    await_equal(lambda: statuses(host, seven), dict.fromkeys(seven, "free"))
    host.shell(f"echo 0 > {numvfs}; echo {len(vfs)} > {numvfs}")
    await_equal(lambda: statuses(host, seven), {**dict.fromkeys(seven), **dict.fromkeys(vfs, "free")})
    assert in_agent(host) == in_kernel(host)


def test_a_claimed_vf_whose_card_is_pulled_is_lost_and_there_again_with_the_card(host: LabHost) -> None:
    """With the card its VFs come back, and their driver: udev starts the shipped unit for what devices.conf names."""
    (card,) = (card for card in host.machine.cards if card.name == "nic1")
    pf, vfs = host.address("nic1"), host.vfs("nic1")
    given = claim(host, {"address": vfs[0]}, consumer=str(uuid.uuid4()))
    host.pull("nic1")
    await_equal(lambda: statuses(host, [pf, *vfs]), {pf: None, **dict.fromkeys(vfs), vfs[0]: "lost"})
    assert given.claim_id in attention(host)["lost"]
    refusal = call(host, "claim", claim_id="other", consumer=given.consumer, requests=[{"address": vfs[1]}])
    assert refusal["code"] == "no-devices"

    host.put_in(card)
    await_equal(lambda: statuses(host, vfs), {**dict.fromkeys(vfs, "free"), vfs[0]: "claimed"}, seconds=180)
    (seen,) = call(host, "claims", claim_id=given.claim_id)["claims"]
    assert seen["devices"][0]["fingerprint_differs"] == []
    assert attention(host) == {}
    call(host, "free", claim_id=given.claim_id)
    assert status_of(host, vfs[0]) == "free"
    assert {driver_of(host, vf) for vf in vfs} == {"vfio-pci"}


def test_another_card_in_the_slot_of_a_claimed_one_is_flagged_and_nobody_elses(host: LabHost) -> None:
    pf = host.address("nic0")
    given = claim(host, {"address": pf}, consumer=str(uuid.uuid4()))
    host.pull("nic0")
    await_equal(lambda: status_of(host, pf), "lost")
    host.put_in(Nvme("another", vfs=0), slot="port-nic0")
    await_equal(lambda: status_of(host, pf), "claimed")
    (seen,) = call(host, "claims", claim_id=given.claim_id)["claims"]
    assert {"vendor_id", "product_id"} <= set(seen["devices"][0]["fingerprint_differs"])
    assert given.claim_id in attention(host)["fingerprint-differs"]
    refusal = call(host, "claim", claim_id="other", consumer=given.consumer, requests=[{"address": pf}])
    assert refusal["code"] == "no-devices"

    call(host, "free", claim_id=given.claim_id)
    assert attention(host) == {}
    assert claim(host, {"address": pf}, consumer=given.consumer).addresses == (pf,)
    host.pull("another")


def test_a_card_in_a_slot_that_was_empty_is_given_away(host: LabHost) -> None:
    host.put_in(Igb("guest-card", 0), slot="port-slot")
    pf = host.address("guest-card")
    await_equal(lambda: statuses(host, [pf]), {pf: "free"})
    host.shell(f"echo 2 > /sys/bus/pci/devices/{pf}/sriov_numvfs")
    vfs = host.vfs("guest-card")
    await_equal(lambda: statuses(host, vfs), dict.fromkeys(vfs, "free"))
    assert claim(host, {"address": vfs[1]}, consumer=str(uuid.uuid4())).addresses == (vfs[1],)
    host.pull("guest-card")
    await_equal(lambda: statuses(host, [pf, *vfs]), {pf: None, vfs[0]: None, vfs[1]: "lost"})


def test_a_burst_of_events_that_lie_leaves_the_right_state_and_holds_up_no_caller(host: LabHost) -> None:
    """In their midst VFs go for good, and another, which is to have it, loses its driver."""
    pf, vfs, (unbound, *others) = host.address("nic0"), host.vfs("nic0"), host.vfs("nic1")
    with Callers(host, {"requests": [{"alias": "nvme-vf"}]}, count=1) as callers:
        callers.await_acknowledged(1)
        host.shell(_BURST.format(lying=" ".join([unbound, *others]), pf=pf, unbound=unbound))
        wanted = {pf: "free", **dict.fromkeys(vfs), unbound: "unusable", **dict.fromkeys(others, "free")}
        await_equal(lambda: statuses(host, list(wanted)), wanted)
        assert in_agent(host) == in_kernel(host)
    assert (callers.wrong, broken_promises(callers.accounts, host)) == ([], [])
    assert callers.slowest_seconds < PATIENCE_SECONDS
