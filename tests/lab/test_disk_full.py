# SPDX-License-Identifier: Apache-2.0
"""The disk is full: nothing is promised that could be forgotten, what was promised stays, and with room all goes on."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.calling import call
from tests.lab.host import LabHost
from tests.lab.killing import kill_and_await_next

FILLING = "/var/lib/filling"
_FILL = f"""
avail() {{ df -B1 --output=avail /var/lib/pcipt-agent | tail -1; }}
number=0
while [ $(avail) -gt 0 ]; do number=$((number + 1)); fallocate -l $(avail) {FILLING}-$number; done
"""


@pytest.fixture
def full(host: LabHost) -> Iterator[LabHost]:
    """No room but what the file system keeps for root, which the agent is not."""
    host.shell(_FILL)
    yield host
    make_room(host)


def make_room(host: LabHost) -> None:
    host.shell(f"rm -f {FILLING}-*")


def ask(host: LabHost, claim_id: str) -> dict[str, Any]:
    return call(host, "claim", claim_id=claim_id, consumer=str(uuid.uuid4()), requests=[{"alias": "vf"}])


def held(host: LabHost) -> dict[str, list[str]]:
    return {each["claim_id"]: [device["address"] for device in each["devices"]] for each in call(host, "claims")["claims"]}


def attention(host: LabHost) -> list[str]:
    return [each["code"] for each in call(host, "status")["attention"]]


def test_nothing_is_given_while_the_disk_is_full_and_all_of_it_again_with_room(full: LabHost) -> None:
    promised = dict[str, list[str]]()
    while "devices" in (answer := ask(full, f"full-{len(promised)}")):  # what the file has room for already
        promised[answer["claim_id"]] = [device["address"] for device in answer["devices"]]
    assert (answer["code"], "the file system is full" in answer["problem"]) == ("journal-unwritable", True), answer
    assert attention(full) == ["journal-unwritable"]
    assert held(full) == promised

    kill_and_await_next(full)
    assert held(full) == promised
    assert ask(full, "after-a-kill")["code"] == "journal-unwritable"

    make_room(full)
    answer = ask(full, "with-room")
    assert held(full) == {**promised, "with-room": [device["address"] for device in answer["devices"]]}
    assert attention(full) == []
