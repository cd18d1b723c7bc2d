# SPDX-License-Identifier: Apache-2.0
"""Each file is whole or untouched, and a run that was cut off is finished by the next."""

import stat
from pathlib import Path

import pytest

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import Artifact
from pcipt_agent.installing.hands import Hands
from pcipt_agent.installing.manifest import Manifest, read_manifest
from pcipt_agent.installing.plan import Action, to_install

FIRST, SECOND = Artifact("/etc/pcipt-agent/a.conf", b"one\n"), Artifact("/usr/local/share/b", b"two\n")


def test_a_run_that_can_not_go_on_says_where_and_the_next_one_finishes_it(tmp_path: Path) -> None:
    wanted = [FIRST, SECOND]
    (tmp_path / "usr/local").mkdir(parents=True)
    steps = to_install(tmp_path, wanted, Manifest())
    (tmp_path / "usr/local/share").write_text("in the way")
    with pytest.raises(HostError, match="what was done so far stays, and the same command goes on"):
        Hands(tmp_path, Manifest()).install(steps, wanted)
    assert (tmp_path / "etc/pcipt-agent/a.conf").read_bytes() == b"one\n"
    assert read_manifest(tmp_path) == Manifest()
    (tmp_path / "usr/local/share").unlink()
    again = to_install(tmp_path, wanted, Manifest())
    assert [step.action for step in again] == [Action.UNCHANGED, Action.INSTALLED]
    Hands(tmp_path, Manifest()).install(again, wanted)
    assert set(read_manifest(tmp_path).digests) == {FIRST.target, SECOND.target}


def test_a_manifest_that_can_not_be_written_is_said_and_not_thrown(tmp_path: Path) -> None:
    (tmp_path / "usr/local/lib").mkdir(parents=True)
    (tmp_path / "usr/local/lib/pcipt-agent").write_text("in the way")
    with pytest.raises(HostError, match=r"usr/local/lib/pcipt-agent: .*the same command goes on"):
        Hands(tmp_path, Manifest()).install(to_install(tmp_path, [FIRST], Manifest()), [FIRST])
    assert (tmp_path / "etc/pcipt-agent/a.conf").is_file()


def test_what_a_cut_off_run_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "etc/pcipt-agent").mkdir(parents=True)
    (tmp_path / "etc/pcipt-agent/.a.conf.pcipt").write_text("hal")
    Hands(tmp_path, Manifest()).install(to_install(tmp_path, [FIRST], Manifest()), [FIRST])
    assert [path.name for path in (tmp_path / "etc/pcipt-agent").iterdir()] == ["a.conf"]


def test_configuration_is_not_for_everybody_and_the_rest_is(tmp_path: Path) -> None:
    wanted = [FIRST, SECOND]
    Hands(tmp_path, Manifest()).install(to_install(tmp_path, wanted, Manifest()), wanted)
    modes = [stat.S_IMODE((tmp_path / each.target.lstrip("/")).stat().st_mode) for each in wanted]
    assert modes == [0o640, 0o644]
