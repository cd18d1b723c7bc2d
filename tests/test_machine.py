# SPDX-License-Identifier: Apache-2.0
"""tests.machine: what it leaves on the machine."""

from pathlib import Path

import pytest

from tests.machine import services_left_stopped


def test_services_are_left_stopped_while_packages_are_installed_and_only_then(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with services_left_stopped([], policy):
        assert policy.read_text().endswith("\nexit 101\n")
        assert policy.stat().st_mode & 0o777 == 0o755
    assert not policy.exists()


def test_a_failure_does_not_leave_them_so(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with pytest.raises(SystemExit), services_left_stopped([], policy):
        raise SystemExit
    assert not policy.exists()


def test_what_a_killed_run_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with services_left_stopped([], policy):
        left = policy.read_bytes()
    policy.write_bytes(left)
    with services_left_stopped([], policy):
        assert policy.exists()
    assert not policy.exists()


def test_the_operators_own_policy_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    with services_left_stopped([], policy):
        pass
    assert policy.read_text() == "#!/bin/sh\nexit 101\n"
