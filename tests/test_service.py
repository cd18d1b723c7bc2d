# SPDX-License-Identifier: Apache-2.0
"""Every method, given whatever a caller may send: a reply, or a refusal that names the field; never a fault."""

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pcipt_agent.adapters.rpc import CallContext
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.invariant import violations
from pcipt_agent.errors import Refusal
from pcipt_agent.flows.claiming import nothing_gone
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.service import Service
from pcipt_agent.views.methods import METHODS
from pcipt_agent.views.sentences import wire_refusal
from pcipt_agent.views.wire_refusals import AnyRefusal, BadRequestRefusal
from pcipt_agent.views.wire_replies import Reply
from tests.support.ledgers import CONSUMER, memory_ledger, reloader_of
from tests.support.planned import domain
from tests.support.ports import MemoryJournal
from tests.support.vitals import healthy

SERVED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXTS = st.sampled_from(
    [
        *("c1", "c2", "a1", "vf", "", "0000:3b:00.0", "0000:5e:00.1", "ffff:ff:1f.7", str(CONSUMER), "8086", "required", "isolate"),
        *("type-VF", "type-PF", "vdpa", "claimed", "free", "a1:2", "vf:1, a1:1", "a1:0", "1.0", "CUSTOM_X", "\x00", "\ud800", "٣"),
    ]
) | st.text(st.characters(codec=None) | st.sampled_from(string.printable), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
NAMES = sorted({name for method in METHODS.values() for name in method.payload.model_fields})
NESTED = ["alias", "count", "address", "alternatives", "device_type", "numa_policy", "vendor_id", "product_id", "traits"]
KEYS = st.sampled_from([*NESTED, "resource_class", "pci_passthrough:alias", "hw:pci_numa_affinity_policy", "group_policy"]) | TEXTS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8)
REQUESTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "alias": st.sampled_from(["a1", "vf", "none"]),
            "count": st.sampled_from([1, 2, 5, 1024]),
            "address": TEXTS,
            "alternatives": st.lists(st.dictionaries(KEYS, JSON, max_size=3), max_size=2),
            "device_type": st.sampled_from(["type-PCI", "type-VF", "type-PF", "vdpa"]),
            "numa_policy": st.sampled_from(["required", "preferred", "socket", "legacy"]),
        },
    ),
    max_size=3,
)
ENTITY = "<!DOCTYPE a [<!ENTITY b SYSTEM '/etc/hostname'>]><a>&b;</a>"
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "claim_id": st.sampled_from(["c1", "c2", "c3"]),
        "consumer": st.just(str(CONSUMER)),
        "requests": REQUESTS,
        "flavor": st.dictionaries(KEYS, TEXTS, max_size=2),
        "numa_nodes": st.lists(st.integers(-1, 2), max_size=2),
        "address": TEXTS,
        "domain": st.sampled_from(["<domain><devices/></domain>", "<domain/>", "<a", ENTITY, "guest"]),
        "limit": st.integers(0, 3),
        "after": TEXTS,
        "dry_run": st.booleans(),
        "host": st.booleans(),
        "reason": TEXTS,
        "unused": st.booleans(),
        "rules": st.none() | st.fixed_dictionaries({"device_spec": st.lists(TEXTS, max_size=2)}),
    },
)
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES) | TEXTS, JSON, max_size=5) | NEARLY


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Service, Ledger]:
    ledger, disk = memory_ledger()
    ledger.observe_hypervisor(Hypervisor(reachable=True, problem=None, domains=(domain("guest", "3b:03.0"),)))
    reloader = reloader_of(ledger, tmp_path_factory.mktemp("conf") / "agent.conf")
    return Service(ledger, MemoryJournal(disk), healthy, reloader=reloader, gone=nothing_gone), ledger


def answered(service: Service, name: str, arguments: dict[str, Any]) -> Reply | AnyRefusal:
    """As `adapters.rpc` answers; whatever else is raised would end the agent."""
    try:
        return service.methods()[name](arguments, CallContext())
    except Refusal as refusal:
        return wire_refusal(refusal)


@pytest.mark.parametrize("name", METHODS)
@SERVED
@given(arguments=ARGUMENTS)
@example(arguments={})
@example(arguments={"claim_id": "c1", "consumer": str(CONSUMER), "requests": [{"alias": "a1"}]})
@example(arguments={"\ud800": 1})
def test_any_arguments_get_a_reply_or_a_refusal_that_names_the_field(
    served: tuple[Service, Ledger], name: str, arguments: dict[str, Any]
) -> None:
    service, ledger = served
    answer = answered(service, name, arguments)
    if isinstance(answer, BadRequestRefusal):
        assert answer.problems
    elif isinstance(answer, Reply):
        assert isinstance(answer, METHODS[name].reply)
    assert json.loads(json.dumps(answer.model_dump(mode="json"))) is not None
    assert violations(ledger.inventory) == ()


def test_every_method_of_the_contract_is_served_and_no_other(served: tuple[Service, Ledger]) -> None:
    assert set(served[0].methods()) == set(METHODS)
