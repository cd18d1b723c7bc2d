# SPDX-License-Identifier: Apache-2.0
"""Tab, in real shells."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcipt_agent.cli.completion import completion
from tests.support.inside import pcipt_inside

SECONDS = 30.0


def bash(*words: str) -> list[str]:
    """What bash offers for the last word."""
    programme = 'source /dev/stdin; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_pcipt; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "--norc", "-c", programme, "bash", "pcipt", *words]
    done = subprocess.run(command, input=completion("bash"), check=True, capture_output=True, text=True, timeout=SECONDS)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("cl",), ["claims", "claim"]),
        (("doc",), ["doctor"]),
        (("explain", ""), ["device", "request"]),
        (("explain", "request", "a1", "--pol"), ["--policy"]),
        (("devices", "--status", "not"), ["not-assignable"]),
        (("pools", "--format", ""), ["text", "json"]),
        (("completion", ""), ["bash", "zsh"]),
    ],
)
def test_bash_completes_commands_options_and_words_to_choose_from(words: tuple[str, ...], offered: list[str]) -> None:
    assert set(offered) <= set(bash(*words))
    assert all(each.startswith(words[-1]) for each in bash(*words))


def test_bash_completes_files_where_a_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "rack7.host").touch()
    for option in ("--host", "--config-file"):
        assert bash("check-config", option, f"{tmp_path}/ra") == [f"{tmp_path}/rack7.host"]


def test_zsh_completes_a_command(tmp_path: Path) -> None:
    """zsh completes on a terminal only, so it gets one: Tab is pressed, and what it puts on the line is awaited."""
    (tmp_path / "_pcipt").write_text(completion("zsh"))
    ours, theirs = pty.openpty()
    # -u: root's or another's directories are no reason to ask; -D: no file of what was found is written.
    set_up = f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -D; PS1=; echo re''ady\n"
    with subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "dumb"}
    ) as zsh:
        os.close(theirs)
        try:
            os.write(ours, set_up.encode())
            _await(ours, b"ready\r\n")
            os.write(ours, b"pcipt check\t")
            _await(ours, b"pcipt check-config")
        finally:
            zsh.kill()
            os.close(ours)


def _await(terminal: int, text: bytes) -> None:
    seen, deadline = b"", time.monotonic() + SECONDS
    os.set_blocking(terminal, False)
    while text not in seen:
        assert time.monotonic() < deadline, f"the shell shows {seen!r}"
        try:
            seen += os.read(terminal, 4096)
        except BlockingIOError:
            time.sleep(0.02)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_command_prints_the_script_whole_and_nothing_else(shell: str) -> None:
    done = pcipt_inside("completion", shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, completion(shell), "")


def test_no_other_command_waits_for_the_completion_s_library() -> None:
    code = "import sys; from pcipt_agent.cli.parser import command_line; command_line(); print('shtab' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
