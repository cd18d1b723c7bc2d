# SPDX-License-Identifier: Apache-2.0
"""A host whose kernel stands still, as the kernel itself says on its console.

Not the agent's doing, which is a process without privileges: seen once in some 300 guests, with QEMU 11.1 emulating SVM on several
processors. One of the host's processors was in its kernel for ever, its clock ticking; whoever waited for RCU, systemd too, did not
go on. So a test that got no answer from such a host is run again on the host switched off and on, once, and the run says at its end
that it was.

Does not know: tests, why a kernel stands still.
"""

import re

_STALL = re.compile(r"^.*\brcu: INFO: .* stall.*$", re.MULTILINE)
"""Documentation/RCU/stallwarn.rst: after 21 s, `CONFIG_RCU_CPU_STALL_TIMEOUT`."""


def stall(console: str) -> str | None:
    """What the kernel said first of it; None where it said nothing."""
    found = _STALL.search(console)
    return found.group().strip() if found else None
