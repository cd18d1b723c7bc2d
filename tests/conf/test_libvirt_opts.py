# SPDX-License-Identifier: Apache-2.0
"""`[libvirt] connection_uri`: nova's name, and the default that is right on a host with KVM."""

from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.conf.opts import register_opts
from pcipt_agent.conf.settings import read_settings


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("", "qemu:///system"),
        ("[libvirt]\nconnection_uri =\n", "qemu:///system"),
        ("[libvirt]\nconnection_uri = test:///default\n", "test:///default"),
    ],
)
def test_libvirt_is_asked_where_the_operator_says(tmp_path: Path, text: str, uri: str) -> None:
    path = tmp_path / "a.conf"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    register_opts(conf)
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    settings, mistakes = read_settings(conf, [str(path)])
    assert (settings.connection_uri, mistakes) == (uri, ())
