# SPDX-License-Identifier: Apache-2.0
"""Config files of an operator who changes his mind, errs, and is interrupted while he writes.

Does not know: what a reload makes of them.
"""

from random import Random
from typing import Final

KEPT_SECONDS: Final = 24 * 3600
"""How long ended ids and what is past are kept: a day of the soak's own clock, so that they are forgotten again and again."""

_AGENT = "[agent]\nclaim_timeout = {timeout}\nreadiness = {readiness}\nended_claims_kept = 86400\nhistory_kept = 86400\n[pci]\n"
_ALIASES = """\
alias = {"name": "plain", "vendor_id": "8086", "product_id": "0001"}
alias = {"name": "vf", "vendor_id": "8086", "product_id": "00f1", "device_type": "type-VF", "numa_policy": "preferred"}
alias = {"name": "pf", "vendor_id": "8086", "product_id": "00f0", "device_type": "type-PF"}
alias = {"name": "gpu", "vendor_id": "8086", "product_id": "000a"}
alias = {"name": "audio", "vendor_id": "8086", "product_id": "000b"}
alias = {"name": "disk", "vendor_id": "8086", "product_id": "0002"}
"""
_ONCE = """\
device_spec = {"vendor_id": "8086", "product_id": "0001", "one_time_use": "true"}
device_spec = {"vendor_id": "8086", "product_id": "0002", "one_time_use": "true"}
device_spec = {"vendor_id": "8086", "product_id": "000a"}
device_spec = {"vendor_id": "8086", "product_id": "000b"}
"""
_RULES = (
    'device_spec = {"vendor_id": "8086"}\n',
    _ONCE + 'device_spec = {"vendor_id": "8086", "product_id": "00f1"}\n',
    _ONCE + 'device_spec = {"vendor_id": "8086", "product_id": "00f1", "one_time_use": "true"}\n',
    _ONCE + 'device_spec = {"vendor_id": "8086", "product_id": "00f0"}\n',
    _ONCE + 'device_spec = {"vendor_id": "8086", "product_id": "00f1", "managed": "no"}\n',
    'device_spec = {"vendor_id": "8086", "address": "0000:5e:*.*"}\n',
    "",
)
FIRST: Final = _AGENT.format(timeout=3600, readiness="enforce") + _RULES[0] + _ALIASES
NO_RULES: Final = _AGENT.format(timeout=3600, readiness="enforce") + _ALIASES
"""With which any start succeeds: nothing is given instead of what is held."""
_MISTAKES = (
    FIRST.replace('"vendor_id": "8086"}', '"vendor": "8086"}'),
    FIRST.replace("3600", "an hour"),
    FIRST.replace("enforce", "perhaps"),
    FIRST + 'alias = {"name": "plain", "vendor_id": }\n',
    FIRST + "[pci\n",
    "\0" + FIRST,
)


def good(rng: Random) -> str:
    """Another one each time, without mistakes."""
    head = _AGENT.format(timeout=rng.choice([3600, 3600, 600, 0]), readiness=rng.choice(["enforce", "enforce", "warn"]))
    return head + rng.choice([_RULES[0], _RULES[0], *_RULES]) + _ALIASES


def mistaken(rng: Random) -> str:
    return rng.choice(_MISTAKES)


def half_written(rng: Random) -> str:
    """What is in a file that is being written; it may be right all the same."""
    text = good(rng)
    return text[: rng.randrange(len(text))]
