# SPDX-License-Identifier: Apache-2.0
"""What is never handed out, by the running agent: at the claim, in `explain`, and in what `check-config` warns of.

One agent for all tests; none leaves anything behind.
"""

import json
from collections.abc import Iterator

import pytest

from tests.support.living import (
    GPU,
    MACHINE,
    ON_ICE,
    ON_VFIO,
    RULES,
    SOUND,
    UNGROUPED,
    VARIANT,
    LivingHost,
    claim,
    free,
    given,
    living_host,
    pcipt,
    why_not,
)
from tests.support.running import Agent, running_agent

USED = {
    "0000:91:00.0": 'used mounted "nvme0n1p1 is mounted on /"',
    "0000:91:01.0": 'used swap "sda2 is swap"',
    "0000:91:02.0": 'used holder "dm-0 is over sdb1"',
    "0000:91:03.0": 'used enslaved "bond0 is over ens9"',
    "0000:91:04.0": 'used route "ens8 carries the default route"',
    "0000:91:05.0": 'used address "ens7 has 2001:db8::7"',
    "0000:91:06.0": 'used boot-display "boot_vga is 1"',
}
BRIDGE, BESIDE_DISK, DISK = "0000:3a:02.0", "0000:92:00.0", "0000:92:00.1"
PAIR = ("0000:93:00.0", "0000:93:00.1")
MORE = "".join(
    f"{line}  class 088000\n"
    for line in (
        *(f"{address}  1af4:1041  PCI  numa 0  group {100 + at}  {how}" for at, (address, how) in enumerate(USED.items())),
        f"{BESIDE_DISK}  1af4:1042  PCI  numa 0  group 120  driver vfio-pci",
        f'{DISK}  1af4:1043  PCI  numa 0  group 120  driver nvme  used mounted "nvme7n1 is mounted on /srv"',
        *(f"{address}  1af4:1044  PCI  numa 0  group 121" for address in PAIR),
    )
)
MORE_RULES = RULES + 'device_spec = {"vendor_id": "1af4"}\ndevice_spec = {"vendor_id": "8086", "product_id": "347a"}\n'
OTHER = "0b6a5d1e-9f0c-4e0a-8c0e-6f3f7f7f2b11"


@pytest.fixture(scope="module")
def living() -> Iterator[tuple[LivingHost, Agent]]:
    with living_host(MACHINE + MORE) as host, running_agent(host.configuration(rules=MORE_RULES)) as agent:
        yield host, agent


@pytest.fixture
def agent(living: tuple[LivingHost, Agent]) -> Agent:
    return living[1]


def used(address: str) -> str:
    """As the agent is to word it."""
    return f"the host uses it: {json.loads(USED[address][USED[address].index(chr(34)) :])}"


REFUSED = {
    **{address: used(address) for address in USED},
    BRIDGE: "class 060400 is a bridge",
    UNGROUPED: "it is in no IOMMU group",
    ON_ICE: "managed is no, and it is bound to ice: bind it to vfio-pci or a variant driver",
    GPU: f"its IOMMU group 40 also has {SOUND}, bound to snd_hda_intel",
    BESIDE_DISK: f"its IOMMU group 120 also has {DISK}, which the host uses (nvme7n1 is mounted on /srv)",
}


@pytest.mark.parametrize(("address", "words"), REFUSED.items())
def test_it_is_refused_and_explained_by_name(agent: Agent, address: str, words: str) -> None:
    refused = why_not(claim(agent, f"wanted-{address}", address))
    assert words in refused
    explained = agent.call("explain_device", address=address)
    assert words in json.dumps(explained, ensure_ascii=False)


def test_check_config_warns_of_each_listed_function_that_the_host_uses(agent: Agent) -> None:
    told = pcipt(agent, "check-config")
    assert told.returncode == 0, told.stderr
    for address in USED:
        clause = used(address).removeprefix("the host uses it: ")
        assert any(address in line and clause in line for line in told.stdout.splitlines()), told.stdout


def test_a_function_that_is_bound_to_vfio_is_given_as_it_is(agent: Agent) -> None:
    (device,) = given(agent, "on-vfio", ON_VFIO)
    assert (device["managed"], "managed='no'" in device["xml"], device["warnings"]) == (False, True, [])
    free(agent, "on-vfio")


def test_both_members_of_a_group_are_given_by_one_claim(agent: Agent) -> None:
    devices = given(agent, "card", requests=[{"alias": "gpu"}, {"alias": "sound"}])
    assert [each["address"] for each in devices] == [GPU, SOUND]
    free(agent, "card")


def test_what_shares_a_group_with_anothers_device_is_not_given_and_to_the_same_consumer_it_is(agent: Agent) -> None:
    assert given(agent, "one", PAIR[0])
    refused = why_not(claim(agent, "two", PAIR[1], consumer=OTHER))
    assert PAIR[0] in refused
    assert "group 121" in refused
    assert given(agent, "three", PAIR[1])
    free(agent, "one", "three")


def test_a_managed_function_on_a_variant_driver_is_given_with_a_warning_while_no_libvirt_says_its_version(agent: Agent) -> None:
    (device,) = given(agent, "variant", VARIANT)
    assert any("virtio_vfio_pci" in each and "libvirt 10.0.0" in each for each in device["warnings"])
    free(agent, "variant")


def test_warn_gives_what_group_driver_and_iommu_are_against_and_never_what_the_host_uses(
    living: tuple[LivingHost, Agent],
) -> None:
    host, agent = living
    host.configuration(rules=MORE_RULES, agent="readiness = warn\n")
    assert pcipt(agent, "reload").returncode == 0
    try:
        for address in (UNGROUPED, ON_ICE, GPU, BESIDE_DISK):
            (device,) = given(agent, f"warned-{address}", address)
            assert any(REFUSED[address] in each for each in device["warnings"]), device
            free(agent, f"warned-{address}")
        for address in (*USED, BRIDGE):
            assert REFUSED[address] in why_not(claim(agent, f"still-{address}", address))
    finally:
        host.configuration(rules=MORE_RULES)
        assert pcipt(agent, "reload").returncode == 0
    assert REFUSED[UNGROUPED] in why_not(claim(agent, "again", UNGROUPED))
