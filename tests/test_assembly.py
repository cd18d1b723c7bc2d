# SPDX-License-Identifier: Apache-2.0
"""The agent put together, in a process that holds up a part of it. (The daemon whole: tests/system.)"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.running import configured, listening, until

CHECKOUT = Path(__file__).resolve().parents[1]
EXAMPLE_HOST = CHECKOUT / "etc/pcipt-agent/example.host"
WATCHDOG_SECONDS = 0.4
HOLDS_THE_LEDGER = """\
import sys
from oslo_config import cfg
from pcipt_agent.assembly import Process, assembled
from pcipt_agent.core.upkeep import Disable
from pcipt_agent.daemon import OwnConfiguration

configuration = OwnConfiguration(sys.argv[1:])
loaded = configuration.read_into(cfg.CONF)
reader = configuration.reader_of(loaded.settings.host_root)
agent = assembled(Process(cfg.CONF, configuration, lambda fault: None), loaded, reader)
agent.start()

def held_up(before, after):
    print("held", flush=True)
    sys.stdin.readline()

sys.stdin.readline()
agent.ledger.obey(Disable(address=None, reason="held up", at=1.0), render=held_up)
sys.stdin.readline()
agent.stop()
agent.journal.close()
"""


def test_the_watchdog_is_fed_only_while_the_ledger_can_be_entered(tmp_path: Path) -> None:
    config_file = configured(tmp_path, EXAMPLE_HOST, "")
    socket = tmp_path / "notify.sock"
    environment = {**os.environ, "NOTIFY_SOCKET": str(socket), "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6))}
    command = [sys.executable, "-c", HOLDS_THE_LEDGER, "--config-file", str(config_file)]
    with (
        listening(socket) as told,
        subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None

        def beats() -> int:
            assert process.poll() is None
            return sum("WATCHDOG=1" in each for each in told)

        until(lambda: beats() > 1)
        print(file=process.stdin, flush=True)
        assert process.stdout.readline() == "held\n"
        time.sleep(WATCHDOG_SECONDS)  # one may have been on its way
        before = beats()
        time.sleep(3 * WATCHDOG_SECONDS)
        assert beats() == before
        print(file=process.stdin, flush=True)
        until(lambda: beats() > before + 1)
        print(file=process.stdin, flush=True)
        assert process.wait(timeout=30) == 0
