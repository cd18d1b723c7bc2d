# SPDX-License-Identifier: Apache-2.0
"""systemd, told how we are: one datagram to the socket that it names.

Fifteen lines of protocol, so no library: variables in a datagram, to a path, or to an abstract name where it begins with `@`.

Does not know: what the states mean to the daemon, when it is alive.
Source: sd_notify(3), "Notes" (the protocol is documented and stable); sd_watchdog_enabled(3).
"""

import logging
import os
import socket
import time

LOG = logging.getLogger(__name__)


def notify(*variables: str) -> bool:
    """Sends `READY=1`, `STOPPING=1`, `STATUS=…`; False where no systemd listens (started by hand, or in a container that has the
    variable of the host's)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(variables).encode(), address)
        except OSError as error:
            LOG.debug("systemd is not told %s: %s", variables, error)
            return False
    return True


def reloading() -> bool:
    """Says that a reload has begun; `notify("READY=1")` ends it. Type=notify-reload needs both (systemd.service(5))."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_seconds() -> float | None:
    """How often at least `notify("WATCHDOG=1")` must be said, or the process is killed; None where nobody waits for it.

    Half of that time is a good interval, as sd_watchdog_enabled(3) advises.
    """
    said, meant_for = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not (said.isascii() and said.isdecimal()) or meant_for != str(os.getpid()):
        return None
    return int(said) / 1_000_000 or None
