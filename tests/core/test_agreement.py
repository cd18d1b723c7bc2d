# SPDX-License-Identifier: Apache-2.0
"""Agent, journal and libvirt: who does not answer is said, and who disagrees is named with the command that settles it."""

import pytest

from pcipt_agent.core.agreement import (
    Agent,
    DamagedJournal,
    HeldClaim,
    Journal,
    Libvirt,
    NoLibvirt,
    OddDevice,
    agent_finding,
    claim_findings,
    journal_finding,
    libvirt_finding,
)
from pcipt_agent.core.diagnosis import Unseen, Verdict

HERE, GONE = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10", "00000000-2f4b-4e6e-a9a3-3e9d6f1f6a10"
LIBVIRT = Libvirt("qemu:///system", (9, 0, 0), (7, 2, 19), frozenset({HERE}))
BLIND = Unseen("not asked", "sudo x")
AGENT = Agent("0.1.0", (HeldClaim("c1", HERE, allocated=True),), ())


def test_libvirt_that_answers_says_its_versions() -> None:
    found = libvirt_finding(LIBVIRT)
    assert (found.verdict, found.seen) == (Verdict.OK, "qemu:///system answers: libvirt 9.0.0, QEMU 7.2.19, 1 domain")
    assert "QEMU of unknown version" in libvirt_finding(Libvirt("x", (9,), BLIND, frozenset())).seen


def test_libvirt_that_does_not_answer_is_a_problem_and_one_that_was_not_asked_is_not() -> None:
    found = libvirt_finding(NoLibvirt("qemu:///system", "no answer within 5 s"))
    assert (found.verdict, found.seen) == (Verdict.PROBLEM, "qemu:///system does not answer: no answer within 5 s")
    assert str(found.mend).startswith("systemctl start ")
    assert libvirt_finding(BLIND).verdict is Verdict.UNKNOWN


def test_an_agent_of_another_version_than_the_one_installed_is_to_be_restarted() -> None:
    assert agent_finding(AGENT, "0.1.0").verdict is Verdict.OK
    other = agent_finding(AGENT, "0.2.0")
    assert (other.verdict, other.mend) == (Verdict.WARNING, "systemctl restart pcipt-agent.service")
    assert agent_finding(BLIND, "0.1.0").verdict is Verdict.UNKNOWN


def test_a_damaged_journal_is_a_problem_that_names_the_way_out() -> None:
    found = journal_finding(DamagedJournal("/s/journal.db", "record 3 is missing", "the way out"))
    assert (found.verdict, found.seen, found.mend) == (Verdict.PROBLEM, "/s/journal.db: record 3 is missing", "# the way out")
    assert journal_finding(Journal("/s/journal.db", 5, 2)).seen == "/s/journal.db is whole: 5 records replayed, 2 claims held"
    assert journal_finding(None).verdict is Verdict.OK
    assert journal_finding(BLIND).verdict is Verdict.UNKNOWN


def test_claims_that_agree_are_well() -> None:
    [found] = claim_findings(AGENT, LIBVIRT)
    assert found.verdict is Verdict.OK


def test_an_allocated_claim_whose_domain_is_gone_is_named_and_one_not_allocated_yet_is_not() -> None:
    agent = Agent("0.1.0", (HeldClaim("c1", GONE, allocated=True), HeldClaim("c2", GONE, allocated=False)), ())
    [found] = claim_findings(agent, LIBVIRT)
    assert found.verdict is Verdict.WARNING
    assert found.seen == f"claim c1 is allocated, and libvirt has no domain {GONE}"
    assert str(found.mend).startswith("pcipt free c1")


def test_of_many_such_claims_few_are_named_and_all_are_counted() -> None:
    claims = tuple(HeldClaim(f"c{number}", GONE, allocated=True) for number in range(10))
    found = list(claim_findings(Agent("0.1.0", claims, ()), LIBVIRT))
    assert len(found) == 5
    assert "6 more claims" in found[-1].seen


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        ("occupied", "pcipt adopt --dry-run"),
        ("dirty", "pcipt clean 0000:3b:00.2"),
        ("lost", "pcipt free c1"),
        ("unlisted", "pcipt explain device 0000:3b:00.2"),
    ],
)
def test_a_device_that_somebody_should_look_at_is_named(status: str, mend: str) -> None:
    agent = Agent("0.1.0", (), (OddDevice("0000:3b:00.2", status, "a reason", "c1"),))
    [found] = claim_findings(agent, LIBVIRT)
    assert (found.verdict, found.seen) == (Verdict.WARNING, f"0000:3b:00.2 is {status}: a reason")
    assert str(found.mend).startswith(mend)


def test_without_agent_or_libvirt_nothing_is_concluded() -> None:
    for agent, libvirt in ((BLIND, LIBVIRT), (AGENT, BLIND), (AGENT, NoLibvirt("x", "y"))):
        [found] = claim_findings(agent, libvirt)
        assert found.verdict is Verdict.UNKNOWN
