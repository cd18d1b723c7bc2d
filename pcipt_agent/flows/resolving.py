# SPDX-License-Identifier: Apache-2.0
"""From what the caller asks to requests that need no configuration any more.

Requests given outright come first, then the flavor's, in its order. The NUMA policy of a request is its own; else the flavor's or
image's, which replaces that of every alias; else the alias's; else legacy. What an alias means is settled here, once: a retry of a
claim that is held is read with what the alias meant then, so that a changed or removed alias changes no claim.

Does not know: devices, which of them are free, the claim's life.
Source: nova 34, nova/pci/request.py; admin guide, "PCI-NUMA affinity policies".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pcipt_agent.conf.names import problem_of, resource_class_name, trait_name
from pcipt_agent.core.address import parse_address
from pcipt_agent.core.alias import Alias, Alternative, GroupPolicy, NumaPolicy, Request, RuleSet
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.errors import AliasDiffers, BadRequest, Difference, UnknownAlias
from pcipt_agent.flows.flavor import group_policy, named, numa_policy
from pcipt_agent.views.wire import AlternativePayload, RequestPayload, WishPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The content of a wish, whoever it is for."""

    requests: tuple[Request, ...]
    guest: Guest
    group_policy: GroupPolicy


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request as the caller wrote it, where, and what the claim that is held made of it."""

    payload: RequestPayload
    field: str
    then: Request | None


def resolved(payload: WishPayload, rules: RuleSet, held: Wish | None = None) -> Resolved:
    """`held` is the wish of the claim that already has the claim_id, if one does. Raises Refusal."""
    policy = numa_policy(payload.flavor, payload.image)
    pieces = [RequestPayload(alias=each.alias, count=each.count) for each in named(payload.flavor)]
    requests = [*payload.requests, *pieces]
    if not requests:
        raise BadRequest([("requests", "nothing is asked for: give requests, or a flavor with pci_passthrough:alias")])
    before = () if held is None else held.requests
    nodes = payload.numa_nodes
    return Resolved(
        requests=tuple(
            _request(_Asked(each, f"requests.{index}", before[index] if index < len(before) else None), rules, policy)
            for index, each in enumerate(requests)
        ),
        guest=Guest(None if nodes is None else frozenset(nodes)),
        group_policy=payload.group_policy or group_policy(payload.flavor) or GroupPolicy.NONE,
    )


def _request(asked: _Asked, rules: RuleSet, policy: NumaPolicy | None) -> Request:
    payload = asked.payload
    wanted = payload.numa_policy or policy
    if payload.address is not None:
        return _by_address(asked, wanted)
    if payload.device_type is DeviceType.VDPA:
        raise BadRequest([(f"{asked.field}.device_type", "vdpa devices are not asked for by alias or ids")])
    if payload.alias is not None:
        return _by_alias(asked, payload.alias, rules, wanted)
    if payload.alternatives is None:
        raise BadRequest([(asked.field, "give an alias, alternatives, or an address")])
    return Request(
        count=payload.count,
        numa_policy=wanted or NumaPolicy.LEGACY,
        numa_policy_asked=wanted is not None,
        device_type=payload.device_type or DeviceType.PCI,
        alternatives=_alternatives(payload.alternatives, asked.field),
    )


def _by_address(asked: _Asked, wanted: NumaPolicy | None) -> Request:
    payload, problems = asked.payload, []
    address = parse_address(payload.address or "")
    if address is None:
        problems.append((f"{asked.field}.address", f"{payload.address!r} is no PCI address: write it as 0000:3b:02.1"))
    if payload.count != 1:
        problems.append((f"{asked.field}.count", "an address is one device"))
    for name in ("alias", "alternatives", "device_type"):
        if getattr(payload, name) is not None:
            problems.append((f"{asked.field}.{name}", "not beside an address, which says all"))
    if problems:
        raise BadRequest(problems)
    policy = wanted or NumaPolicy.LEGACY
    return Request(count=1, numa_policy=policy, numa_policy_asked=wanted is not None, address=address)


def _by_alias(asked: _Asked, name: str, rules: RuleSet, wanted: NumaPolicy | None) -> Request:
    payload, then = asked.payload, asked.then
    given = None if payload.alternatives is None else _alternatives(payload.alternatives, asked.field)
    if then is not None and then.alias == name:
        # What the caller gives beside the name is compared by the claim itself: it has to be what was claimed.
        meant = then.alternatives if given is None or set(given) == set(then.alternatives) else given
        device_type, own = payload.device_type or then.device_type, then.numa_policy
    else:
        alias = _agreed(name, payload, given, rules)
        meant, device_type, own = alias.alternatives, alias.device_type, alias.numa_policy or NumaPolicy.LEGACY
    return Request(
        count=payload.count,
        numa_policy=wanted or own,
        numa_policy_asked=wanted is not None,
        alias=name,
        device_type=device_type,
        alternatives=meant,
    )


def _agreed(name: str, payload: RequestPayload, given: tuple[Alternative, ...] | None, rules: RuleSet) -> Alias:
    """The alias as it is configured here, which is also what the caller takes it for."""
    alias = rules.aliases.get(name)
    if alias is None:
        raise UnknownAlias(name, sorted(rules.aliases))
    differences = []
    if payload.device_type not in (None, alias.device_type):
        differences.append(Difference("device_type", str(alias.device_type), str(payload.device_type)))
    if given is not None and set(given) != set(alias.alternatives):
        differences.append(Difference("alternatives", _in_words(alias.alternatives), _in_words(given)))
    if differences:
        raise AliasDiffers(name, differences)
    return alias


def _alternatives(payloads: Sequence[AlternativePayload], field: str) -> tuple[Alternative, ...]:
    """Normalised as the alias option's values are. Raises BadRequest."""
    return tuple(_alternative(each, f"{field}.alternatives.{index}") for index, each in enumerate(payloads))


