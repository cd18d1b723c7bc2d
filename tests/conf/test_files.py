# SPDX-License-Identifier: Apache-2.0
"""Config files as they are written."""

from pathlib import Path

import pytest

from pcipt_agent.conf.files import read_file, unknown_options
from pcipt_agent.errors import ConfigError

KNOWN = {"pci": ("device_spec", "alias")}


def test_values_are_in_the_files_order_whatever_the_case_of_the_section(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("[PCI]\nalias = 1\n[DEFAULT]\nhost: h\n[pci]\nalias = 2\n  more\nalias = '3'\n")
    file = read_file(path)
    assert file.values("pci", "alias") == ("1", "2\nmore", "3")
    assert file.values("DEFAULT", "host") == ("h",)
    assert file.values("pci", "none") == ()


def test_unknown_options_are_those_of_known_sections(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("[pci]\ndevice-spec = 1\ncolour = 2\n[other]\nthing = 3\n")
    first, second = unknown_options([read_file(path)], KNOWN)
    assert (first.option, first.meant, first.values) == ("device-spec", "device_spec", ("1",))
    assert first.mistake.source == "device-spec = 1"
    assert first.mistake.span == (0, 11)
    assert (second.option, second.meant) == ("colour", None)
    assert second.mistake.remedy == "one of: device_spec, alias"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_file(tmp_path)
    assert str(tmp_path) in caught.value.mistakes[0].problem
