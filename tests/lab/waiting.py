# SPDX-License-Identifier: Apache-2.0
"""Waiting until something on a host is so, and not a moment longer.

Does not know: what is waited for.
"""

import time
from collections.abc import Callable


def await_equal(look: Callable[[], object], wanted: object, *, seconds: float = 120.0) -> None:
    """Looks until it is as wanted; else fails with what was seen last. `seconds` are those of a machine that is busy."""
    until = time.monotonic() + seconds
    while (seen := look()) != wanted:
        if time.monotonic() > until:
            assert seen == wanted, f"not so after {seconds:g} s"
        time.sleep(0.2)
