# SPDX-License-Identifier: Apache-2.0
"""The soak itself, short: it finds nothing, it did something of every kind, and it would have found what leaks."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pcipt_agent.core.claim import Decision
from pcipt_agent.core.host import Arrived, Changed, Departed
from pcipt_agent.core.inventory import Inventory
from tests.soak.footprint import Footprint, growth
from tests.soak.running import soak
from tests.soak.steps import KINDS

CHECKOUT = Path(__file__).resolve().parents[2]
STEPS, SEED = 2000, 1


class Hoarder:
    """A listener that keeps all it is told."""

    def __init__(self) -> None:
        self.kept: list[Inventory] = []

    def happened(self, _decision: Decision, inventory: Inventory) -> None:
        self.kept.append(inventory)

    def observed(self, _changes: tuple[Arrived | Departed | Changed, ...], inventory: Inventory) -> None:
        self.kept.append(inventory)


@pytest.fixture(scope="module")
def printed() -> dict[str, int]:
    """Row of the table → its number, of a soak that found nothing."""
    command = [sys.executable, "-m", "tests.soak", "--steps", str(STEPS), "--seed", str(SEED)]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return {row[1]: int(row[2]) for row in re.finditer(r"^ *(\S.*?) +(\d+)$", ran.stdout, re.MULTILINE)}


def test_a_short_soak_finds_nothing(printed: dict[str, int]) -> None:
    assert (printed["steps"], printed["violations"]) == (STEPS, 0)


def test_it_did_something_of_every_kind(printed: dict[str, int]) -> None:
    """A soak whose claims are all refused, or which never starts anew, finds nothing either."""
    done = {kind: printed.get(kind, 0) for kind in (*KINDS, "restart", "kill and start")}
    assert all(done.values()), done
    refused = {kind: sum(number for row, number in printed.items() if row.startswith(f"{kind}: ")) for kind in KINDS}
    assert all(done[kind] > refused[kind] for kind in KINDS if kind != "late claim"), refused
    assert done["claim"] - refused["claim"] > STEPS / 20


def test_a_seed_repeats_a_life() -> None:
    one, other = (soak(300, 5, tell=lambda _: None) for _ in range(2))
    assert (one.kinds, one.refusals, one.notices) == (other.kinds, other.refusals, other.notices)
    assert one.kinds != soak(300, 6, tell=lambda _: None).kinds


def test_what_keeps_all_that_it_is_told_is_found() -> None:
    report = soak(1000, SEED, listeners=[Hoarder()], tell=lambda _: None)
    assert report.fault is None
    assert any("memory has grown by" in sentence for sentence in report.grown), report.footprints


REST = Footprint(step=20_000, rss_mib=70.0, blocks=240_000, descriptors=9, threads=1)


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (replace(REST, rss_mib=74.1), "the resident set has grown by 4.1 MiB"),
        (replace(REST, blocks=242_501), "memory has grown by 2501 blocks"),
        (replace(REST, descriptors=10), "open files have grown from 9 to 10"),
        (replace(REST, threads=2), "threads have grown from 1 to 2"),
    ],
)
def test_what_has_grown_is_said(later: Footprint, told: str) -> None:
    (sentence,) = growth([REST, REST, later])
    assert told in sentence


def test_a_little_more_is_no_growth() -> None:
    assert list(growth([REST, replace(REST, step=100_000, rss_mib=74.0, blocks=245_500), replace(REST, descriptors=8)])) == []
