# SPDX-License-Identifier: Apache-2.0
"""Asking a process to stop, in a child of its own: by fault, by signal, before and after it serves."""

import signal
import subprocess
import sys

import pytest

SERVING = """
import os, signal, threading
from pcipt_agent.stopping import Stopping
stopping = Stopping()
stopping.listen()
stopping.serving = {serving}
print("listening", flush=True)
stopping.wait()
print("fault:", stopping.fault, flush=True)
os._exit(7)
"""


def listening(*, serving: bool) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", SERVING.format(serving=serving)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "listening\n"
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_wakes_the_main_thread_that_serves(number: signal.Signals) -> None:
    child = listening(serving=True)
    child.send_signal(number)
    said, _ = child.communicate(timeout=30)
    assert (child.returncode, said) == (7, "fault: None\n")


def test_a_signal_before_serving_ends_the_process_at_once() -> None:
    child = listening(serving=False)
    child.send_signal(signal.SIGTERM)
    said, _ = child.communicate(timeout=30)
    assert (child.returncode, said) == (0, "")


def test_hangups_ask_for_a_reload_and_a_stop_among_them_is_a_stop() -> None:
    program = SERVING.format(serving=True).replace(
        "stopping.wait()",
        "for each in ([1], [1, 1], [1, 15]):\n"
        "    for number in each:\n"
        "        signal.raise_signal(number)\n"
        "    print(stopping.wait(), flush=True)",
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (7, "listening\nFalse\nFalse\nTrue\nfault: None\n")


def test_a_hangup_during_the_start_is_answered_after_it() -> None:
    program = SERVING.format(serving=False).replace(
        "stopping.wait()", "signal.raise_signal(1)\nprint(stopping.wait(), flush=True)\nos._exit(7)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (7, "listening\nFalse\n")


def test_a_fault_that_a_thread_does_not_catch_is_a_reason_to_stop() -> None:
    raising = "threading.Thread(target=lambda: 1 // 0).start()\nstopping.wait()"
    program = SERVING.format(serving=True).replace("stopping.wait()", raising)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 7
    assert "fault: integer division or modulo by zero" in done.stdout
    assert "a fault that nobody expected ends the agent" in done.stderr


def test_a_stop_after_a_storm_of_hangups_is_a_stop() -> None:
    program = SERVING.format(serving=True).replace(
        "stopping.wait()",
        "for _ in range(70_000):\n    signal.raise_signal(1)\nsignal.raise_signal(15)\nprint(stopping.wait(), flush=True)",
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (7, "listening\nTrue\nfault: None\n")
