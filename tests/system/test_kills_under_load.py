# SPDX-License-Identifier: Apache-2.0
"""kill -9 again and again while callers claim, retry and free: nothing acknowledged is lost, nothing is held twice."""

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from pcipt_agent.adapters.rpc_client import AgentClient, Answered, Refused, Unreachable
from tests.support.running import Agent, configured, running_agent

EXAMPLE_HOST = Path(__file__).resolve().parents[2] / "etc/pcipt-agent/example.host"
CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"
RULES = """\
device_spec = {"vendor_id": "15b3", "product_id": "101e"}
alias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
"""
CALLERS, KILLS, ANSWERS_BETWEEN = 6, 3, 40


class Callers:
    """Each claims, asks again, and frees, for as long as it lasts; an answer that is lost is asked for again."""

    def __init__(self) -> None:
        self.ending = threading.Event()
        self.answered = threading.Semaphore(0)
        self.wrong: list[str] = []
        self._holders: dict[str, str] = {}
        self._lock = threading.Lock()

    def live(self, agent: Agent, caller: int) -> None:
        with closing(agent.client(timeout=20)) as client:
            number = 0
            while not self.ending.is_set():
                number += 1
                self._one_claim(client, f"caller-{caller}-{number}")

    def _one_claim(self, client: AgentClient, claim_id: str) -> None:
        wish = {"claim_id": claim_id, "consumer": CONSUMER, "requests": [{"alias": "a1"}]}
        first = self._call(client, "claim", wish)
        if isinstance(first, Refused):
            self._expect(first.refusal["code"] == "no-devices", f"{claim_id}: {first}")
            return
        (address,) = (device["address"] for device in first.reply["devices"])
        with self._lock:
            self._expect(address not in self._holders, f"{address} is {claim_id}'s and {self._holders.get(address)}'s")
            self._holders[address] = claim_id
        again = self._call(client, "claim", wish)
        same = isinstance(again, Answered) and again.reply["devices"] == first.reply["devices"] and not again.reply["changed"]
        self._expect(same, f"{claim_id} was told {first}, and then {again}")
        with self._lock:
            del self._holders[address]
        freed = self._call(client, "free", {"claim_id": claim_id})
        self._expect(isinstance(freed, Answered), f"{claim_id}: {freed}")

    def _call(self, client: AgentClient, method: str, arguments: dict[str, Any]) -> Answered | Refused:
        while True:
            try:
                answer = client.call(method, arguments)
            except Unreachable:
                threading.Event().wait(0.02)  # between a kill and the next start
                continue
            self.answered.release()
            return answer

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)


def test_nothing_acknowledged_is_lost_and_nothing_is_held_twice(tmp_path: Path) -> None:
    config_file = configured(tmp_path, EXAMPLE_HOST, RULES)
    callers, threads = Callers(), list[threading.Thread]()
    for _ in range(KILLS):
        with running_agent(config_file) as agent:
            if not threads:
                threads = [threading.Thread(target=callers.live, args=(agent, number), daemon=True) for number in range(CALLERS)]
                for thread in threads:
                    thread.start()
            for _ in range(ANSWERS_BETWEEN):
                assert callers.answered.acquire(timeout=60)
            agent.kill()
    with running_agent(config_file) as agent:
        callers.ending.set()
        for thread in threads:
            thread.join()
        left = agent.call("claims")["claims"]
    assert callers.wrong == []
    assert left == []
