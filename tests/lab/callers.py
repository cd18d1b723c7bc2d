# SPDX-License-Identifier: Apache-2.0
"""Callers of the agent in a host: each claims, asks again and frees, over and over, and keeps account of what it was told.

An answer that does not come is asked for again, as a controller does: after a kill of the agent it comes from the next one. With
the account an agent that comes up again can be held to its word: what was acknowledged is there, what was freed is not, and
nothing is held twice; what was asked and never answered may be either.

Does not know: why an answer did not come.
"""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from oslo_config import cfg

from pcipt_agent.adapters.rpc_client import AgentClient, AgentFailed, Answered, Refused, Unreachable
from tests.lab.calling import call
from tests.lab.host import LabHost

_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class Account:
    """What one claim's caller was told."""

    consumer: str
    claimed: dict[str, Any] | None = None
    """The reply; None: none came yet."""
    claimed_again: bool = False
    """The same was asked once more, and answered."""
    refused: bool = False
    free_asked: bool = False
    freed: bool = False

    @property
    def address(self) -> str:
        assert self.claimed is not None
        return str(self.claimed["devices"][0]["address"])

    @property
    def claimed_at(self) -> float:
        """By the host's clock, in seconds since the epoch: when the agent had the call."""
        assert self.claimed is not None
        return float(self.claimed["claimed_at"])


class Callers:
    """As many as `count`, from `with` to its end; each asks for one device with `wish` (requests and what else a claim may say)."""

    def __init__(self, host: LabHost, wish: Mapping[str, Any], *, count: int = 3, patience_seconds: float = 20.0) -> None:
        """`patience_seconds`: for one answer."""
        self._host = host
        self._wish = wish
        self._patience_seconds = patience_seconds
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self._acknowledged = 0
        self._threads = [threading.Thread(target=self._live, name=f"caller-{number}", daemon=True) for number in range(count)]
        self.accounts: dict[str, Account] = {}
        """claim_id → what became of it."""
        self.wrong: list[str] = []
        """Answers that must not be."""
        self.slowest_seconds = 0.0
        """The longest that an answer was waited for, asked for once or more."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """What is asked now is given up where no answer comes; nothing is asked any more."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def await_acknowledged(self, more: int, *, seconds: float = 120.0) -> None:
        """Until so many more claims and frees have been acknowledged."""
        with self._changed:
            wanted = self._acknowledged + more
            come = self._changed.wait_for(lambda: self._acknowledged >= wanted, seconds)
        assert come, f"{self._acknowledged} of {wanted} answers within {seconds:g} s"

    def given(self) -> list[Account]:
        """All claims that were acknowledged."""
        return [account for account in list(self.accounts.values()) if account.claimed is not None]

    def refused(self) -> int:
        """How many claims were refused so far."""
        return sum(account.refused for account in list(self.accounts.values()))

    def _live(self) -> None:
        url = f"unix://{self._host.ssh.agent_socket}"
        with closing(AgentClient(cfg.CONF, url, self._host.name, timeout=self._patience_seconds)) as client:
            while not self._ending.is_set():
                claim_id, account = str(uuid.uuid4()), Account(str(uuid.uuid4()))
                self.accounts[claim_id] = account
                self._one_claim(client, claim_id, account)

    def _one_claim(self, client: AgentClient, claim_id: str, account: Account) -> None:
        wish = {"claim_id": claim_id, "consumer": account.consumer, **self._wish}
        match self._answer(client, "claim", wish):
            case Answered(reply):
                account.claimed = reply
                self._acknowledge()
            case Refused(refusal):
                account.refused = True
                self._expect(refusal["code"] == "no-devices", f"claim {claim_id} was refused: {refusal}")
                self._ending.wait(_PAUSE_SECONDS)
                return
            case None:
                return
        again = self._answer(client, "claim", wish)
        if again is None:
            return
        same = isinstance(again, Answered) and not again.reply["changed"] and _addresses(again.reply) == [account.address]
        self._expect(same, f"claim {claim_id} was answered {account.claimed}, and then {again}")
        account.claimed_again, account.free_asked = True, True
        freed, times = self._asked(client, "free", {"claim_id": claim_id})
        if freed is None:
            return
        # Where the first answer did not come, that call may have given it back.
        gave_back = isinstance(freed, Answered) and (times > 1 or freed.reply["freed"] == [account.address])
        self._expect(gave_back, f"claim {claim_id} was given {account.address}; free: {freed}")
        account.freed = True
        self._acknowledge()

    def _answer(self, client: AgentClient, method: str, arguments: Mapping[str, Any]) -> Answered | Refused | None:
        return self._asked(client, method, arguments)[0]

    def _asked(self, client: AgentClient, method: str, arguments: Mapping[str, Any]) -> tuple[Answered | Refused | None, int]:
        """The answer, None where it did not come before the end; and how often it was asked for."""
        times, began = 0, time.monotonic()
        while True:
            times += 1
            try:
                answer = client.call(method, arguments)
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                return answer, times
            except (Unreachable, AgentFailed) as error:
                self._expect(isinstance(error, Unreachable), f"{method} {arguments}: {error}")
            if self._ending.wait(_PAUSE_SECONDS):
                return None, times

    def _acknowledge(self) -> None:
        with self._changed:
            self._acknowledged += 1
            self._changed.notify_all()

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)


def broken_promises(accounts: Mapping[str, Account], host: LabHost) -> list[str]:
    """Where what the agent has now is not what it has said; empty where all is as it was told."""
    claims = {claim["claim_id"]: claim for claim in call(host, "claims")["claims"]}
    holders = Counter(address for claim in claims.values() for address in _addresses(claim))
    wrong = [f"{address} is held by {times} claims" for address, times in holders.items() if times > 1]
    for claim_id, account in accounts.items():
        held = _addresses(claims[claim_id]) if claim_id in claims else None
        if account.claimed is not None and not account.free_asked and held != [account.address]:
            wrong.append(f"claim {claim_id} was given {account.address}, and holds {held}")
        if account.freed and held is not None:
            wrong.append(f"claim {claim_id} was freed, and holds {held}")
        if account.refused and held is not None:
            wrong.append(f"claim {claim_id} was refused, and holds {held}")
        if held is not None and account.claimed is not None and held != [account.address]:
            wrong.append(f"claim {claim_id} was given {account.address}, and holds {held}")
    return wrong


def _addresses(said: Mapping[str, Any]) -> Sequence[str]:
    return [str(device["address"]) for device in said["devices"]]
