# SPDX-License-Identifier: Apache-2.0
"""`pcipt install` and `pcipt uninstall`, as they are typed; and the wheel that they install from."""

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

from pcipt_agent.installing.system import hidden_from_user
from tests.support.running import pcipt

CHECKOUT = Path(__file__).resolve().parents[2]
CONF = "etc/pcipt-agent/pcipt-agent.conf"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_installing_into_a_root_writes_files_only_and_says_each(tmp_path: Path) -> None:
    done = pcipt("install", "--root", str(tmp_path), "--format", "json")
    said = json.loads(done.stdout)
    targets = [step["target"].lstrip("/") for step in said["steps"]]
    assert files(tmp_path) == sorted([*targets, "usr/local/lib/pcipt-agent/installed.json"])
    assert {step["action"] for step in said["steps"]} == {"installed"}
    assert stat.S_IMODE((tmp_path / CONF).stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "usr/local/lib/systemd/system/pcipt-agent.service").stat().st_mode) == 0o644


def test_the_text_is_a_table_and_the_next_step(tmp_path: Path) -> None:
    pcipt("install", "--root", str(tmp_path))
    (tmp_path / CONF).write_text("[DEFAULT]\n")
    done = pcipt("install", "--root", str(tmp_path))
    assert f"kept       /{CONF}" in done.stdout
    assert "\nnext: " in done.stdout


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = pcipt("install", "--root", str(tmp_path), "--dry-run")
    assert (done.returncode, files(tmp_path)) == (0, [])
    assert "installed  /usr/local/lib/systemd/system/pcipt-agent.service" in done.stdout
    assert done.stdout.endswith("nothing was done: this is a dry run\n")
    pcipt("install", "--root", str(tmp_path))
    before = files(tmp_path)
    assert pcipt("uninstall", "--root", str(tmp_path), "--dry-run", "--purge").returncode == 0
    assert files(tmp_path) == before


def test_uninstalling_leaves_the_journal_and_what_was_edited_and_a_purge_takes_them(tmp_path: Path) -> None:
    journal = tmp_path / "var/lib/pcipt-agent/journal.db"
    journal.parent.mkdir(parents=True)
    journal.write_text("claims")
    pcipt("install", "--root", str(tmp_path))
    (tmp_path / CONF).write_text("[DEFAULT]\n")
    done = pcipt("uninstall", "--root", str(tmp_path))
    assert (done.returncode, files(tmp_path)) == (0, [CONF, "var/lib/pcipt-agent/journal.db"])
    assert "kept     /var/lib/pcipt-agent" in done.stdout
    assert pcipt("uninstall", "--root", str(tmp_path), "--purge").returncode == 0
    assert files(tmp_path) == []


def test_what_is_not_installed_can_not_be_taken_away(tmp_path: Path) -> None:
    done = pcipt("uninstall", "--root", str(tmp_path))
    assert (done.returncode, "nothing is installed here" in done.stderr) == (2, True)


def test_a_root_that_is_no_directory_is_said(tmp_path: Path) -> None:
    done = pcipt("install", "--root", str(tmp_path / "no"))
    assert done.returncode == 2
    assert "is no directory; --root is that of a system" in done.stderr


def test_whoever_is_not_root_is_told_so_and_of_the_dry_run(tmp_path: Path) -> None:
    code = (
        "import locale, os, sys\n"
        "import pcipt_agent.cli.commands, pcipt_agent.cli.installing\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "sys.exit(pcipt_agent.cli.run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "install"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        2,
        "pcipt: /: only root may write there: sudo pcipt install; or --dry-run, to see what it would do\n",
    )


def test_programs_that_the_agents_user_can_not_reach_are_not_installed_from(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    assert hidden_from_user(closed / "bin") is not None
    assert "a /tmp of its own" in (hidden_from_user(Path("/tmp")) or "")
    assert hidden_from_user(Path("/usr/bin")) is None


def test_the_completion_that_is_installed_completes(tmp_path: Path) -> None:
    pcipt("install", "--root", str(tmp_path))
    script = tmp_path / "usr/local/share/bash-completion/completions/pcipt"
    assert "set-up" in script.read_text()
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_wheel_brings_every_file_that_is_installed(tmp_path: Path) -> None:
    """Built as pip builds it; then only what is in it is there."""
    copy = tmp_path / "checkout"  # a build leaves things behind
    for name in ("pcipt_agent", "systemd", "etc"):
        shutil.copytree(CHECKOUT / name, copy / name)
    for name in ("pyproject.toml", "README.rst", "LICENSE"):
        shutil.copy(CHECKOUT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(copy)]
    subprocess.run(command, check=True, timeout=300, cwd=tmp_path, env={**os.environ, "PIP_NO_INDEX": "1"})
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name.partition("share/pcipt-agent/")[2] for name in names if ".data/data/share/pcipt-agent/" in name}
    sources = {
        str(path.relative_to(CHECKOUT)) for place in ("systemd", "etc/pcipt-agent") for path in (CHECKOUT / place).rglob("*.*")
    }
    assert shipped == {*sources, "README.rst"}
