# SPDX-License-Identifier: Apache-2.0
"""Are two wishes the same claim: a retry must be, and another content under the same claim_id must not.

Compared as the caller meant it. A request by alias is the same one as long as it names the alias: a reload between the claim and
its retry may have given the alias other alternatives or another policy, and the retry must still get its answer. Without an alias
the alternatives are what was asked.

Does not know: which of the two is held, what is done about a difference.
"""

from collections.abc import Iterator

from pcipt_agent.core.alias import Alternative, Request
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.guest import Guest
from pcipt_agent.errors import Difference


def differences(here: Wish, asked: Wish) -> tuple[Difference, ...]:
    """Where the two wishes differ, in words; empty where they are the same claim."""
    return tuple(_differing(here, asked))


def _differing(here: Wish, asked: Wish) -> Iterator[Difference]:
    yield from _field("consumer", here.consumer, asked.consumer)
    if len(here.requests) != len(asked.requests):
        yield Difference("requests", _all(here.requests), _all(asked.requests))
    else:
        for number, (one, other) in enumerate(zip(here.requests, asked.requests, strict=True)):
            yield from _request(f"requests.{number}", one, other)
    yield from _field("guest.numa_nodes", _nodes(here.guest), _nodes(asked.guest))
    yield from _field("group_policy", here.group_policy, asked.group_policy)
    yield from _field("move_id", here.move_id or "none", asked.move_id or "none")


def _request(field: str, here: Request, asked: Request) -> Iterator[Difference]:
    yield from _field(f"{field}.count", str(here.count), str(asked.count))
    yield from _field(f"{field}.numa_policy", _policy(here), _policy(asked))
    yield from _field(f"{field}.alias", here.alias or "none", asked.alias or "none")
    yield from _field(f"{field}.address", str(here.address or "none"), str(asked.address or "none"))
    if here.alias is None or here.alias != asked.alias:
        yield from _field(f"{field}.device_type", here.device_type or "any", asked.device_type or "any")
        yield from _field(f"{field}.alternatives", _either(here.alternatives), _either(asked.alternatives))


def _policy(request: Request) -> str:
    return request.numa_policy if request.numa_policy_asked or request.alias is None else "the alias's"


def _field(field: str, here: str, asked: str) -> Iterator[Difference]:
    if here != asked:
        yield Difference(field, str(here), str(asked))


def _all(requests: tuple[Request, ...]) -> str:
    return ", ".join(f"{request.count} of {_wanted(request)}" for request in requests) or "none"


def _wanted(request: Request) -> str:
    return request.alias or (str(request.address) if request.address is not None else _either(request.alternatives))


def _either(alternatives: tuple[Alternative, ...]) -> str:
    return " or ".join(_alternative(wanted) for wanted in alternatives) or "none"


def _alternative(wanted: Alternative) -> str:
    words = [f"{wanted.vendor_id or '*'}:{wanted.product_id or '*'}"]
    if wanted.resource_class is not None:
        words.append(wanted.resource_class)
    words += sorted(wanted.traits)
    if wanted.live_migratable is not None:
        words.append("live_migratable" if wanted.live_migratable else "not live_migratable")
    return " ".join(words)


def _nodes(guest: Guest) -> str:
    return "none" if guest.numa_nodes is None else ", ".join(map(str, sorted(guest.numa_nodes))) or "empty"
