# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the whole suite, and the option that rewrites golden files.

Does not know: any one test.
"""

import pytest

from tests.support.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden files anew instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(regenerate=bool(request.config.getoption("--regenerate")))
