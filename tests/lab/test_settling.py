# SPDX-License-Identifier: Apache-2.0
"""VFs go and come while callers claim them: none that is gone, going or half made is handed out.

Removing them takes the kernel seconds, of which it lets nobody read the PF; so what the agent saw last is old then. A VF counts as
here from when its directory is there: what of it is half made after that is not seen here.
"""

import json
from itertools import pairwise
from typing import Any

from tests.lab.callers import Callers, broken_promises
from tests.lab.calling import call
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal

ROUNDS = 2
_WRITE = """
import json, os, sys, threading, time
numvfs, number, *names = sys.argv[1:]
ended, seen = threading.Event(), []
def watch():
    while True:
        last = ended.is_set()
        began = time.time()
        here = [name for name in names if os.path.lexists(f"/sys/bus/pci/devices/{name}")]
        if not seen or here != seen[-1]["here"]:
            seen.append({"from": began, "at": time.time(), "here": here})
        if last:
            return
        time.sleep(0.002)
watching = threading.Thread(target=watch)
watching.start()
with open(numvfs, "w") as file:
    file.write(number)
ended.set()
watching.join()
print(json.dumps(seen))
"""
"""Writes sriov_numvfs, and says which VFs were there at which moments of the host's clock meanwhile."""


def written(host: LabHost, pf: str, number: int, vfs: list[str]) -> list[dict[str, Any]]:
    numvfs = f"/sys/bus/pci/devices/{pf}/sriov_numvfs"
    said = host.run("python3", "-", numvfs, str(number), *vfs, input=_WRITE).stdout
    seen: list[dict[str, Any]] = json.loads(said)
    return seen


def known(host: LabHost, vfs: list[str]) -> set[str]:
    """Those of the VFs that the agent knows."""
    return {device["address"] for device in call(host, "devices")["devices"]} & {*vfs}


def test_no_vf_that_is_going_or_coming_is_handed_out(host: LabHost) -> None:
    pf, vfs = host.address("nic0"), host.vfs("nic0")
    forbidden, refused = list[tuple[float, float]](), [0]
    with Callers(host, {"requests": [{"alias": "vf", "numa_policy": "required"}], "numa_nodes": [0]}) as callers:
        for _ in range(ROUNDS):
            callers.await_acknowledged(4)
            going = written(host, pf, 0, vfs)
            refused.append(callers.refused())
            first_gone = next(moment["at"] for moment in going if len(moment["here"]) < len(vfs))
            await_equal(lambda: known(host, vfs), set[str]())
            coming = written(host, pf, len(vfs), vfs)
            refused.append(callers.refused())
            forbidden.append((first_gone, next(moment["from"] for moment in coming if len(moment["here"]) == len(vfs))))
            await_equal(lambda: known(host, vfs), set(vfs))
        callers.await_acknowledged(4)
    assert all(before < after for before, after in pairwise(refused)), "somebody asks while they go, and while they come"
    given = [(account.claimed_at, account.address) for account in callers.given()]
    assert [each for each in given for begin, end in forbidden if begin < each[0] < end] == []
    assert (callers.wrong, broken_promises(callers.accounts, host)) == ([], [])
