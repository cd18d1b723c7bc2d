# SPDX-License-Identifier: Apache-2.0
"""A configuration without mistakes, for people: what each entry and alias means on a host, and what is probably not meant.

Does not know: config files, mistakes (`views.mistakes`), claims.
"""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from pcipt_agent.core.address import PciAddress, first_of
from pcipt_agent.core.alias import Alias
from pcipt_agent.core.lint import EntryReport
from pcipt_agent.views.text import aside, counted, heading

_ADDRESSES_A_LINE = 4


def entries_page(entries: Sequence[EntryReport]) -> Iterator[RenderableType]:
    """Each entry in the operator's words, and the devices that it matches."""
    yield heading("[pci] device_spec")
    if not entries:
        yield "  no entry, so no device is assignable"
    for each in entries:
        yield Padding(f"entry {each.spec.entry}  {each.spec.source}", (0, 0, 0, 2), expand=False)
        verdict = _matched(each.matched)
        yield Padding(Text(verdict) if each.matched else Text(verdict, style="yellow"), (0, 0, 0, 11), expand=False)


def aliases_page(aliases: Sequence[tuple[Alias, int]]) -> Iterator[RenderableType]:
    """Each alias, with how many of the host's assignable devices fit it."""
    yield heading("[pci] alias")
    if not aliases:
        yield "  no alias"
    for alias, fitting in aliases:
        policy = alias.numa_policy or "legacy"
        line = Text(f"  {alias.name}: {counted(fitting, 'device')} here would do")
        yield line.append_text(aside(f"  ({alias.device_type}, NUMA policy {policy})"))


def taken_page(path: str, taken: Sequence[str], overridden: Sequence[str], left_out: Sequence[str]) -> Iterator[RenderableType]:
    """What came of a nova.conf."""
    yield heading(path)
    yield f"  taken: {', '.join(taken) or 'nothing'}"
    if overridden:
        yield f"  left out, as our own configuration says it: {', '.join(overridden)}"
    yield f"  left out: {', '.join(left_out) or 'nothing'}"


def _matched(addresses: Sequence[PciAddress]) -> str:
    if not addresses:
        return "matches nothing on this host"
    return f"matches {counted(len(addresses), 'device')}: {first_of(addresses, _ADDRESSES_A_LINE)}"
