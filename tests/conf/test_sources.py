# SPDX-License-Identifier: Apache-2.0
"""Which files are read, and that one which can't be is named."""

from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.conf.sources import Sources, SourcesRead, read_sources
from pcipt_agent.errors import ConfigError, Mistake


def read(*args: str, default_files: tuple[Path, ...] = (), nova_conf: Path | None = None) -> SourcesRead:
    return read_sources(cfg.ConfigOpts(), Sources(args=args, default_files=default_files, nova_conf=nova_conf))


def mistake(path: Path) -> Mistake:
    with pytest.raises(ConfigError) as caught:
        read("--config-file", str(path))
    (only,) = caught.value.mistakes
    return only


def test_files_come_before_directories_and_each_in_order(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    files = [tmp_path / name for name in ("z.conf", "a.conf", "conf.d/10.conf", "conf.d/20.conf")]
    for file in reversed(files):
        file.write_text("[agent]\n")
    (tmp_path / "conf.d/30.txt").write_text("no file of ours")
    args = ("--config-file", str(files[0]), "--config-dir", str(tmp_path / "conf.d"), "--config-file", str(files[1]))
    assert [file.path for file in read(*args).own] == files


def test_without_arguments_the_default_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pcipt-agent.conf"
    path.write_text("[pci]\nalias = 1\n")
    (file,) = read(default_files=(path,)).own
    assert file.values("pci", "alias") == ("1",)


def test_a_nova_conf_is_none_of_our_own_files(tmp_path: Path) -> None:
    path = tmp_path / "nova.conf"
    path.write_text("[DEFAULT]\nhost = compute1\n")
    found = read(nova_conf=path)
    assert found.own == ()
    assert found.nova_file is not None
    assert found.nova is not None
    assert (found.nova_file.path, found.nova.taken) == (path, ("[DEFAULT] host",))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[pci\n", "line 1: invalid section (must end with ])"),
        (b"device_spec = 1\n", "line 1: section must be started before assignment"),
        (b"[pci]\nnothing\n", "line 2: no ':' or '=' found in assignment"),
        (b"[pci]\nalias = \xff\n", "is no text in UTF-8"),
    ],
)
def test_a_file_that_can_not_be_parsed_is_a_mistake_with_its_line(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "broken.conf"
    path.write_bytes(content)
    assert str(path) in mistake(path).problem
    assert problem in mistake(path).problem


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert mistake(tmp_path / "none.conf").problem == f"{tmp_path}/none.conf: no such file"


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read("--config-dir", str(tmp_path / "none.d"))
    assert caught.value.mistakes[0].problem == f"{tmp_path}/none.d: no such directory"


def with_debug(path: Path, *args: str) -> None:
    conf = cfg.ConfigOpts()
    conf.register_cli_opt(cfg.BoolOpt("debug"))
    conf.register_cli_opt(cfg.IntOpt("some-number"))
    read_sources(conf, Sources(args=["--config-file", str(path), *args]))


@pytest.mark.parametrize(
    ("line", "option", "problem", "remedy"),
    [
        ("debug = perhaps", "[DEFAULT] debug", "invalid Boolean value: perhaps", "true or false"),
        ("some_number = 1.5", "[DEFAULT] some_number", "invalid Integer value: 1.5", "a value of that kind"),
    ],
)
def test_a_value_that_an_option_of_the_command_line_cannot_have_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, option: str, problem: str, remedy: str
) -> None:
    path = tmp_path / "a.conf"
    path.write_text(f"[DEFAULT]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        with_debug(path)
    assert caught.value.mistakes == (Mistake(option, None, None, problem, remedy),)
    assert capsys.readouterr().err == ""


def test_a_word_that_is_no_argument_ends_it_as_argparse_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.conf"
    path.write_text("")
    with pytest.raises(SystemExit) as caught:
        with_debug(path, "--nonsense")
    assert caught.value.code == 2
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err
