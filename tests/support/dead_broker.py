# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.support.dead_broker URL`: notifies a thousand times over a broker that does not answer, and ends.

A process of its own, because the thread that is stuck with such a broker stays so for as long as its process lives. Prints the
seconds that handing over took, then the log lines of the adapter.

Does not know: what is expected of it.
"""

import logging
import sys
import tempfile
import time

from oslo_config import cfg

from pcipt_agent.adapters.notifications import Notifications
from pcipt_agent.core.claim import Claimed, Decision
from tests.support.planned import claimed, host, inventory, pci, wanting, wish

CLAIMED = claimed(inventory(host(pci("3b:00.0"))), "c1", wish(wanting(1)))
CLAIM = Decision(events=(Claimed(CLAIMED.book.claims["c1"]),), at=5.0, boot_id="boot-1", request_id="req-1")


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("[oslo_messaging_notifications]\ndriver = messagingv2\n")
        file.flush()
        cfg.CONF(["--config-file", file.name], project="test")
        logger = logging.getLogger("pcipt_agent.adapters.notifications")
        logger.addHandler(logging.StreamHandler(sys.stdout))
        told = Notifications(cfg.CONF, sys.argv[1], host="host1", limit=10)
        told.start()
        started = time.monotonic()
        for _ in range(1000):
            told.happened(CLAIM, CLAIMED)
        print(time.monotonic() - started)
        told.close(grace=0.2)
