# SPDX-License-Identifier: Apache-2.0
"""`systemctl reload` of the running unit, with a good and with a bad configuration."""

import uuid

from tests.lab.calling import call
from tests.lab.claiming import claim, status_of
from tests.lab.host import LabHost
from tests.lab.installed import CONFIGURATION


def reload(host: LabHost) -> str:
    """What the agent logs meanwhile; systemd waits until it has said that it is done."""
    before = host.shell("journalctl --sync; journalctl -u pcipt-agent -n 1 --show-cursor -o cat")
    cursor = before.rpartition("-- cursor: ")[2].strip()
    host.shell("systemctl reload pcipt-agent.service; journalctl --sync")
    return host.run("journalctl", "-u", "pcipt-agent", f"--after-cursor={cursor}", "-o", "cat").stdout


def test_rules_that_leave_a_held_device_out_take_the_others_away_and_keep_that_one(host: LabHost) -> None:
    free, held = host.vfs("nic0")[:2]
    given = claim(host, {"address": held}, consumer=str(uuid.uuid4()))
    started_at = call(host, "status")["started_at"]
    rules = host.read(CONFIGURATION)
    nics = ('"product_id": "10ca"', '"product_id": "10c9"')
    entries_left = [
        line for line in rules.splitlines() if not (line.startswith("device_spec") and any(nic in line for nic in nics))
    ]
    host.write(CONFIGURATION, "\n".join(entries_left))
    said = reload(host)
    assert f"{held} is unlisted and kept in use: claim {given.claim_id}" in said
    assert f"{free} leaves" in said
    assert (status_of(host, free), status_of(host, held)) == ("not-assignable", "unlisted")
    assert (
        call(
            host,
            "claim",
            claim_id="more",
            consumer=given.consumer,
            requests=[{"alias": "vf", "numa_policy": "required"}],
            numa_nodes=[0],
        )["code"]
        == "no-devices"
    )

    host.write(CONFIGURATION, rules)
    assert f"{free} arrives" in reload(host)
    assert (status_of(host, free), status_of(host, held)) == ("free", "claimed")
    assert call(host, "status")["started_at"] == started_at


def test_a_mistake_keeps_the_old_rules_and_is_said_until_it_is_mended(host: LabHost) -> None:
    free = host.vfs("nic0")[0]
    before = call(host, "status")
    host.write(CONFIGURATION, host.read(CONFIGURATION) + 'device_spec = {"vendor_idd": "8086"}\n')
    said = reload(host)
    assert "the new configuration is not taken, and the old rules stay" in said
    assert "vendor_idd" in said
    after = call(host, "status")
    assert "vendor_idd" in after["rules"]["reload_failure"]["problem"]
    assert (after["rules"]["digest"], after["started_at"]) == (before["rules"]["digest"], before["started_at"])
    assert "last reload refused" in host.run("systemctl", "status", "pcipt-agent.service").stdout
    assert claim(host, {"address": free}, consumer=str(uuid.uuid4())).addresses == (free,)

    host.shell(f"sed -i /vendor_idd/d {CONFIGURATION}")
    reload(host)
    assert call(host, "status")["rules"]["reload_failure"] is None
