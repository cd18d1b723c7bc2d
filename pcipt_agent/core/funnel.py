# SPDX-License-Identifier: Apache-2.0
"""Funnel: how many devices each filter left for each request, and which the filter that emptied it dropped, and why.

The answer to "why not" as data: a refusal carries it, `explain request` shows it, and the sentences are made at the edge.

Does not know: the filters themselves (`core.selection`), how it is shown (`views.text`, `views.wire`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Request
from pcipt_agent.errors import Refusal


class Dropped(NamedTuple):
    """One device that a filter took out, with its reason as a clause. A tuple, because a refusal may carry one for every device."""

    address: PciAddress
    reason: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One filter, in the order of asking."""

    filter: str
    left: int
    """Devices left after it."""
    note: str | None = None
    """What the filter wants to have said: that a policy does not apply to a guest without NUMA topology, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFunnel:
    """One request's way through the filters."""

    index: int
    request: Request
    stages: tuple[Stage, ...]
    emptied_by: str | None = None
    """The filter that left fewer devices than the request's count; None where there were enough."""
    dropped: tuple[Dropped, ...] = ()
    """What `emptied_by` took out, in address order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """All requests of one claim. `together` says why they can't be met at once, where each alone could."""

    requests: tuple[RequestFunnel, ...]
    together: str | None = None


class Unsatisfied(Refusal):
    """No devices here meet the requests; the funnel says why."""

    code = "no-devices"

    def __init__(self, funnel: Funnel) -> None:
        super().__init__("the requests can't be met")
        self.funnel = funnel

    @property
    def short_of(self) -> Sequence[RequestFunnel]:
        """The requests that can't be met even alone."""
        return [each for each in self.funnel.requests if each.emptied_by is not None]
