# SPDX-License-Identifier: Apache-2.0
"""tests.lab.agent: the checkout's copy, which needs no host."""

from pathlib import Path

import pytest

from tests.lab.agent import CONTENT, copy_source, source_digest
from tests.lab.chroots import BuildFailed


def test_the_copy_is_what_the_digest_is_of(tmp_path: Path) -> None:
    copy_source(tmp_path / "source", digest=source_digest())
    assert sorted(path.name for path in (tmp_path / "source").iterdir()) == sorted(CONTENT)
    assert source_digest(tmp_path / "source") == source_digest()


def test_a_checkout_that_changes_before_it_is_copied_is_not_taken_for_what_it_was(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="the checkout changed while it was copied; run it again"):
        copy_source(tmp_path / "source", digest="0123456789abcdef")
