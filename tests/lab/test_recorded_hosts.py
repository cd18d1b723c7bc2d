# SPDX-License-Identifier: Apache-2.0
"""The recorded hosts that the lab has given still are what it gives."""

from tests.lab.host import LabHost
from tests.lab.recording import body, recorded
from tests.machine import CHECKOUT


def test_the_big_machine_is_as_it_was_recorded(host: LabHost) -> None:
    assert body(recorded(host)) == body((CHECKOUT / "tests/hosts/lab-big.host").read_text())
