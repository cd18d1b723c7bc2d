# SPDX-License-Identifier: Apache-2.0
"""Safety: the sets, and asking each device, say the same; and how functions are related."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.core.alias import Readiness, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.domain import Version
from pcipt_agent.core.host import Host
from pcipt_agent.core.readiness import Unready
from tests.support.strategies import hosts, rule_sets

VERSIONS = st.sampled_from([None, (9, 10, 0), (10, 0, 0)])
WAVED_THROUGH = {Unready.NO_IOMMU_GROUP, Unready.GROUP_NOT_VIABLE, Unready.DRIVER}


@settings(max_examples=300)
@given(hosts(), rule_sets(), VERSIONS)
def test_a_device_is_ready_exactly_where_nothing_is_said_against_it(machine: Host, rules: RuleSet, version: Version | None) -> None:
    catalogue = catalogue_of(machine, rules, version)
    for index in range(len(catalogue.devices)):
        against = [why.reason for why in catalogue.not_ready(index)]
        assert bool(catalogue.ready >> index & 1) == (not against)
        assert against == [reason for reason in Unready if reason in against]
    assert catalogue.offered & ~(catalogue.ready & catalogue.assignable) == 0


@settings(max_examples=300)
@given(hosts(), rule_sets(), VERSIONS)
def test_to_warn_waves_through_iommu_group_and_driver_and_nothing_else(
    machine: Host, rules: RuleSet, version: Version | None
) -> None:
    strict = catalogue_of(machine, _with(rules, Readiness.ENFORCE), version)
    lax = catalogue_of(machine, _with(rules, Readiness.WARN), version)
    assert strict.ready & ~lax.ready == 0
    assert lax.coupled == 0
    for index in range(len(strict.devices)):
        refused = {why for why in strict.not_ready(index) if why.reason in WAVED_THROUGH}
        assert set(lax.not_ready(index)) == set(strict.not_ready(index)) - refused
        assert refused <= set(lax.warnings(index))
        assert {why.reason for why in lax.warnings(index)} <= WAVED_THROUGH


@settings(max_examples=300)
@given(hosts(), rule_sets())
def test_a_coupled_device_says_what_it_needs_and_is_content_once_it_has_it(machine: Host, rules: RuleSet) -> None:
    catalogue = catalogue_of(machine, rules)
    assert catalogue.coupled & ~catalogue.ready == 0
    for index in range(len(catalogue.devices)):
        company = catalogue.company_of(index)
        assert bool(company) == bool(catalogue.coupled >> index & 1)
        assert company & ~catalogue.offered == 0
        assert not any(catalogue.kinship.relatives(each) & (company | 1 << index) for each in indexes(company | 1 << index))
        lonely = [why for why in catalogue.warnings(index) if why.reason is Unready.GROUP_NOT_VIABLE]
        content = [why for why in catalogue.warnings(index, beside=company) if why.reason is Unready.GROUP_NOT_VIABLE]
        if rules.readiness is Readiness.ENFORCE:
            assert (bool(lonely), content) == (bool(company), [])


def _with(rules: RuleSet, readiness: Readiness) -> RuleSet:
    return RuleSet(specs=rules.specs, aliases=rules.aliases, readiness=readiness)
