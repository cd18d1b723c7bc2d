# SPDX-License-Identifier: Apache-2.0
"""LibvirtReader: `ports.DomainReader` over one libvirt, in a thread of its own.

    connect ─▶ subscribe ─▶ look ─▶ wait for an event, or a while ─▶ look …        trouble: keep the last sighting, wait, connect

A call of libvirt's can't be taken back, so that thread may hang for as long as libvirt does. Everyone else reads what it saw last,
and a clock says whether it has been gone for too long. Where libvirt dies, the hung call ends with its socket, and where only the
other side hangs, keep-alive ends it.

An event says that there is something to see; it is never believed in what. The events since the last look say only whether the look
can have missed something (`watch`).

Does not know: libvirt-python (`connection`), claims, what is done about a device that a domain holds.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pcipt_agent.adapters.hypervisor.connection import Connection, library_version
from pcipt_agent.adapters.hypervisor.watch import DomainEvent, SeenDomain, may_have_missed
from pcipt_agent.core.domain import UNSEEN, Domain, Hypervisor
from pcipt_agent.errors import HostError
from pcipt_agent.ports import Clock
from pcipt_agent.views.domain_devices import domain_of, once

GATHER_SECONDS: Final = 0.2
"""How long after an event the look waits for more; as long as the last look took, if that was longer."""
RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 30.0
"""After the first failure, and at most: each wait is twice the one before, until a connection has lasted for the longest. One that
breaks off again and again is two lines of the log each time."""
EVENTS_KEPT: Final = 10_000
"""More between two looks: nobody counts them, and something may have been missed."""
_STARTING: Final = "while a guest starts or ends it lets others wait, `virsh list` too"
"""It locks the domain meanwhile, and listing takes each domain's lock (src/conf/virdomainobjlist.c, virDomainObjListFilter)."""
CLOSE_SECONDS: Final = 1.0
"""How long `close` waits for a libvirt that may hang."""


