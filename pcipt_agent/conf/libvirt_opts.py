# SPDX-License-Identifier: Apache-2.0
"""`[libvirt]`: where libvirt is asked; nova's option name, with help of our own.

Does not know: libvirt.
Source: nova/conf/libvirt.py of nova 34 (`connection_uri`, whose default there follows virt_type).
"""

from oslo_config import cfg

DEFAULT_CONNECTION_URI = "qemu:///system"

_URI_HELP = """
The libvirt whose domains are asked which devices they hold.

A device that a domain holds without a claim is never handed out, and a claim expires by itself only where libvirt says that no
domain has its devices. Where libvirt can't be reached the agent serves all the same, says so in ``pcipt status``, and frees nothing
by itself. It only reads; a connection that may only read is enough.

It needs the Python package: ``pip install 'pcipt-agent[libvirt]'``. A change takes effect at a restart.

* Valid: ``connection_uri = qemu:///system``
* Valid: ``connection_uri = qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro``
* Invalid: ``connection_uri = /run/libvirt/libvirt-sock`` (libvirt takes it for a path of no driver, and is never reached)
"""


def libvirt_opts() -> list[cfg.Opt]:
    """`[libvirt]`."""
    return [cfg.StrOpt("connection_uri", default=DEFAULT_CONNECTION_URI, help=_URI_HELP)]
