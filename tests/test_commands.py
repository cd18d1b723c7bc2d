# SPDX-License-Identifier: Apache-2.0
"""The commands that the machine's own python3 runs need nothing but its standard library."""

import subprocess
import sys

import pytest

from tests.machine import CHECKOUT


@pytest.mark.parametrize("module", ["tests.demo", "tests.__main__", "tests.fresh", "tests.lab.__main__"])
def test_a_command_needs_the_standard_library_only(module: str) -> None:
    program = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import {module}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
