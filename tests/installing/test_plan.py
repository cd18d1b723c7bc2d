# SPDX-License-Identifier: Apache-2.0
"""What an installation would do to each file: nobody's edit is lost, nothing that is not ours is touched."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import Artifact
from pcipt_agent.installing.hands import Hands
from pcipt_agent.installing.manifest import Manifest, read_manifest
from pcipt_agent.installing.plan import Action, Step, content_at, host_path, to_install, to_uninstall
from tests.support.hosttree import directory_in_memory

RULE = "/etc/polkit-1/rules.d/60-pcipt-agent.rules"
CONF, UNIT, LINK = "/etc/pcipt-agent/pcipt-agent.conf", "/usr/local/lib/systemd/system/pcipt-agent.service", "/usr/local/bin/pcipt"


def version(number: int) -> list[Artifact]:
    """What version `number` of the program ships."""
    text = f"of version {number}\n".encode()
    return [
        Artifact(CONF, text),
        Artifact(RULE, text),
        Artifact(LINK, f"/opt/{number}/bin/pcipt".encode(), is_link=True),
        Artifact(UNIT, text),
    ]


def installed(root: Path, wanted: list[Artifact]) -> dict[str, Action]:
    before = read_manifest(root)
    steps = to_install(root, wanted, before)
    Hands(root, before).install(steps, wanted)
    return actions(steps)


def uninstalled(root: Path, *, purge: bool = False) -> dict[str, Action]:
    before = read_manifest(root)
    steps = to_uninstall(root, before, purge=purge)
    Hands(root, before).uninstall(steps)
    return actions(steps)


def actions(steps: tuple[Step, ...]) -> dict[str, Action]:
    return {step.target: step.action for step in steps}


def text(root: Path, target: str) -> str | None:
    content = content_at(root, target)
    return None if content is None else content.decode()


def edit(root: Path, target: str, content: str = "mine\n") -> None:
    host_path(root, target).write_text(content)


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_the_first_time_everything_is_installed_and_the_second_time_nothing_changes(tmp_path: Path) -> None:
    assert set(installed(tmp_path, version(1)).values()) == {Action.INSTALLED}
    assert (tmp_path / LINK.lstrip("/")).readlink() == Path("/opt/1/bin/pcipt")
    seen = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "installed.json" and not path.is_dir()}
    assert set(installed(tmp_path, version(1)).values()) == {Action.UNCHANGED}
    assert {path: path.lstat().st_mtime_ns for path in seen} == seen


def test_what_nobody_edited_is_upgraded(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    assert set(installed(tmp_path, version(2)).values()) == {Action.UPGRADED}
    assert [text(tmp_path, target) for target in (CONF, LINK, UNIT)] == ["of version 2\n", "/opt/2/bin/pcipt", "of version 2\n"]
    assert not [name for name in everything(tmp_path) if name.endswith((".new", ".old", ".pcipt"))]


def test_an_edited_configuration_is_kept_and_what_is_new_is_beside_it_until_it_is_taken(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    edit(tmp_path, CONF)
    assert installed(tmp_path, version(1))[CONF] is Action.KEPT
    assert text(tmp_path, f"{CONF}.new") is None
    assert installed(tmp_path, version(2))[CONF] is Action.OFFERED
    assert (text(tmp_path, CONF), text(tmp_path, f"{CONF}.new")) == ("mine\n", "of version 2\n")
    assert installed(tmp_path, version(2))[CONF] is Action.KEPT
    assert text(tmp_path, f"{CONF}.new") == "of version 2\n"
    edit(tmp_path, CONF, "of version 2\n")
    assert installed(tmp_path, version(2))[CONF] is Action.UNCHANGED
    assert text(tmp_path, f"{CONF}.new") is None


def test_an_offer_that_somebody_edited_is_kept_too(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    edit(tmp_path, CONF)
    installed(tmp_path, version(2))
    edit(tmp_path, f"{CONF}.new", "half merged\n")
    edit(tmp_path, CONF, "of version 2\n")
    installed(tmp_path, version(2))
    uninstalled(tmp_path)
    assert text(tmp_path, f"{CONF}.new") == "half merged\n"


def test_a_configuration_that_was_there_before_us_is_kept(tmp_path: Path) -> None:
    host_path(tmp_path, CONF).parent.mkdir(parents=True)
    edit(tmp_path, CONF)
    assert installed(tmp_path, version(1))[CONF] is Action.OFFERED
    assert text(tmp_path, CONF) == "mine\n"
    assert uninstalled(tmp_path)[CONF] is Action.KEPT
    assert everything(tmp_path) == {"etc", "etc/pcipt-agent", CONF.lstrip("/")}


def test_a_rule_that_was_removed_by_hand_stays_away_until_all_is_installed_anew(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    host_path(tmp_path, RULE).unlink()
    assert installed(tmp_path, version(2))[RULE] is Action.KEPT
    assert text(tmp_path, RULE) is None
    uninstalled(tmp_path)
    assert installed(tmp_path, version(2))[RULE] is Action.INSTALLED


def test_a_configuration_that_is_gone_comes_back_for_the_agent_does_not_start_without(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    host_path(tmp_path, CONF).unlink()
    assert installed(tmp_path, version(2))[CONF] is Action.INSTALLED


@pytest.mark.parametrize("target", [UNIT, LINK])
def test_a_file_of_ours_that_somebody_changed_is_replaced_and_theirs_is_beside_it(tmp_path: Path, target: str) -> None:
    installed(tmp_path, version(1))
    host_path(tmp_path, target).unlink()
    edit(tmp_path, target)
    assert installed(tmp_path, version(1))[target] is Action.REPLACED
    assert text(tmp_path, f"{target}.old") == "mine\n"
    assert installed(tmp_path, version(1))[target] is Action.UNCHANGED
    host_path(tmp_path, target).unlink()
    edit(tmp_path, target, "mine again\n")
    [note] = [step.note for step in to_install(tmp_path, version(1), read_manifest(tmp_path)) if step.target == target]
    assert note == f"what was there is beside it: {target}.old2"
    installed(tmp_path, version(1))
    assert (text(tmp_path, f"{target}.old"), text(tmp_path, f"{target}.old2")) == ("mine\n", "mine again\n")


def test_a_file_that_no_version_ships_any_more_is_removed_unless_it_was_edited(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    assert installed(tmp_path, version(1)[:3])[UNIT] is Action.REMOVED
    assert text(tmp_path, UNIT) is None
    edit(tmp_path, CONF)
    assert installed(tmp_path, [])[CONF] is Action.KEPT
    assert text(tmp_path, CONF) == "mine\n"


def test_a_removal_leaves_nothing_of_ours_and_everything_of_others(tmp_path: Path) -> None:
    (tmp_path / "usr/local/lib").mkdir(parents=True)
    (tmp_path / "usr/local/lib/theirs").write_text("")
    before = everything(tmp_path)
    installed(tmp_path, version(1))
    assert set(uninstalled(tmp_path).values()) == {Action.REMOVED}
    assert everything(tmp_path) == before


def test_a_removal_keeps_what_was_edited_unless_it_is_purged(tmp_path: Path) -> None:
    installed(tmp_path, version(1))
    edit(tmp_path, CONF)
    assert uninstalled(tmp_path)[CONF] is Action.KEPT
    assert text(tmp_path, CONF) == "mine\n"
    installed(tmp_path, version(1))
    assert uninstalled(tmp_path, purge=True)[CONF] is Action.REMOVED
    assert text(tmp_path, CONF) is None


def test_a_link_that_leads_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(HostError, match="leads out of"):
        to_install(root, version(1), Manifest())
    assert list(outside.iterdir()) == []


def test_a_directory_in_the_way_of_a_file_is_said(tmp_path: Path) -> None:
    host_path(tmp_path, UNIT).mkdir(parents=True)
    with pytest.raises(HostError, match=r"pcipt-agent\.service: Is a directory; it is in the way"):
        to_install(tmp_path, version(1), Manifest())


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.sampled_from(["install 1", "install 2", "install 3", "edit", "remove", "uninstall"]), max_size=8))
def test_whatever_happens_in_whatever_order_an_operators_text_is_never_lost(life: list[str]) -> None:
    with directory_in_memory() as root:
        mine: str | None = None
        for number, step in enumerate(life):
            match step.split():
                case ["install", what]:
                    installed(root, version(int(what)))
                case ["edit"]:
                    host_path(root, CONF).parent.mkdir(parents=True, exist_ok=True)
                    mine = f"mine {number}\n"
                    edit(root, CONF, mine)
                case ["remove"]:
                    host_path(root, CONF).unlink(missing_ok=True)
                    mine = None
                case _ if read_manifest(root) != Manifest():
                    uninstalled(root)
                case _:
                    pass
            if mine is not None:
                assert text(root, CONF) == mine
