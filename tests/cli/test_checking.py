# SPDX-License-Identifier: Apache-2.0
"""`pcipt check-config`: what each entry matches, or every mistake."""

import json
from pathlib import Path

import pytest

from tests.support.golden import Golden
from tests.support.inside import pcipt_inside
from tests.support.running import pcipt

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("check-config", (), 0),
        ("check-config-nova", ("--nova-conf", "nova.conf"), 0),
        ("check-config-mistakes", ("--config-file", "bad.conf"), 2),
    ],
)
def test_check_config_prints_its_golden_text(
    name: str, options: tuple[str, ...], code: int, here: tuple[str, ...], tmp_path: Path, golden: Golden
) -> None:
    (tmp_path / "bad.conf").write_text('[pci]\ndevice_spec = {"vendor_idd": "8086"}\ndev_spec = {"vendor_id": "8086"}\n')
    (tmp_path / "nova.conf").write_text(
        "[DEFAULT]\nhost = compute1\ndebug = true\n[pci]\ndevice_spec = {}\n[database]\nconnection = mysql://nova:secret@db\n"
    )
    given = [str(tmp_path / word) if word.endswith(".conf") else word for word in options]
    done = pcipt_inside("check-config", *here, *given)
    assert done.returncode == code
    golden.check((done.stdout + done.stderr).replace(f"{tmp_path}/", ""), GOLDEN / f"{name}.txt")


def test_check_config_as_json_lists_matches_or_mistakes(here: tuple[str, ...], tmp_path: Path) -> None:
    good = json.loads(pcipt_inside("check-config", *here, "--format", "json").stdout)
    assert [entry["matched"] for entry in good["entries"]][1] == ["0000:86:00.0"]
    assert (good["mistakes"], good["aliases"]) == ([], [{"name": "gpu", "fitting": 1}, {"name": "nic", "fitting": 3}])
    (tmp_path / "bad.conf").write_text("[pci]\ndevice_spec = {'vendor_id': '8086'}\n")
    bad = pcipt_inside("check-config", *here, "--config-file", str(tmp_path / "bad.conf"), "--format", "json")
    assert (bad.returncode, bad.stderr) == (2, "")
    assert json.loads(bad.stdout)["mistakes"][0]["remedy"] == '{"vendor_id": "8086"}'


def test_an_old_name_is_said_once(here: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "old.conf").write_text('[DEFAULT]\npci_passthrough_whitelist = {"vendor_id": "10de"}\n')
    done = pcipt("check-config", *here, "--config-file", str(tmp_path / "old.conf"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("pci_passthrough_whitelist") == 1
