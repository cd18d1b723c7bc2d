# SPDX-License-Identifier: Apache-2.0
"""One gathering that hangs or breaks is that fact's own trouble."""

import subprocess
import sys
import time
from threading import Event

from pcipt_agent.cli.within import Gathering
from pcipt_agent.core.diagnosis import Unseen


def test_a_fact_that_is_had_in_time_is_the_answer() -> None:
    assert Gathering(lambda: 7).within(30) == 7


def test_gatherings_run_side_by_side() -> None:
    first, second = Event(), Event()

    def meet(mine: Event, other: Event) -> bool:
        mine.set()
        return other.wait(30)

    both = Gathering(lambda: meet(first, second)), Gathering(lambda: meet(second, first))
    assert [each.within(30) for each in both] == [True, True]


def test_one_that_hangs_is_left_behind() -> None:
    never = Event()
    assert Gathering(never.wait).within(0.05) == Unseen("no answer within 0.05 s")
    never.set()


def test_many_that_hang_take_no_longer_than_one() -> None:
    never, started = Event(), time.monotonic()
    many = [Gathering(never.wait) for _ in range(50)]
    assert {each.within(1.0) for each in many} == {Unseen("no answer within 1 s")}
    assert time.monotonic() - started < 25
    never.set()


def test_one_that_breaks_says_so() -> None:
    def broken() -> int:
        raise ValueError("a nonsense")

    def silent() -> int:
        raise RuntimeError

    assert Gathering(broken).within(30) == Unseen("a nonsense")
    assert Gathering(silent).within(30) == Unseen("RuntimeError")


def test_a_process_does_not_wait_for_one_that_hangs() -> None:
    code = "import time; from pcipt_agent.cli.within import Gathering; print(Gathering(lambda: time.sleep(300)).within(0.05))"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)
    assert time.monotonic() - started < 60
