# SPDX-License-Identifier: Apache-2.0
"""tests.lab.cache: with real directories, locks and processes."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.cache import cached, digest, directory, files_digest, temporary
from tests.lab.chroots import BuildFailed
from tests.machine import CHECKOUT

IN_ANOTHER_PROCESS = """
import sys, time
from pathlib import Path
from tests.lab.cache import cached

def build(at):
    print("building", flush=True)
    (at / "whole").touch()
    {meanwhile}

print(cached("part", ["a"], build=build, about="a part", room_bytes=0), flush=True)
{afterwards}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def another(*, meanwhile: str = "pass", afterwards: str = "pass") -> subprocess.Popen[str]:
    """A process of its own that asks for the part `a`."""
    program = IN_ANOTHER_PROCESS.format(meanwhile=meanwhile, afterwards=afterwards)
    return subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def has_built(process: subprocess.Popen[str]) -> None:
    """Waits until it is in the middle of building."""
    assert process.stdout is not None
    assert "building\n" in iter(process.stdout.readline, "")


def touched(name: str, *, built: list[str]) -> Path:
    """The part made of `name`; its name is in `built` once more if it was built."""

    def build(at: Path) -> None:
        built.append(name)
        (at / name).touch()

    return cached("part", [name], build=build, about="a part", room_bytes=0)


def test_what_is_there_is_not_built_again() -> None:
    built: list[str] = []
    first = touched("a", built=built)
    assert touched("a", built=built) == first
    assert (first / "a").exists()
    assert built == ["a"]


def test_other_inputs_are_another_directory() -> None:
    built: list[str] = []
    assert touched("a", built=built) != touched("b", built=built)
    assert built == ["a", "b"]


def test_a_build_that_fails_leaves_nothing_that_looks_whole() -> None:
    def fails(at: Path) -> None:
        (at / "half").touch()
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        cached("part", ["a"], build=fails, about="a part", room_bytes=0)
    assert [path.name for path in directory().iterdir()] == ["part.lock"]
    assert [path.name for path in touched("a", built=[]).iterdir()] == ["a"]


def test_nothing_is_begun_without_room_for_it_and_the_way_out_is_named() -> None:
    built: list[str] = []
    with pytest.raises(BuildFailed, match=r"GB free, and the lab takes \d+; XDG_CACHE_HOME=DIRECTORY puts it elsewhere"):
        cached("part", ["a"], build=lambda _: built.append("a"), about="a part", room_bytes=1 << 62)
    assert built == []


def test_what_is_there_needs_no_room() -> None:
    made = touched("a", built=[])
    assert cached("part", ["a"], build=lambda _: None, about="a part", room_bytes=1 << 62) == made


def test_a_build_that_was_killed_is_begun_anew() -> None:
    process = another(meanwhile="time.sleep(600)")
    has_built(process)
    process.kill()
    process.communicate()
    built: list[str] = []
    assert [path.name for path in touched("a", built=built).iterdir()] == ["a"]
    assert built == ["a"]


def test_a_build_whose_command_outlives_its_process_is_waited_for() -> None:
    command = "f'sleep 1; touch {at.parent}/ended'"
    process = another(meanwhile=f"import tests.lab.chroots; tests.lab.chroots.checked(['sh', '-c', {command}])")
    has_built(process)
    time.sleep(0.3)  # until the command runs
    process.kill()
    process.communicate()
    ended: list[bool] = []
    cached("part", ["a"], build=lambda _: ended.append((directory() / "ended").exists()), about="a part", room_bytes=0)
    assert ended == [True]


def test_of_two_processes_one_builds_and_the_other_waits_for_it() -> None:
    first = another(meanwhile="sys.stdin.readline()")
    has_built(first)
    second = another()
    assert second.stdout is not None
    assert "waiting" in second.stdout.readline()
    first_said, _ = first.communicate("go on\n")
    second_said, _ = second.communicate()
    assert "building" not in second_said
    assert first_said.splitlines()[-1] == second_said.splitlines()[-1]
    assert (Path(first_said.splitlines()[-1]) / "whole").exists()


def test_the_newest_two_of_a_kind_stay_and_what_others_still_use() -> None:
    used = another(afterwards="sys.stdin.readline()")
    assert used.stdout is not None
    place = Path(next(line for line in iter(used.stdout.readline, "") if line.startswith("/")).strip())
    names = [_in_a_process_that_ends(name) for name in ("b", "c", "d")]
    assert place.exists()
    assert [name.exists() for name in names] == [False, True, True]
    used.communicate("go on\n")
    _in_a_process_that_ends("e")
    assert not place.exists()


def test_what_is_being_removed_does_not_look_whole() -> None:
    first = _in_a_process_that_ends("a", build="[(at / str(n)).touch() for n in range(5000)]")
    _in_a_process_that_ends("b")
    remover = _asks_for("c")
    seen = set()
    while remover.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            entries = len(list(first.iterdir()))
            if first.exists():
                seen.add(entries)
    remover.communicate()
    assert not first.exists()
    assert seen <= {5000}


def test_what_was_half_removed_is_removed_by_the_next() -> None:
    half = directory() / f"part-{digest(['of old'])}.making"
    half.mkdir(parents=True)
    touched("a", built=[])
    assert not half.exists()


def _in_a_process_that_ends(name: str, *, build: str = "None") -> Path:
    said, _ = _asks_for(name, build=build).communicate()
    return Path(said.splitlines()[-1])


def _asks_for(name: str, *, build: str = "None") -> subprocess.Popen[str]:
    said = f"cached('part', ['{name}'], build=lambda at: {build}, about='a part', room_bytes=0)"
    program = f"from tests.lab.cache import cached; print({said})"
    return subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, text=True, stdout=subprocess.PIPE)


def test_a_temporary_directory_goes_at_the_end_and_what_a_killed_process_left_before() -> None:
    program = "from tests.lab.cache import temporary\nwith temporary('run') as place:\n    print(place, flush=True)\n    input()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=CHECKOUT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    theirs = Path(process.stdout.readline().strip())
    with temporary("run") as ours:
        assert theirs.exists()
        assert list(ours.iterdir()) == []
    assert not ours.exists()
    process.kill()
    process.communicate()
    with temporary("run"):
        assert not theirs.exists()


def test_another_kind_with_a_name_that_begins_alike_is_left_alone() -> None:
    other = cached("part-of-it", ["a"], build=lambda _: None, about="another", room_bytes=0)
    for name in "abcd":
        _in_a_process_that_ends(name)
    assert other.exists()
    assert len([path for path in directory().iterdir() if path.is_dir()]) == 3


@pytest.mark.parametrize(("these", "those"), [(["ab"], ["a", "b"]), (["a", "b"], ["b", "a"]), ([], [""])])
def test_the_digest_tells_inputs_apart(these: list[str], those: list[str]) -> None:
    assert digest(these) != digest(those)


def test_the_digest_of_files_is_of_names_contents_and_whether_they_run(tmp_path: Path) -> None:
    def now() -> str:
        return files_digest(tmp_path / "tree", root=tmp_path)

    (tmp_path / "tree/below").mkdir(parents=True)
    file = tmp_path / "tree/below/file"
    file.write_text("one")
    seen = [now()]
    file.write_text("two")
    seen.append(now())
    file.chmod(0o755)
    seen.append(now())
    file.rename(file.with_name("other"))
    seen.append(now())
    assert len(set(seen)) == 4
    (tmp_path / "tree/below/file.pyc").touch()
    assert now() == seen[-1]
    assert files_digest(tmp_path / "tree", root=tmp_path / "tree") != seen[-1]
