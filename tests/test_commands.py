# SPDX-License-Identifier: Apache-2.0
"""The commands that the machine's own python3 runs: they need nothing but its standard library, and say where they cannot run."""

import subprocess
import sys

import pytest

from tests.machine import CHECKOUT


@pytest.mark.parametrize("module", ["tests.demo", "tests.__main__", "tests.fresh", "tests.lab.__main__"])
def test_a_command_needs_the_standard_library_only(module: str) -> None:
    program = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import {module}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_machine_that_is_no_x86_64_is_told_so_before_anything_is_done() -> None:
    command = ["setarch", "linux32", sys.executable, "-m", "tests", "fast", "lab"]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the lab runs on x86-64 only, and this machine is " in done.stderr
