# SPDX-License-Identifier: Apache-2.0
"""The demo host in a file, and rules for it, for commands that need no agent."""

from pathlib import Path

import pytest

from pcipt_agent.views.description import description_of
from tests.cli import RULES
from tests.support.demo import demo_host


@pytest.fixture
def here(tmp_path: Path) -> tuple[str, ...]:
    """Options for the demo host and its rules."""
    (tmp_path / "demo.host").write_text(description_of(demo_host()))
    (tmp_path / "rules.conf").write_text(RULES)
    return "--host", str(tmp_path / "demo.host"), "--config-file", str(tmp_path / "rules.conf")
