# SPDX-License-Identifier: Apache-2.0
"""tests.lab.chroots: what needs neither root nor a Debian."""

import os
from pathlib import Path

import pytest

from tests.lab.chroots import LENT_FILE_VARIABLES, LENT_VARIABLES, MIRROR, PLAIN, BuildFailed, checked, inherited, lend_registries


def test_a_command_that_fails_is_named_with_the_end_of_what_it_printed() -> None:
    with pytest.raises(BuildFailed) as caught:
        checked(["sh", "-c", "seq 100; echo no space >&2; exit 3"])
    said = str(caught.value).splitlines()
    assert said[0].startswith("exit code 3 of: sh -c seq 100")
    assert said[-2:] == ["100", "no space"]
    assert len(said) == 31


def test_a_command_gets_the_environment_that_was_meant_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_LENT", "yes")
    assert checked(["/bin/sh", "-c", "echo ${NOT_LENT-none} $HOME; cat"], environment={"HOME": "/srv"}) == "none /srv\n"


def test_commands_have_the_descriptors_that_are_lent_to_them_and_only_while_they_are() -> None:
    reading, writing = os.pipe()
    command = ["sh", "-c", f"[ -e /proc/self/fd/{writing} ] && echo there || echo not there"]
    with inherited(reading), inherited(writing):
        assert checked(command) == "there\n"
    assert checked(command) == "not there\n"
    os.close(reading)
    os.close(writing)


@pytest.fixture
def _no_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LENT_VARIABLES, *LENT_FILE_VARIABLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """As empty as it can be lent to."""
    for directory in ("etc/ssl", "etc/apt", "usr/local/share"):
        (tmp_path / directory).mkdir(parents=True)
    return tmp_path


@pytest.mark.usefixtures("_no_registries")
def test_what_reaches_registries_is_lent_and_nothing_else(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of-the-caller")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://index.example")
    monkeypatch.setenv(MIRROR, "http://mirror.example")
    assert lend_registries(root) == {**PLAIN, "PIP_EXTRA_INDEX_URL": "http://index.example", MIRROR: "http://mirror.example"}


@pytest.mark.usefixtures("_no_registries")
def test_certificates_go_along_wherever_they_are_and_what_is_not_there_is_not_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "own.pem").write_text("a certificate")
    monkeypatch.setenv("PIP_CERT", str(root / "own.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(root / "none.pem"))
    lent = lend_registries(root)
    assert lent == {**PLAIN, "PIP_CERT": "/etc/ssl/PIP_CERT.pem"}
    assert (root / "etc/ssl/PIP_CERT.pem").read_text() == "a certificate"
