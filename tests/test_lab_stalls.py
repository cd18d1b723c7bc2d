# SPDX-License-Identifier: Apache-2.0
"""tests.lab.stalls: on what consoles showed."""

import pytest

from tests.lab.stalls import stall

STOOD_STILL = """\
compute1 login: [   78.122241] kvm: kvm [943]: vcpu0, guest rIP: 0xffffffff81099068 Unhandled WRMSR(0xc0010007) = 0xffff
[  111.322819] rcu: INFO: rcu_preempt self-detected stall on CPU
[  111.323345] rcu: \t2-....: (5236 ticks this GP) idle=0a14/1/0x4000000000000000 softirq=6631/6632 fqs=1050
[  174.346549] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
"""


def test_it_is_told_in_the_kernels_first_words() -> None:
    assert stall(STOOD_STILL) == "[  111.322819] rcu: INFO: rcu_preempt self-detected stall on CPU"


@pytest.mark.parametrize("line", STOOD_STILL.splitlines()[3:])
def test_each_way_of_saying_it_is_known(line: str) -> None:
    assert stall(line) == line


@pytest.mark.parametrize("console", ["", STOOD_STILL.splitlines()[0], "rcu: Hierarchical RCU implementation."])
def test_another_console_tells_of_none(console: str) -> None:
    assert stall(console) is None
