# SPDX-License-Identifier: Apache-2.0
"""The transport contract on a real RabbitMQ: what our own driver is held to is what the real one does."""

import pytest

from tests.adapters.contract.transport import TransportContract


class TestRabbit(TransportContract):
    @pytest.fixture
    def url(self, rabbit: str) -> str:
        return rabbit
