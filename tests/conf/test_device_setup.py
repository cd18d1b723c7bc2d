# SPDX-License-Identifier: Apache-2.0
"""devices.conf: what it says, and everything that is wrong with it at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.conf.device_setup import FunctionSetUp, read_device_setup
from pcipt_agent.core.address import PciAddress
from pcipt_agent.errors import ConfigError, Mistake
from pcipt_agent.views.mistakes import mistakes_text
from tests.support.hosttree import directory_in_memory

CHECKOUT = Path(__file__).resolve().parents[2]
NIC = PciAddress(0, 0x3B, 0, 0)


def read(directory: Path, text: str) -> tuple[FunctionSetUp, ...]:
    path = directory / "devices.conf"
    path.write_text(text)
    return read_device_setup(path)


def mistakes(directory: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(directory, text)
    return mistakes_text(caught.value.mistakes).replace(f" ({directory}/devices.conf)", "")


def test_every_option_is_taken_and_functions_come_in_order(tmp_path: Path) -> None:
    text = """
[0000:86:00.0]
driver = vfio-pci
vdpa = vdpa0

[0000:3B:00.0]
vfs = 8
vf_driver = mlx5_vfio_pci
vf_vdpa = nic0-
"""
    assert read(tmp_path, text) == (
        FunctionSetUp(address=NIC, vfs=8, vf_driver="mlx5_vfio_pci", vf_vdpa="nic0-"),
        FunctionSetUp(address=PciAddress(0, 0x86, 0, 0), driver="vfio-pci", vdpa="vdpa0"),
    )


def test_the_sample_asks_for_nothing_until_it_is_edited_and_then_for_what_it_says(tmp_path: Path) -> None:
    sample = (CHECKOUT / "etc/pcipt-agent/devices.conf.sample").read_text()
    assert read(tmp_path, sample) == ()
    examples = "\n".join(
        line[1:] for line in sample.splitlines() if line.startswith("#") and not line.startswith("# ") and line != "#"
    )
    assert [(str(each.address), each.vfs, each.driver) for each in read(tmp_path, examples)] == [
        ("0000:3b:00.0", 8, None),
        ("0000:3b:00.1", 4, None),
        ("0000:86:00.0", 2, None),
        ("0000:af:00.0", None, "vfio-pci"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[0000:3b:00.0]\nvf = 8\n", "[0000:3b:00.0] vf: no such option; did you mean"),
        ("[0000:3b:00.0]\nvfs = eight\n", "[0000:3b:00.0] vfs: is no number of VFs"),
        ("[0000:3b:00.0]\nvfs = 0\n", "[0000:3b:00.0] vfs: is no number of VFs"),
        ("[0000:3b:00.0]\nvfs = 65536\n", "[0000:3b:00.0] vfs: is no number of VFs"),
        ("[0000:3b:00.0]\nvfs = 4\nvfs = 8\n", "[0000:3b:00.0] vfs: is given more than once"),
        ("[0000:3b:00.0]\nvfs = 4\n[0000:3B:00.0]\nvfs = 8\n", "[0000:3b:00.0] vfs: is given more than once"),
        ("[0000:3b:00.0]\ndriver = ../../etc\n", "[0000:3b:00.0] driver: is no name"),
        ("[0000:3b:00.0]\ndriver =\n", "[0000:3b:00.0] driver: is no name"),
        ("[0000:3b:00.0]\nvf_driver = vfio-pci\n", "[0000:3b:00.0] vf_driver: there are no VFs without vfs"),
        ("[3b:00.0]\nvfs = 4\n", "[3b:00.0]: is no address"),
        ("[DEFAULT]\nvfs = 4\n", "[DEFAULT]: is no address"),
        ("vfs = 4\n", "line 1"),
        ("[0000:3b:00.0\nvfs = 4\n", "line 1"),
    ],
)
def test_a_mistake_is_said_where_it_is(tmp_path: Path, text: str, said: str) -> None:
    assert said in mistakes(tmp_path, text)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    text = "[gpu]\ndriver = x\n[0000:3b:00.0]\nvfs = x\ndriver = /\n"
    assert mistakes(tmp_path, text).count("\n[") == 2


@given(st.text(max_size=200) | st.text(alphabet="[]=:.#\n vfsdr0123b", max_size=200))
def test_any_text_is_understood_or_is_a_mistake(text: str) -> None:
    with directory_in_memory() as directory:
        path = directory / "devices.conf"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        functions, wrong = outcome(path)
        assert wrong or len({each.address for each in functions}) == len(functions)


def outcome(path: Path) -> tuple[tuple[FunctionSetUp, ...], tuple[Mistake, ...]]:
    """What the file asks for, or its mistakes, of which there is one then."""
    try:
        return read_device_setup(path), ()
    except ConfigError as error:
        return (), error.mistakes


def test_a_file_that_is_not_there_is_the_one_that_an_installation_brings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_device_setup(tmp_path / "devices.conf")
    [mistake] = caught.value.mistakes
    assert mistake.problem == f"{tmp_path}/devices.conf: there is no such file"
    assert "pcipt install" in mistake.remedy
