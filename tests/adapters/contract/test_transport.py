# SPDX-License-Identifier: Apache-2.0
"""The transport contract on our own driver."""

from collections.abc import Iterator

import pytest

from tests.adapters.contract.transport import TransportContract
from tests.support.bus import socket_url


class TestUnix(TransportContract):
    @pytest.fixture
    def url(self) -> Iterator[str]:
        with socket_url() as url:
            yield url
