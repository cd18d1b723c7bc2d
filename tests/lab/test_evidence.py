# SPDX-License-Identifier: Apache-2.0
"""What a failure shows of a host: without it, one that is seen once in a hundred runs is never understood."""

import re

from tests.lab.host import LabHost


def test_each_processor_is_shown_with_its_stack_and_the_agent_with_its_log(host: LabHost) -> None:
    evidence = dict(host.evidence())
    processors = evidence["processors"]
    assert len(re.findall(r"^RIP=[0-9a-f]{16} ", processors, re.MULTILINE)) == host.machine.nodes
    assert re.search(r"^[0-9a-f]{16}: 0x[0-9a-f]{16} 0x[0-9a-f]{16}$", processors, re.MULTILINE)
    assert evidence["console"]
    assert "pcipt-agent[" in next(text for what, text in evidence.items() if what.startswith("journalctl"))
