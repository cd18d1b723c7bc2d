# SPDX-License-Identifier: Apache-2.0
"""The options' help, and the sample that is made of it."""

from pathlib import Path

import pytest
from oslo_config import cfg, generator

from pcipt_agent.conf.opts import list_opts, register_opts

CHECKOUT = Path(__file__).resolve().parents[2]
ETC = CHECKOUT / "etc" / "pcipt-agent"
OPTS = [(group, opt) for group, opts in list_opts() for opt in opts]


def test_the_sample_is_what_the_generator_makes_now(tmp_path: Path) -> None:
    made = tmp_path / "sample"
    generator.main(["--config-file", str(ETC / "pcipt-agent-config-generator.conf"), "--output-file", str(made)])
    assert made.read_text() == (ETC / "pcipt-agent.conf.sample").read_text(), "run oslo-config-generator as its file says"


@pytest.mark.parametrize(("group", "opt"), OPTS, ids=lambda each: each if isinstance(each, str) else each.name)
def test_an_option_is_explained_with_a_valid_and_an_invalid_example(group: str, opt: cfg.Opt) -> None:
    assert group
    assert opt.help is not None
    assert f"* Valid: ``{opt.name} = " in opt.help
    assert "* Invalid: " in opt.help


def test_options_may_be_registered_twice() -> None:
    conf = cfg.ConfigOpts()
    register_opts(conf)
    register_opts(conf)
    assert "device_spec" in conf["pci"]
