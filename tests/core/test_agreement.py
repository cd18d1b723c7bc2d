# SPDX-License-Identifier: Apache-2.0
"""Agent, journal and libvirt: who does not answer is said, and who disagrees is named with the command that settles it."""

import pytest

from pcipt_agent.core.agreement import (
    Agent,
    Attention,
    DamagedJournal,
    Journal,
    Libvirt,
    NoLibrary,
    NoLibvirt,
    agent_finding,
    claim_findings,
    journal_findings,
    known_versions,
    library_finding,
    libvirt_finding,
)
from pcipt_agent.core.diagnosis import Unseen, Verdict

LIBVIRT = Libvirt("qemu:///system", (9, 0, 0), (7, 2, 19))
BLIND = Unseen("not asked", "sudo x")


def agent(*codes: str) -> Agent:
    attention = tuple(Attention(code, f"{code} it is", f"remedy of {code}") for code in codes)
    return Agent(version="0.1.0", claims=1, libvirt=(8, 0, 0), qemu=(6, 0, 0), attention=attention)


def test_libvirt_that_answers_says_its_versions() -> None:
    found = libvirt_finding(LIBVIRT)
    assert (found.verdict, found.seen) == (Verdict.OK, "qemu:///system answers: libvirt 9.0.0, QEMU 7.2.19")
    assert "QEMU of unknown version" in libvirt_finding(Libvirt("x", (9,), BLIND)).seen


def test_libvirt_that_does_not_answer_is_a_problem_and_one_that_was_not_asked_is_not() -> None:
    found = libvirt_finding(NoLibvirt("qemu:///system", "no answer within 5 s"))
    assert (found.verdict, found.seen) == (Verdict.PROBLEM, "qemu:///system does not answer: no answer within 5 s")
    assert str(found.mend).startswith("systemctl start ")
    assert libvirt_finding(BLIND).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("libvirt", "verdict"), [(LIBVIRT, Verdict.PROBLEM), (NoLibvirt("x", "y"), Verdict.PROBLEM), (BLIND, Verdict.WARNING)]
)
def test_a_libvirt_that_the_agent_has_no_library_for_is_a_problem_though_it_answers(
    libvirt: Libvirt | NoLibvirt | Unseen, verdict: Verdict
) -> None:
    found = library_finding(NoLibrary("libvirt-python is not installed", "/opt/x/bin/python"), libvirt)
    assert (found.verdict, found.mend) == (verdict, "/opt/x/bin/python -m pip install 'pcipt-agent[libvirt]'")
    assert "the agent can't ask libvirt which guests have devices: libvirt-python is not installed" in found.seen


def test_versions_are_those_asked_for_here_or_else_the_agent_s() -> None:
    assert known_versions(LIBVIRT, agent()) == ((9, 0, 0), (7, 2, 19))
    for unanswered in (BLIND, NoLibvirt("x", "y")):
        assert known_versions(unanswered, agent()) == ((8, 0, 0), (6, 0, 0))
        assert all(isinstance(each, Unseen) for each in known_versions(unanswered, BLIND))


def test_an_agent_of_another_version_than_the_one_installed_is_to_be_restarted() -> None:
    assert agent_finding(agent(), "0.1.0").verdict is Verdict.OK
    other = agent_finding(agent(), "0.2.0")
    assert (other.verdict, other.mend) == (Verdict.WARNING, "systemctl restart pcipt-agent.service")
    assert agent_finding(BLIND, "0.1.0").verdict is Verdict.UNKNOWN


def test_a_damaged_journal_is_a_problem_that_names_the_way_out() -> None:
    [found] = journal_findings(DamagedJournal("/s/journal.db", "record 3 is missing", "the way out"))
    assert (found.verdict, found.seen, found.mend) == (Verdict.PROBLEM, "/s/journal.db: record 3 is missing", "# the way out")
    [whole] = journal_findings(Journal("/s/journal.db", 5, 2))
    assert (whole.verdict, whole.seen) == (Verdict.OK, "/s/journal.db is whole: 5 records replayed, 2 claims held")
    assert [each.verdict for each in journal_findings(None)] == [Verdict.OK]
    assert [each.verdict for each in journal_findings(BLIND)] == [Verdict.UNKNOWN]


def test_a_damaged_history_is_no_damage_of_the_claims() -> None:
    whole, history = journal_findings(Journal("/s/journal.db", 5, 2, ("integrity check: x",)))
    assert (whole.verdict, history.verdict) == (Verdict.OK, Verdict.WARNING)
    assert "integrity check: x" in history.seen
    assert history.mend


def test_claims_that_agree_are_well() -> None:
    [found] = claim_findings(agent())
    assert (found.check, found.verdict) == ("claims", Verdict.OK)


@pytest.mark.parametrize("code", ["lost", "unlisted", "overdue", "domain-gone", "occupied", "dirty", "a-code-of-a-later-version"])
def test_a_claim_that_disagrees_is_told_in_the_agent_s_words_with_its_remedy(code: str) -> None:
    [found] = claim_findings(agent(code))
    assert (found.check, found.verdict, found.seen, found.mend) == (
        "claims",
        Verdict.WARNING,
        f"{code} it is",
        f"remedy of {code}",
    )


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("journal-unwritable", Verdict.PROBLEM),
        ("scan-failed", Verdict.PROBLEM),
        ("reload-failed", Verdict.WARNING),
        ("notifications-lost", Verdict.WARNING),
        ("hints-not-working", Verdict.WARNING),
    ],
)
def test_what_is_the_agent_s_own_trouble_is_told_apart_from_its_claims(code: str, verdict: Verdict) -> None:
    trouble, claims = claim_findings(agent(code))
    assert (trouble.check, trouble.verdict, claims.check, claims.verdict) == ("agent", verdict, "claims", Verdict.OK)
    assert trouble.mend


def test_without_agent_or_libvirt_nothing_is_concluded_of_claims() -> None:
    [found] = claim_findings(BLIND)
    assert found.verdict is Verdict.UNKNOWN
    trouble, claims = claim_findings(agent("libvirt-unreachable"))
    assert (trouble.verdict, claims.verdict) == (Verdict.WARNING, Verdict.UNKNOWN)
