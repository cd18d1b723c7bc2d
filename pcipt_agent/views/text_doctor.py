# SPDX-License-Identifier: Apache-2.0
"""A diagnosis for people: a line a finding, below it the command that mends it, and the sum.

Does not know: what was looked at.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from pcipt_agent.core.diagnosis import Finding, Verdict
from pcipt_agent.views.text import Block, counted, shown

_STYLES: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red", Verdict.UNKNOWN: "magenta"}


def doctor_page(findings: Sequence[Finding]) -> Iterator[Block]:
    mark, name = max(map(len, Verdict)), max((len(each.check) for each in findings), default=0)
    for each in findings:
        line = Text(f"{each.verdict:{mark}}", style=_STYLES[each.verdict])
        yield line.append(Text(f"  {each.check:{name}}  {shown(each.seen)}", style="default"))
        if each.mend is not None:
            yield Text(f"{'':{mark + name + 4}}{shown(each.mend)}", style="bold")
    yield _sum(findings)


def _sum(findings: Sequence[Finding]) -> str:
    count = {verdict: sum(each.verdict is verdict for each in findings) for verdict in Verdict}
    parts = [counted(count[Verdict.PROBLEM], "problem"), counted(count[Verdict.WARNING], "warning")]
    return f"{', '.join(parts)}, {count[Verdict.UNKNOWN]} could not be told, {count[Verdict.OK]} ok"
