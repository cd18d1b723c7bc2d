# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the whole suite, and the option that rewrites golden files.

Does not know: any one test.
"""

import os
import signal

import pytest
from hypothesis import settings

from tests.support.golden import Golden

# A busy machine may be slow, so no example has a deadline. CI tries the same examples every time, a person new ones.
settings.register_profile("pcipt", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("pcipt")

# A job that a shell without job control puts into the background ignores SIGINT (POSIX, sh, 2.9.3.1), and so would all it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden files anew instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(regenerate=bool(request.config.getoption("--regenerate")))
