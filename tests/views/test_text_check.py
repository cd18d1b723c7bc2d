# SPDX-License-Identifier: Apache-2.0
"""A configuration on a host, for people."""

from pcipt_agent.core.lint import EntryReport
from pcipt_agent.views.text import page
from pcipt_agent.views.text_check import aliases_page, entries_page, taken_page
from tests.support.demo import GPU, NIC, RULES


def test_an_entry_names_the_first_devices_that_it_matches_and_counts_the_rest() -> None:
    addresses = tuple(NIC._replace(function=number) for number in range(6))
    shown = page(entries_page([EntryReport(RULES.specs[2], addresses)]), colour=False)
    assert shown == (
        "[pci] device_spec\n"
        '  entry 3  {"vendor_id": "15b3"}\n'
        "           matches 6 devices: 0000:3b:00.0, 0000:3b:00.1, 0000:3b:00.2, 0000:3b:00.3 and 2 more\n"
    )


def test_an_entry_that_matches_nothing_stands_out() -> None:
    shown = page(entries_page([EntryReport(RULES.specs[1], ()), EntryReport(RULES.specs[1], (GPU,))]), colour=True)
    assert "\x1b[33mmatches nothing on this host\x1b[0m\n" in shown
    assert "matches 1 device: 0000:86:00.0\n" in shown


def test_an_alias_says_how_many_devices_would_do() -> None:
    shown = page(aliases_page([(RULES.aliases["gpu"], 1), (RULES.aliases["nic"], 0)]), colour=False)
    assert shown == (
        "[pci] alias\n"
        "  gpu: 1 device here would do  (type-PCI, NUMA policy required)\n"
        "  nic: 0 devices here would do  (type-VF, NUMA policy legacy)\n"
    )


def test_no_rules_are_said_in_words() -> None:
    assert page([*entries_page([]), *aliases_page([])], colour=False) == (
        "[pci] device_spec\n  no entry, so no device is assignable\n[pci] alias\n  no alias\n"
    )


def test_what_was_taken_of_a_nova_conf_and_what_was_not() -> None:
    shown = page(taken_page("nova.conf", ["[pci] alias"], ["[DEFAULT] host"], []), colour=False)
    assert shown == (
        "nova.conf\n  taken: [pci] alias\n  left out, as our own configuration says it: [DEFAULT] host\n  left out: nothing\n"
    )
