# SPDX-License-Identifier: Apache-2.0
"""Real services on loopback, one of each for the whole session.

Does not know: what is tested with them.
"""

from collections.abc import Iterator

import pytest

from tests.support.broker import broker


@pytest.fixture(scope="session")
def rabbit() -> Iterator[str]:
    """Transport URL of a RabbitMQ that is ours alone."""
    with broker() as url:
        yield url
