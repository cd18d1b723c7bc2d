# SPDX-License-Identifier: Apache-2.0
"""systemd, told how we are: one datagram to the socket that it names.

Fifteen lines of protocol, so no library: variables in a datagram, to a path, or to an abstract name where it begins with `@`.

Does not know: what the states mean to the daemon.
Source: sd_notify(3), "Notes" (the protocol is documented and stable).
"""

import os
import socket


def notify(*variables: str) -> bool:
    """Sends `READY=1`, `STOPPING=1`, `STATUS=…`; False where no systemd listens (started by hand)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto("\n".join(variables).encode(), address)
    return True
