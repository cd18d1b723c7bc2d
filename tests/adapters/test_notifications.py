# SPDX-License-Identifier: Apache-2.0
"""Notifications over our own socket, and what becomes of them where nobody takes any."""

import logging
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from oslo_config import cfg

from pcipt_agent.adapters.notifications import Notifications
from pcipt_agent.core.claim import Claimed, Decision, Freed
from pcipt_agent.core.host import difference
from pcipt_agent.core.inventory import Inventory
from tests.adapters.contract.transport import first_notification, next_other
from tests.support.bus import Echo, Subscriber, notifying, serving, socket_url, subscribed
from tests.support.planned import claimed, freed, host, inventory, pci, wanting, wish

EMPTY = inventory(host(pci("3b:00.0")))
CLAIMED = claimed(EMPTY, "c1", wish(wanting(1)))
CLAIM = Decision(events=(Claimed(CLAIMED.book.claims["c1"]),), at=5.0, boot_id="boot-1", request_id="req-1")


@pytest.fixture
def url() -> Iterator[str]:
    with socket_url() as url:
        yield url


@contextmanager
def notifications(url: str, limit: int = 100, grace: float = 3.0) -> Iterator[Notifications]:
    told = Notifications(cfg.CONF, url, host="host1", limit=limit)
    told.start()
    try:
        yield told
    finally:
        told.close(grace)


@contextmanager
def listened(url: str) -> Iterator[Subscriber]:
    """A subscriber that is subscribed for certain."""
    subscriber = Subscriber()
    with serving(url, Echo()), subscribed(url, subscriber), notifying(url) as notifier:
        first_notification(notifier, subscriber)
        yield subscriber


def test_the_life_of_a_claim_and_of_a_device_is_told(url: str) -> None:
    after: Inventory = freed(CLAIMED, "c1")
    with listened(url) as subscriber, notifications(url) as told:
        told.happened(CLAIM, CLAIMED)
        told.happened(Decision(events=(Freed("c1", 6.0),), at=6.0, boot_id="boot-1"), after)
        told.observed(difference(EMPTY.catalogue.host, host()), inventory(host()))
        got = dict(next_other(subscriber) for _ in range(3))
    assert set(got) == {"pcipt.claim.claimed", "pcipt.claim.freed", "pcipt.device.departed"}
    claim, free = got["pcipt.claim.claimed"], got["pcipt.claim.freed"]
    assert (claim["generation"], claim["request_id"], claim["addresses"]) == (CLAIMED.generation, "req-1", ["0000:3b:00.0"])
    assert (free["generation"], free["consumer"], free["addresses"]) == (after.generation, wish().consumer, ["0000:3b:00.0"])


def test_what_is_queued_is_sent_before_the_end(url: str) -> None:
    with listened(url) as subscriber:
        with notifications(url) as told:
            for _ in range(50):
                told.happened(CLAIM, CLAIMED)
        got = [next_other(subscriber)[0] for _ in range(50)]
    assert got == ["pcipt.claim.claimed"] * 50


def test_a_broker_that_answers_nothing_holds_nobody_and_what_is_lost_is_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rabbit://127.0.0.1:{silent.getsockname()[1]}/"
        command = [sys.executable, "-W", "ignore", "-m", "tests.support.dead_broker", url]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    *lost, seconds, unsent = said
    assert lost[0] == "the message bus takes nothing: notifications are being lost"
    assert float(seconds) < 1
    # The thread may take its first one late, which makes room for one more: what was dropped before that is told on the way.
    told = [re.fullmatch(r"the message bus takes notifications again; (\d+) were lost", line) for line in lost]
    at_the_end = re.fullmatch(r"the message bus takes nothing: (\d+) notifications were not sent", unsent)
    assert at_the_end
    assert sum(int(found[1]) for found in (*told, at_the_end) if found) in (999, 1000)


def test_after_a_gap_the_next_notification_says_how_many_are_missing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Handed over before the thread starts, so that the queue is full for certain."""
    told = Notifications(cfg.CONF, url, host="host1", limit=3)
    with caplog.at_level(logging.WARNING), listened(url) as subscriber:
        for _ in range(5):
            told.happened(CLAIM, CLAIMED)
        told.start()
        got = [dict(next_other(subscriber)[1])["lost"] for _ in range(3)]
        told.happened(CLAIM, CLAIMED)
        got.append(dict(next_other(subscriber)[1])["lost"])
        told.happened(CLAIM, CLAIMED)
        got.append(dict(next_other(subscriber)[1])["lost"])
        told.close()
    assert got == [0, 0, 0, 2, 0]
    assert "the message bus takes notifications again; 2 were lost" in caplog.messages


def test_a_bus_that_is_slower_than_what_happens_is_no_flood_of_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), listened(url), notifications(url, limit=100) as told:
        for _ in range(20_000):
            told.happened(CLAIM, CLAIMED)
    lost = "the message bus takes nothing: notifications are being lost"
    assert 1 <= caplog.messages.count(lost) < 30


def test_nothing_is_sent_to_a_broker_unless_the_operator_says_how() -> None:
    """A queue that nobody reads would grow for ever; the port is one where nobody listens, so sending would be noticed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.5)
        with notifications(f"rabbit://127.0.0.1:{silent.getsockname()[1]}/") as told:
            told.happened(CLAIM, CLAIMED)
        with pytest.raises(TimeoutError):
            silent.accept()
