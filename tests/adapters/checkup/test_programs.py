# SPDX-License-Identifier: Apache-2.0
"""Programs that answer, fail, hang, or are not there: real ones, all of them."""

import time
from pathlib import Path

import pytest

from pcipt_agent.adapters.checkup.programs import Failed, NotThere, run


def test_what_a_program_prints_is_the_answer() -> None:
    assert run(["printf", "a b"]) == "a b"


def test_it_is_asked_in_no_language_of_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run(["sh", "-c", "echo $LC_ALL"]) == "C\n"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'error: no' >&2; echo 'error: why' >&2; exit 1", "why"),
        ("exit 3", "sh failed with exit code 3"),
        ("kill -9 $$", "-9"),
    ],
)
def test_one_that_fails_says_why_in_its_last_line(script: str, why: str) -> None:
    answer = run(["sh", "-c", script])
    assert isinstance(answer, Failed)
    assert answer.why.endswith(why)


def test_one_that_hangs_is_killed() -> None:
    started = time.monotonic()
    assert run(["sleep", "60"], 0.2) == Failed("no answer within 0.2 s")
    assert time.monotonic() - started < 30


def test_one_that_asks_gets_no_answer_from_a_terminal() -> None:
    assert run(["cat"]) == ""


def test_what_is_no_text_is_text_all_the_same() -> None:
    assert run(["printf", r"\377"]) == "\N{REPLACEMENT CHARACTER}"


def test_one_that_is_not_there_or_no_program_is_told_apart_from_one_that_fails(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    assert run([f"{tmp_path}/none"]) == NotThere(f"{tmp_path}/none is not installed")
    assert run([f"{tmp_path}/text"]) == NotThere(f"{tmp_path}/text: Permission denied")
