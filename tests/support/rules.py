# SPDX-License-Identifier: Apache-2.0
"""Rules from the operator's text, for tests; the text must be without mistakes unless they are what is asked for.

Does not know: config files.
"""

import json

from pcipt_agent.conf.aliases import read_aliases
from pcipt_agent.conf.specs import read_specs
from pcipt_agent.core.alias import Alias
from pcipt_agent.core.spec import DeviceSpec
from pcipt_agent.errors import Mistake


def text(entry: object) -> str:
    """The entry as JSON; a text is taken as it is."""
    return entry if isinstance(entry, str) else json.dumps(entry)


def specs(*entries: object) -> tuple[DeviceSpec, ...]:
    """What the entries of device_spec mean."""
    read = read_specs([text(entry) for entry in entries], lambda _: None)
    assert read.mistakes == ()
    return read.specs


def spec(entry: object) -> DeviceSpec:
    (only,) = specs(entry)
    return only


def spec_mistakes(*entries: object) -> tuple[Mistake, ...]:
    return read_specs([text(entry) for entry in entries], lambda _: None).mistakes


def aliases(*entries: object, in_placement: bool = False) -> dict[str, Alias]:
    """What the entries of alias mean."""
    read = read_aliases([text(entry) for entry in entries], report_in_placement=in_placement, pci_in_placement=in_placement)
    assert read.mistakes == ()
    return dict(read.aliases)


def alias_mistakes(*entries: object, in_placement: bool = False) -> tuple[Mistake, ...]:
    texts = [text(entry) for entry in entries]
    return read_aliases(texts, report_in_placement=in_placement, pci_in_placement=in_placement).mistakes


def underlined(mistake: Mistake) -> str:
    """The part of the operator's text that is at fault."""
    assert mistake.source is not None
    assert mistake.span is not None
    return mistake.source[slice(*mistake.span)]
