# SPDX-License-Identifier: Apache-2.0
"""The unit's sandbox as systemd makes it, that it hides nothing that the agent must see, and what `pcipt doctor` says.

No card that QEMU emulates has vital product data, so that the agent may read those is not seen here.

Does not know: guests.
"""

import json
import re
import uuid
from collections.abc import Mapping

import pytest

from tests.lab.calling import call
from tests.lab.claiming import claim
from tests.lab.denials import denials
from tests.lab.disk import disk_in_slot
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal

UNIT = "pcipt-agent.service"
MOST_EXPOSURE = {UNIT: 2.5, "pcipt-devices.service": 3.0}
STATE = "/var/lib/pcipt-agent"
PLACES = ("/tmp/data", "/home/data")
"""Of both the unit has a view of its own."""


@pytest.fixture(scope="module")
def process(lab: LabHost) -> Mapping[str, str]:
    """What the kernel says of the agent's process."""
    status = lab.shell(f"cat /proc/$(systemctl show -P MainPID {UNIT})/status")
    return {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in status.splitlines())}


@pytest.mark.parametrize(("unit", "most"), MOST_EXPOSURE.items())
def test_a_unit_is_exposed_as_little_as_promised(lab: LabHost, unit: str, most: float) -> None:
    said = lab.run("systemd-analyze", "security", "--no-pager", unit).stdout
    found = re.search(rf"Overall exposure level for {unit}: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= most


def test_the_agent_runs_as_its_user_without_any_capability_and_can_not_get_one(lab: LabHost, process: Mapping[str, str]) -> None:
    uid = lab.run("id", "-u", "pcipt").stdout.strip()
    assert uid != "0"
    assert process["Uid"].split() == [uid] * 4
    assert {process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
    assert set(process["Groups"].split()) == set(lab.run("id", "-G", "pcipt").stdout.split())


def test_it_reaches_libvirt_hears_of_devices_and_reads_them_all(lab: LabHost) -> None:
    status = call(lab, "status")
    assert (status["libvirt"]["reachable"], status["libvirt"]["problem"]) == (True, None)
    assert status["libvirt"]["version"].startswith(lab.run("virsh", "--version").stdout.strip())
    assert (status["scan"]["hints"], status["scan"]["hints_problem"], status["scan"]["failure"]) == (True, None, None)
    assert status["attention"] == []
    here = lab.shell("ls /sys/bus/pci/devices").split()
    devices = {each["address"]: each for each in call(lab, "devices", limit=1000)["devices"]}
    assert sorted(devices) == here
    assert [address for address, device in devices.items() if device["facts"]["faults"]] == []


def test_its_log_has_no_warning_of_what_it_may_not_do(lab: LabHost) -> None:
    """What the other tests ask of it is looked at when all of them are over (`conftest`)."""
    assert denials(lab) == []


def test_a_claim_is_in_the_journal_on_the_disk_which_is_the_agent_s_alone(host: LabHost) -> None:
    before = call(host, "status")["journal"]["records"]
    given = claim(host, {"alias": "vf"}, consumer=str(uuid.uuid4()))
    assert call(host, "status")["journal"]["records"] == before + 1
    assert f"{STATE}/journal.db" in host.run("grep", "-rla", given.claim_id, STATE).stdout
    assert host.run("stat", "-c", "%U:%G %a", STATE).stdout.strip() == "pcipt:pcipt 700"


def test_doctor_is_content_and_warns_of_nothing_that_is_not_so(lab: LabHost) -> None:
    done = lab.pcipt("doctor", "--format", "json")
    found = json.loads(done.stdout)["findings"]
    assert (done.returncode, {each["verdict"] for each in found}) == (0, {"ok", "warning"}), done.stdout
    warnings = [each for each in found if each["verdict"] == "warning"]
    assert {each["check"] for each in warnings} == {"configuration", "devices"}
    the_hosts_own, in_one_group, pfs_of_listed_vfs = ("root-disk", "management"), ("pair.0", "pair.1"), ("nic1", "nvme2", "vnic2")
    kept_back = sorted(lab.address(name) for name in (*the_hosts_own, *in_one_group, *pfs_of_listed_vfs))
    assert sorted(each["seen"].partition(": ")[0] for each in warnings if each["check"] == "devices") == kept_back


def test_a_disk_is_seen_to_be_used_by_the_host_wherever_it_is_mounted_before_the_start_and_after(host: LabHost) -> None:
    with disk_in_slot(host) as disk:
        await_equal(lambda: uses(host, disk.address), [])
        host.shell(f"mkfs.ext4 -q /dev/{disk.name}; mkdir -p {' '.join(PLACES)}")
        for place in PLACES:
            host.shell(f"mount /dev/{disk.name} {place}")
            await_equal(lambda: uses(host, disk.address), mounted := [("mounted", f"{disk.name} is mounted on {place}")])
            if place == PLACES[-1]:
                host.shell(f"systemctl restart {UNIT}", timeout=180)
                assert uses(host, disk.address) == mounted
            host.shell(f"umount {place}; rmdir {place}")
            await_equal(lambda: uses(host, disk.address), [])


def uses(host: LabHost, address: str) -> list[tuple[str, str]] | None:
    """How the host itself uses the function, as far as the agent sees; None where it does not see the function."""
    device = call(host, "explain_device", address=address).get("device")
    return None if device is None else [(use["kind"], use["detail"]) for use in device["facts"]["host_uses"]]
