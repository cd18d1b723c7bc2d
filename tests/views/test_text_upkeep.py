# SPDX-License-Identifier: Apache-2.0
"""disable, enable and clean in words."""

from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.text import page
from pcipt_agent.views.text_upkeep import clean_text, disable_page, enable_page
from pcipt_agent.views.wire_devices import DisabledPart
from pcipt_agent.views.wire_upkeep import CleanReply, DisableReply, EnableReply, StillHeldPart

LOUD = DisabledPart(address="0000:3b:00.0", reason="fan is loud", since=0.0, by="uid 0")
HOST = DisabledPart(address=None, reason="upgrade", since=0.0, by=None)
HELD = StillHeldPart(address="0000:3b:00.1", claim_id="c1", consumer="u1")


def test_a_disabled_device_is_said_with_what_is_held_of_it() -> None:
    reply = DisableReply(generation="1.1", changed=True, disabled=LOUD, still_held=[HELD])
    assert page(disable_page(reply), colour=False).splitlines() == [
        "0000:3b:00.0 is disabled: fan is loud (since 1970-01-01 00:00:00Z by uid 0)",
        "1 device is held, and stays so:",
        "  0000:3b:00.1  claim c1 of consumer u1",
    ]
    two = reply.model_copy(update={"changed": False, "disabled": HOST, "still_held": [HELD, HELD]})
    assert page(disable_page(two), colour=False).splitlines()[:2] == [
        "the host is disabled, as before: upgrade (since 1970-01-01 00:00:00Z)",
        "2 devices are held, and stay so:",
    ]


def test_an_enabled_device_is_said_with_what_keeps_it_out_of_service() -> None:
    reply = EnableReply(generation="1.1", changed=True, address="0000:3b:00.1", still_disabled=[LOUD, HOST])
    assert page(enable_page(reply), colour=False).splitlines() == [
        "0000:3b:00.1 is enabled",
        "  its PF 0000:3b:00.0 is disabled: fan is loud (since 1970-01-01 00:00:00Z by uid 0)",
        "  the host is disabled: upgrade (since 1970-01-01 00:00:00Z)",
    ]
    whole = reply.model_copy(update={"changed": False, "address": None, "still_disabled": [LOUD]})
    assert page(enable_page(whole), colour=False).splitlines() == [
        "the host was not disabled",
        "  0000:3b:00.0 is disabled: fan is loud (since 1970-01-01 00:00:00Z by uid 0)",
    ]


def test_a_clean_device_is_said_with_what_it_is_now() -> None:
    reply = CleanReply(generation="1.1", changed=True, address="0000:3b:00.1", status=DeviceStatus.FREE, status_reason=None)
    assert clean_text(reply) == "0000:3b:00.1 is clean; it is free"
    other = reply.model_copy(update={"changed": False, "status": DeviceStatus.DISABLED, "status_reason": "loud"})
    assert clean_text(other) == "0000:3b:00.1 was not dirty; it is disabled: loud"
    assert clean_text(reply.model_copy(update={"status": None})) == "0000:3b:00.1 is clean; it is not on the host"
