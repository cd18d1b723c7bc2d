# SPDX-License-Identifier: Apache-2.0
"""libvirt's own RelaxNG schema as judge of the XML that we make.

Debian 12 ships it in libvirt0, Debian 13 in libvirt-common.
"""

from functools import cache
from pathlib import Path

from lxml import etree

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
INSTALL = "apt-get install --no-install-recommends libvirt-common  (Debian 12: libvirt0)"


def problems(domain_xml: str) -> list[str]:
    """What libvirt's schema has against the domain document, by line; none where it is valid."""
    assert SCHEMA.exists(), f"{SCHEMA} is missing; libvirt judges our XML: {INSTALL}"
    judge = _judge()
    judge.validate(etree.fromstring(domain_xml.encode()))
    return [f"line {entry.line}: {entry.message}" for entry in judge.error_log]


@cache
def _judge() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(SCHEMA))
