# SPDX-License-Identifier: Apache-2.0
"""What is installed is read back as it was written, and nothing else is believed."""

from pathlib import Path

import pytest

from pcipt_agent.errors import HostError
from pcipt_agent.installing.manifest import PLACE, Manifest, manifest_text, read_manifest
from pcipt_agent.installing.plan import host_path


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest({"/etc/a": "1", "/usr/local/b": "2"}, ("/etc", "/usr/local"))
    path = host_path(tmp_path, PLACE)
    path.parent.mkdir(parents=True)
    path.write_bytes(manifest_text(manifest))
    assert read_manifest(tmp_path) == manifest


def test_where_none_is_nothing_is_installed(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == Manifest()


@pytest.mark.parametrize("written", ["", "[]", '{"format": 2}', '{"format": 1, "files": {"../x": "1"}, "directories": []}'])
def test_a_manifest_that_says_nothing_is_not_believed(tmp_path: Path, written: str) -> None:
    path = host_path(tmp_path, PLACE)
    path.parent.mkdir(parents=True)
    path.write_text(written)
    with pytest.raises(HostError, match="does not say what is installed"):
        read_manifest(tmp_path)


def test_what_is_removed_on_request_of_a_manifest_is_an_absolute_path_without_dots(tmp_path: Path) -> None:
    path = host_path(tmp_path, PLACE)
    path.parent.mkdir(parents=True)
    path.write_text('{"format": 1, "files": {}, "directories": ["/usr/../../home"]}')
    with pytest.raises(HostError, match="no absolute path"):
        read_manifest(tmp_path)
