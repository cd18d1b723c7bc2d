# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the agent in the middle of claims, and a libvirtd that goes and comes, while callers go on."""

from tests.lab.callers import Callers, broken_promises
from tests.lab.calling import call
from tests.lab.host import LabHost
from tests.lab.killing import kill
from tests.lab.waiting import await_equal

VFS_OF_NODE_0 = {"requests": [{"alias": "vf", "numa_policy": "required"}], "numa_nodes": [0]}
KILLS = 3


def restarts(host: LabHost) -> int:
    """Those that systemd made by itself."""
    return int(host.run("systemctl", "show", "-P", "NRestarts", "pcipt-agent.service").stdout)


def test_nothing_acknowledged_is_lost_and_nothing_is_held_twice_over_kills_under_load(host: LabHost) -> None:
    before = restarts(host)
    with Callers(host, VFS_OF_NODE_0) as callers:
        for _ in range(KILLS):
            callers.await_acknowledged(6)
            kill(host)
        callers.await_acknowledged(6)
    assert callers.wrong == []
    assert broken_promises(callers.accounts, host) == []
    assert restarts(host) == before + KILLS
    await_equal(lambda: call(host, "status")["attention"], [])


def test_callers_are_answered_while_libvirtd_is_away_and_it_is_found_again(host: LabHost) -> None:
    with Callers(host, VFS_OF_NODE_0) as callers:
        callers.await_acknowledged(2)
        host.shell("systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service")
        await_equal(lambda: call(host, "status")["libvirt"]["reachable"], False)
        callers.await_acknowledged(6)
        host.run("systemctl", "restart", "libvirtd.socket", "libvirtd.service")
        await_equal(lambda: call(host, "status")["libvirt"]["reachable"], True, seconds=60)
        callers.await_acknowledged(2)
    assert callers.wrong == []
    assert broken_promises(callers.accounts, host) == []