def _alternative(payload: AlternativePayload, field: str) -> Alternative:
    problems = [
        (f"{field}.{name}", "four hexadecimal digits, without 0x")
        for name in ("vendor_id", "product_id")
        if (value := getattr(payload, name)) is not None and re.fullmatch("[0-9a-fA-F]{4}", value) is None
    ]
    if payload.vendor_id is None and payload.resource_class is None:
        problems.append((field, "incomplete: give vendor_id and product_id, or resource_class"))
    elif payload.vendor_id is None and payload.product_id is not None:
        problems.append((f"{field}.product_id", "means nothing without the vendor_id"))
    resource_class = None if payload.resource_class is None else resource_class_name(payload.resource_class.strip())
    traits = {trait: trait_name(trait.strip()) for trait in payload.traits}
    problems += [
        (f"{field}.traits", f"{trait!r} is no trait's name") for trait, name in traits.items() if not _is_name(trait, name)
    ]
    if resource_class is not None and not _is_name(payload.resource_class or "", resource_class):
        problems.append((f"{field}.resource_class", f"{payload.resource_class!r} is no resource class's name"))
    if problems:
        raise BadRequest(problems)
    return Alternative(
        vendor_id=None if payload.vendor_id is None else payload.vendor_id.lower(),
        product_id=None if payload.product_id is None else payload.product_id.lower(),
        resource_class=resource_class,
        traits=frozenset(traits.values()),
        live_migratable=payload.live_migratable,
    )


def _is_name(given: str, name: str) -> bool:
    return bool(given.strip()) and problem_of(name) is None


def _in_words(alternatives: Sequence[Alternative]) -> str:
    return " or ".join(_one_in_words(each) for each in alternatives)


def _one_in_words(wanted: Alternative) -> str:
    parts = [f"vendor_id {wanted.vendor_id}"] if wanted.vendor_id else []
    parts += [f"product_id {wanted.product_id}"] if wanted.product_id else []
    parts += [f"resource_class {wanted.resource_class}"] if wanted.resource_class else []
    parts += [f"traits {','.join(sorted(wanted.traits))}"] if wanted.traits else []
    parts += [] if wanted.live_migratable is None else [f"live_migratable {'yes' if wanted.live_migratable else 'no'}"]
    return " ".join(parts)
