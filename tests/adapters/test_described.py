# SPDX-License-Identifier: Apache-2.0
"""A described host in a file that a person edits under the reader; what every reader must do is in `contract`."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.described import DescribedReader
from pcipt_agent.errors import HostError

HEAD = "host boot x\n0000:01:00.0 8086:1572 PCI\n"


def test_the_file_is_read_again_at_every_look(tmp_path: Path) -> None:
    path = tmp_path / "a.host"
    path.write_text(HEAD)
    reader = DescribedReader(path)
    before = reader.read()
    path.write_text(HEAD + "0000:02:00.0 8086:1572 PCI\n")
    assert len(reader.read().devices) == len(before.devices) + 1


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.host"
    path.write_text(HEAD)
    reader = DescribedReader(path)
    before = reader.read()
    path.write_text("# mine\n" + HEAD)
    assert reader.read() is before


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        DescribedReader(tmp_path / "a.host").read()
    assert str(caught.value) == f"{tmp_path}/a.host: No such file or directory"


@pytest.mark.parametrize("content", [b"host boots x\n", b"\xff\xfe", b""])
def test_a_file_that_says_no_host_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.host"
    path.write_bytes(content)
    with pytest.raises(HostError) as caught:
        DescribedReader(path).read()
    assert caught.value.path == str(path)
