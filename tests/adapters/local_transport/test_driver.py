# SPDX-License-Identifier: Apache-2.0
"""The address of the socket."""

from pathlib import Path

import oslo_messaging
import pytest
from oslo_config import cfg

from pcipt_agent.adapters.local_transport.driver import socket_path


@pytest.mark.parametrize("text", ["unix:///run/x.sock", "unix:////run/x.sock", "unix:///run%2Fx.sock"])
def test_any_number_of_slashes_means_the_absolute_path(text: str) -> None:
    assert socket_path(oslo_messaging.TransportURL.parse(cfg.CONF, text)) == Path("/run/x.sock")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unix://run/x.sock", "three slashes"),
        ("unix://", "path of a socket"),
        ("unix:///run/", "path of a socket"),
        (f"unix:///{'x' * 107}", "at most 107 bytes"),
    ],
)
def test_an_address_that_is_no_absolute_path_is_refused(text: str, problem: str) -> None:
    with pytest.raises(oslo_messaging.InvalidTransportURL, match=problem):
        oslo_messaging.get_rpc_transport(cfg.CONF, url=text)
