# SPDX-License-Identifier: Apache-2.0
"""The disk is full: nothing is promised that could be forgotten, what was promised stays, and with room all goes on."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.lab.calling import call
from tests.lab.host import LabHost
from tests.lab.killing import kill_and_await_next
from tests.lab.waiting import await_equal

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


def ask(host: LabHost) -> dict[str, Any]:
    return call(host, "claim", claim_id=str(uuid.uuid4()), consumer=str(uuid.uuid4()), requests=[{"alias": "vf"}])


def ask_until_refused(host: LabHost, promised: dict[str, list[str]]) -> None:
    """For want of room; the journal has some left of its own, and more after a start, and what is given meanwhile is promised."""
    while "devices" in (answer := ask(host)):
        promised[answer["claim_id"]] = addresses(answer)
    assert (answer["code"], "the file system is full" in answer["problem"]) == ("journal-unwritable", True), answer


def addresses(claim: Mapping[str, Any]) -> list[str]:
    return [device["address"] for device in claim["devices"]]


def held(host: LabHost) -> dict[str, list[str]]:
    return {each["claim_id"]: addresses(each) for each in call(host, "claims")["claims"]}


def attention(host: LabHost) -> list[str]:
    return [each["code"] for each in call(host, "status")["attention"]]


def test_nothing_is_given_while_the_disk_is_full_and_all_of_it_again_with_room(cleared: LabHost) -> None:
    host = cleared
    given = ask(host)
    promised = {given["claim_id"]: addresses(given)}
    fill(host)
    ask_until_refused(host, promised)
    assert "journal-unwritable" in attention(host)
    assert held(host) == promised

    kill_and_await_next(host)
    assert held(host) == promised
    ask_until_refused(host, promised)
    assert held(host) == promised

    make_room(host)
    given = ask(host)
    assert held(host) == {**promised, given["claim_id"]: addresses(given)}
    await_equal(lambda: attention(host), [])
