# SPDX-License-Identifier: Apache-2.0
"""Which options a reload takes, and which of those that changed it does not.

Compared as the files write them, so that every library's options are seen, those of the message bus too. An option that is taken
is one that is read each time it is needed; whatever was built from an option stays as it was built.

Does not know: what the options mean, when they are compared.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pcipt_agent.conf.files import ConfigFile
from pcipt_agent.conf.nova_conf import NovaConf
from pcipt_agent.conf.settings import Settings

RULES: Final = ("device_spec", "alias", "report_in_placement", "pci_in_placement", "readiness")
"""Fields of `Settings` that make the rules."""
PERIODS: Final = ("claim_timeout", "ended_claims_kept", "history_kept", "rescan_interval")
"""Fields of `Settings` that are asked for each time; options of [agent]."""
LOG_LEVELS: Final = ("debug", "default_log_levels")
"""Options of [DEFAULT], oslo.log's."""

_TOLD_BY_DEVICE: Final = frozenset(
    [
        ("pci", "device_spec"),
        ("pci", "alias"),
        ("pci", "passthrough_whitelist"),
        ("DEFAULT", "pci_passthrough_whitelist"),
        ("DEFAULT", "pci_alias"),
    ]
)
"""What a change of them means is told device by device, and alias by alias."""
_TAKEN: Final = frozenset(
    [
        ("agent", "readiness"),
        ("pci", "report_in_placement"),
        ("filter_scheduler", "pci_in_placement"),
        *(("agent", name) for name in PERIODS),
        *(("DEFAULT", name) for name in LOG_LEVELS),
    ]
)


def options_changed(before: Sequence[ConfigFile], after: Sequence[ConfigFile]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(taken, in need of a restart) beside entries and aliases, sorted, as `[agent] claim_timeout`."""
    old, new = _last(before), _last(after)
    changed = sorted(
        option for option in old.keys() | new.keys() if option not in _TOLD_BY_DEVICE and old.get(option) != new.get(option)
    )
    named = [(option, f"[{option[0]}] {option[1]}") for option in changed]
    taken = tuple(name for option, name in named if option in _TAKEN)
    return taken, tuple(name for option, name in named if option not in _TAKEN)


def that_count(files: Sequence[ConfigFile], nova: NovaConf | None) -> tuple[ConfigFile, ...]:
    """`Loaded.files`, in the order in which they decide; of nova.conf, which is the last, what was taken, and under all others."""
    if nova is None:
        return tuple(files)
    *own, file = files
    sections = {
        section: {option: values for option, values in options.items() if f"[{section}] {option}" in nova.taken}
        for section, options in file.sections.items()
    }
    return ConfigFile(file.path, sections), *own


def taking(running: Settings, read: Settings) -> Settings:
    """The settings of a running agent that takes what it may of those that were read."""
    return replace(running, **{name: getattr(read, name) for name in (*RULES, *PERIODS)})


def _last(files: Sequence[ConfigFile]) -> dict[tuple[str, str], tuple[str, ...]]:
    """(section, option) → its values; of two files that give one, the later decides."""
    return {
        (section, option): values
        for file in files
        for section, options in file.sections.items()
        for option, values in options.items()
    }
