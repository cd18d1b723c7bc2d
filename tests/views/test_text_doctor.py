# SPDX-License-Identifier: Apache-2.0
"""A diagnosis as a page."""

from pcipt_agent.core.diagnosis import Finding, Verdict, ok
from pcipt_agent.views.text import page
from pcipt_agent.views.text_doctor import doctor_page

FINDINGS = [
    ok("firmware", "sys/firmware/acpi/tables has DMAR (VT-d)"),
    Finding("vfio-pci", Verdict.PROBLEM, "kernel 6.12 has no vfio-pci", "apt-get install x"),
    Finding("unit", Verdict.UNKNOWN, "systemd was not asked"),
    Finding("udev", Verdict.WARNING, "its daemon does not run", "systemctl start y"),
]


def test_each_finding_is_a_line_and_below_it_stands_what_mends_it() -> None:
    assert page(doctor_page(FINDINGS), colour=False) == (
        "ok              firmware  sys/firmware/acpi/tables has DMAR (VT-d)\n"
        "problem         vfio-pci  kernel 6.12 has no vfio-pci\n"
        "                          apt-get install x\n"
        "could-not-tell  unit      systemd was not asked\n"
        "warning         udev      its daemon does not run\n"
        "                          systemctl start y\n"
        "1 problem, 1 warning, 1 could not be told, 1 ok\n"
    )


def test_nothing_that_was_seen_can_move_a_terminal_s_cursor() -> None:
    text = page(doctor_page([Finding("x", Verdict.OK, "a\x1b[2Jb\r", "c\x1b]0;d\x07")]), colour=True)
    assert "\x1b[2J" not in text
    assert "\x1b]0" not in text
    assert r"a\x1b[2Jb\r" in text


def test_a_diagnosis_without_findings_is_a_sum() -> None:
    assert page(doctor_page([]), colour=False) == "0 problems, 0 warnings, 0 could not be told, 0 ok\n"
