# SPDX-License-Identifier: Apache-2.0
"""The disk is full: nothing is promised that could be forgotten, what was promised stays, and with room all goes on."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.lab.calling import call
from tests.lab.host import LabHost
from tests.lab.killing import kill_and_await_next

FILLING = "/var/lib/filling"
_FILL = f"""
number=0
while left=$(df -B1 --output=avail /var/lib/pcipt-agent | tail -1); [ $left -gt 0 ]; do
  number=$((number + 1))
  fallocate -l $left {FILLING}-$number
done
"""


def fill(host: LabHost) -> None:
    """No room but what the file system keeps for root, which the agent is not."""
    host.shell(_FILL)


def make_room(host: LabHost) -> None:
    host.shell(f"rm -f {FILLING}-*")


@pytest.fixture
def cleared(host: LabHost) -> Iterator[LabHost]:
    """There is room again afterwards, whatever happens."""
    try:
        yield host
    finally:
        make_room(host)


def ask(host: LabHost, claim_id: str) -> dict[str, Any]:
    return call(host, "claim", claim_id=claim_id, consumer=str(uuid.uuid4()), requests=[{"alias": "vf"}])


def addresses(claim: Mapping[str, Any]) -> list[str]:
    return [device["address"] for device in claim["devices"]]


def held(host: LabHost) -> dict[str, list[str]]:
    return {each["claim_id"]: addresses(each) for each in call(host, "claims")["claims"]}


def attention(host: LabHost) -> list[str]:
    return [each["code"] for each in call(host, "status")["attention"]]


def test_nothing_is_given_while_the_disk_is_full_and_all_of_it_again_with_room(cleared: LabHost) -> None:
    host = cleared
    promised = {"before": addresses(ask(host, "before"))}
    fill(host)
    while "devices" in (answer := ask(host, f"full-{len(promised)}")):  # what the file has room for already
        promised[answer["claim_id"]] = addresses(answer)
    assert (answer["code"], "the file system is full" in answer["problem"]) == ("journal-unwritable", True), answer
    assert attention(host) == ["journal-unwritable"]
    assert held(host) == promised

    kill_and_await_next(host)
    assert held(host) == promised
    assert ask(host, "after-a-kill")["code"] == "journal-unwritable"

    make_room(host)
    answer = ask(host, "with-room")
    assert held(host) == {**promised, "with-room": addresses(answer)}
    assert attention(host) == []
