# SPDX-License-Identifier: Apache-2.0
"""tests.lab.chroots: what needs neither root nor a Debian."""

import pytest

from tests.lab.chroots import BuildFailed, checked


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
