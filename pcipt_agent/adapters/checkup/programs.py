# SPDX-License-Identifier: Apache-2.0
"""A program asked for what it prints, with a time limit: one that hangs can be killed, and a library call can't.

Does not know: what is asked, what is made of the answer.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ASK_SECONDS: Final = 5.0
"""How long a program may take."""


@dataclass(frozen=True, slots=True)
class NotThere:
    """There is no such program here, or it can't be run."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It ran, and what it was asked for it did not give."""

    why: str


def run(command: Sequence[str], seconds: float = ASK_SECONDS) -> str | NotThere | Failed:
    """What it prints, in the C locale; it is killed after `seconds`."""
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        return NotThere(f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Failed(f"no answer within {seconds:g} s")
    except OSError as error:
        return NotThere(f"{command[0]}: {error.strerror or error}")
    if done.returncode == 0:
        return done.stdout
    lines = done.stderr.strip().splitlines()
    return Failed(lines[-1].removeprefix("error: ") if lines else f"{command[0]} failed with exit code {done.returncode}")