class LibvirtReader:
    """`uri` as libvirt knows it."""

    def __init__(
        self,
        uri: str,
        *,
        clock: Clock,
        interval_seconds: float = 60.0,
        patience_seconds: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """A look at least every `interval_seconds`; a call that takes longer than `patience_seconds` is shown as unreachable."""
        self._uri = uri
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._patience_seconds = patience_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="libvirt", daemon=True)
        # All of these under `_changed`.
        # Guests are started after us, and libvirt with them: what depends on its version can be claimed before it is there.
        self._seen = replace(UNSEEN, version=library_version())
        self._fresh = False
        self._heard: list[DomainEvent] = []
        self._overheard = False
        self._lost_connection = False
        self._asked_at: float | None = None
        self._asked_about = ""
        self._stopping = False
        self._took_seconds = 0.0  # the thread's own

    def start(self) -> None:
        """Looks from now on."""
        self._thread.start()

    def look(self, wait_seconds: float) -> Hypervisor:
        """libvirt as last seen, as soon as that is not what the last call returned; after `wait_seconds` in any case."""
        with self._changed:
            self._changed.wait_for(lambda: self._fresh or self._stopping, wait_seconds)
            self._fresh = False
            return self._now()

    def close(self) -> None:
        """No looks from now on. Does not wait for a libvirt that hangs."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def _now(self) -> Hypervisor:
        if self._asked_at is not None and self._monotonic() - self._asked_at > self._patience_seconds:
            problem = f"it has not answered for {self._patience_seconds:g} s"
            if self._seen.reachable:
                problem += f" when asked for {self._asked_about}; {_STARTING}"
            late = replace(self._seen, reachable=False, problem=problem, watched_since=None)
            if not self._seen.reachable:
                # Where it is slow at each of the first questions, what was the matter before any is not so again between them.
                self._seen = late
            return late
        # Between an event and the look at what it was about, nobody knows what a domain has shown.
        return replace(self._seen, watched_since=None) if self._heard or self._overheard else self._seen

    def _run(self) -> None:
        retry_seconds = RETRY_SECONDS
        while not self._stopping:
            began = self._monotonic()
            self._connected()
            if self._monotonic() - began >= LONGEST_RETRY_SECONDS:
                retry_seconds = RETRY_SECONDS
            with self._changed:
                self._asked_at = None
                self._changed.wait_for(lambda: self._stopping, retry_seconds)
            retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)

    def _connected(self) -> None:
        """One connection's life."""
        with self._changed:
            self._heard, self._overheard, self._lost_connection = [], False, False
        try:
            connection = Connection(self._uri, asking=self._asking, heard=self._hear, closed=self._lose)
            try:
                since = self._clock.now() if connection.watched else None
                version, qemu_version = connection.versions()
                iommu = connection.has_iommu()
                with self._changed:  # no news before the domains are seen: a start waits for that
                    self._seen = replace(self._seen, version=version, qemu_version=qemu_version, iommu=iommu)
                while not self._stopping:
                    since = self._look(connection, since)
                    self._rest()
            finally:
                connection.close()
        except HostError as error:
            self._know(replace(self._seen, reachable=False, problem=error.problem, watched_since=None))

    def _look(self, connection: Connection, since: float | None) -> float | None:
        """Returns since when nothing can have been missed."""
        with self._changed:
            before = len(self._heard)
            overheard, self._overheard = self._overheard, False
        began = self._monotonic()
        seen = connection.domains()
        known = {domain.uuid: domain for domain in self._seen.domains}
        domains = tuple(_domain(each, known.get(each.uuid)) for each in seen)
        seen = tuple(replace(each, problem=domain.problem) for each, domain in zip(seen, domains, strict=True))
        at = self._clock.now()
        self._took_seconds = self._monotonic() - began
        with self._changed:
            if since is not None and (overheard or self._overheard or may_have_missed(self._heard, seen)):
                since = at
            del self._heard[:before]
        named = [device for domain in domains for device in domain.devices]
        self._know(
            replace(
                self._seen,
                reachable=True,
                problem=None,
                domains=domains,
                watched_since=since,
                shown=self._seen.shown.update({each.address: at for each in named if each.address is not None}),
                shown_nodes=self._seen.shown_nodes.update({each.vdpa_node: at for each in named if each.vdpa_node is not None}),
            )
        )
        return since

    def _rest(self) -> None:
        """Until there is something to look at, and a moment longer: events come in swarms. Raises where the connection ended."""
        with self._changed:
            self._asked_at = None
            self._changed.wait_for(self._is_called, self._interval_seconds)
            if not self._stopping and not self._lost_connection and (self._heard or self._overheard):
                self._changed.wait_for(lambda: self._stopping, max(GATHER_SECONDS, self._took_seconds))
            if self._lost_connection:
                raise HostError(self._uri, "it has closed the connection")

    def _is_called(self) -> bool:
        return self._stopping or self._lost_connection or self._overheard or bool(self._heard)

    def _know(self, seen: Hypervisor) -> None:
        with self._changed:
            self._seen, self._fresh = seen, True
            self._changed.notify_all()

    def _asking(self, what: str) -> None:
        with self._changed:
            self._asked_at, self._asked_about = self._monotonic(), what

    def _hear(self, event: DomainEvent) -> None:
        with self._changed:
            # Only the first since the last look is news: by it nobody knows any more what was shown (`_now`).
            if self._seen.watched_since is not None and not self._heard and not self._overheard:
                self._fresh = True
            if len(self._heard) < EVENTS_KEPT:
                self._heard.append(event)
            else:
                self._overheard = True
            self._changed.notify_all()

    def _lose(self) -> None:
        with self._changed:
            self._lost_connection = True
            self._changed.notify_all()


def _domain(seen: SeenDomain, before: Domain | None) -> Domain:
    """Where its documents could not be had, whole or in part, it still names what it named before: nothing was seen to end."""
    found = domain_of(seen.uuid, seen.name, seen.documents, running=seen.running)
    problem = seen.problem or found.problem
    if problem is None or before is None:
        return replace(found, problem=problem)
    return replace(found, devices=once([*found.devices, *before.devices]), problem=problem)
