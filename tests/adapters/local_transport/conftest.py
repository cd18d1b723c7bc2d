# SPDX-License-Identifier: Apache-2.0
"""A socket of its own for each test.

Does not know: what goes through it.
"""

from collections.abc import Iterator

import pytest

from tests.support.bus import socket_url


@pytest.fixture
def url() -> Iterator[str]:
    with socket_url() as url:
        yield url
