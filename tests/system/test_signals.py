# SPDX-License-Identifier: Apache-2.0
"""A signal that the kernel gives to another thread than the main one, which alone runs Python's handlers."""

import os
import signal
from pathlib import Path

from tests.support.running import configured, running_agent

EXAMPLE_HOST = Path(__file__).parents[2] / "etc/pcipt-agent/example.host"


def test_a_signal_that_another_thread_takes_stops_the_agent_all_the_same(tmp_path: Path) -> None:
    with running_agent(configured(tmp_path, EXAMPLE_HOST, "")) as agent:
        agent.call("devices")  # by now the main thread waits
        threads = sorted(int(task.name) for task in Path(f"/proc/{agent.process.pid}/task").iterdir())
        # kill(2) with a thread's id is a signal to the process that this thread is asked first to take (complete_signal()).
        assert threads[0] == agent.process.pid
        os.kill(threads[1], signal.SIGTERM)
        assert agent.process.wait(timeout=15) == 0
