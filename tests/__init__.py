# SPDX-License-Identifier: Apache-2.0
"""The tests, and the commands that need no more than this machine's python3 (`tests.demo`, `tests.__main__`, `tests.fresh`)."""

import pcipt_agent  # noqa: F401 -- first of all, because it quiets what eventlet says of itself when oslo's libraries import it
