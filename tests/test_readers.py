# SPDX-License-Identifier: Apache-2.0
"""A directory is read as the kernel's tree, anything else as a description."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.described import DescribedReader
from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.errors import HostError
from pcipt_agent.readers import Listening, listening_at, reader_at


def test_a_directory_is_a_tree(tmp_path: Path) -> None:
    assert isinstance(reader_at(tmp_path), SysfsReader)


def test_a_file_is_a_description(tmp_path: Path) -> None:
    described = tmp_path / "a.host"
    described.write_text("host boot b\n0000:3b:00.0  15b3:101d  PCI\n")
    reader = reader_at(described)
    assert isinstance(reader, DescribedReader)
    assert [str(address) for address in reader.read().devices] == ["0000:3b:00.0"]


def test_what_is_not_there_is_named_when_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="nowhere"):
        reader_at(tmp_path / "nowhere").read()


def test_of_another_root_nobody_tells_and_nobody_expects_it(tmp_path: Path) -> None:
    assert listening_at(tmp_path) == Listening((), working=False, problem=None)


def test_of_this_machine_the_kernel_tells_and_what_does_not_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    listening = listening_at(Path("/"))
    try:
        assert listening.working == Path("/run/udev/control").exists()
        assert listening.working == (listening.problem is None)
        assert len(listening.sources) == 3 + listening.working
        assert len(caplog.records) == 1 - listening.working
    finally:
        for source in listening.sources:
            source.close()
