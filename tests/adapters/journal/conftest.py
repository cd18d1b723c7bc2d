# SPDX-License-Identifier: Apache-2.0
"""The state directory of a test, not yet made."""

from pathlib import Path

import pytest


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"
