# SPDX-License-Identifier: Apache-2.0
"""One connection to libvirt: a read-only one, its domains' XML, and the events by which it says that they changed.

libvirt-python is a package of its own that not every host has, so it is imported here alone, and its absence is a libvirt that
can't be reached. Every call may wait as long as libvirt likes, so all of them are made by the one thread that owns the connection,
`asking` is called before each with what it asks for, and nobody else waits for it. Events and keep-alive need libvirt's event loop:
one of a process, in a thread that ends with it.

A connection is closed by its own thread or never: libvirt-python closes one that is garbage, and that is a call that may hang.

Does not know: what the XML means, when to look, when to try again.
Source: https://libvirt.org/html/libvirt-libvirt-host.html, libvirt-libvirt-event.html, libvirt-libvirt-domain.html.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from pcipt_agent.adapters.hypervisor.watch import DomainEvent, EventKind, SeenDomain
from pcipt_agent.core.domain import Version
from pcipt_agent.errors import HostError

try:
    import libvirt
except ImportError:
    libvirt = None

LOG = logging.getLogger(__name__)

NOT_INSTALLED: Final = (
    "libvirt-python is not installed: pip install 'pcipt-agent[libvirt]' (needs libvirt-dev, pkg-config, gcc, python3-dev), "
    "or the package python3-libvirt with a virtual environment that sees the system's packages"
)
KEEPALIVE_SECONDS: Final = 5
KEEPALIVE_COUNT: Final = 3
"""libvirt closes a connection whose other side has not answered so many questions, which are that far apart."""

_LIFECYCLE: Final = {0: EventKind.DEFINED, 1: EventKind.UNDEFINED, 2: EventKind.STARTED, 5: EventKind.STOPPED, 8: EventKind.STOPPED}
"""virDomainEventType; the others (suspended, resumed, shut down in the guest) change nobody's devices. 8: crashed."""
_IOMMU = re.compile(r"<iommu\s+support=(?:'(\w+)'|\"(\w+)\")")
_LOOP_FAILED_SECONDS: Final = 1.0

_loop_lock = threading.Lock()
_loops: list[threading.Thread] = []
"""The one that runs libvirt's event loop; libvirt takes one implementation in a process's life."""


def not_installed() -> str | None:
    """Why nobody here can ask libvirt; None where its library is there."""
    return NOT_INSTALLED if libvirt is None else None


class Connection:
    """Raises HostError wherever libvirt does not answer as it should."""

    def __init__(
        self, uri: str, *, asking: Callable[[str], None], heard: Callable[[DomainEvent], None], closed: Callable[[], None]
    ):
        """Connected when it returns. `heard` and `closed` are called by libvirt's event loop, and must not wait."""
        if libvirt is None:
            raise HostError(uri, NOT_INSTALLED)
        self._uri, self._asking = uri, asking
        _run_event_loop()
        with self._asked("a connection"):
            self._libvirt: Any = libvirt.openReadOnly(uri)
        self._callbacks: list[int] = []
        self._has_close_callback = False
        try:
            with self._asked("its events"):
                self.watched = self._subscribe(heard, closed)
                """Whether every event that changes devices is heard from now on."""
        except HostError:
            self.close()
            raise

    def versions(self) -> tuple[Version | None, Version | None]:
        """libvirt's, and its hypervisor's (QEMU's), which is None where there is none to be run."""
        with self._asked("its version"):
            own = _version(self._libvirt.getLibVersion())
        with suppress(HostError), self._asked("its hypervisor's version"):
            return own, _version(self._libvirt.getVersion())
        return own, None

    def has_iommu(self) -> bool | None:
        """Whether libvirt says that the host's IOMMU works; None where it says nothing."""
        with self._asked("its capabilities"):
            found = _IOMMU.search(self._libvirt.getCapabilities())
        return None if found is None else "yes" in found.groups()

    def domains(self) -> tuple[SeenDomain, ...]:
        """All, by name. One that ends while it is asked is left out, as its events will say."""
        with self._asked("its domains"):
            listed = self._libvirt.listAllDomains(0)
        seen = [self._domain(each) for each in listed]
        return tuple(sorted((each for each in seen if each is not None), key=lambda each: (each.name, each.uuid)))

    def close(self) -> None:
        """Of no use after it. Waits for libvirt, unless the connection is broken already."""
        self._asking("the end of the connection")
        for callback in self._callbacks:
            with suppress(libvirt.libvirtError):
                self._libvirt.domainEventDeregisterAny(callback)
        if self._has_close_callback:
            with suppress(libvirt.libvirtError):
                self._libvirt.unregisterCloseCallback()
        with suppress(libvirt.libvirtError):
            self._libvirt.close()

    def _domain(self, domain: Any) -> SeenDomain | None:
        with self._asked("a domain's name"):
            uuid, name = domain.UUIDString(), domain.name()
        asked = f"domain {name}"
        running, persistent = domain.ID() != -1, True
        try:
            with self._asked(asked):
                running, persistent = bool(domain.isActive()), bool(domain.isPersistent())
            documents = [0] if running else []
            documents += [libvirt.VIR_DOMAIN_XML_INACTIVE] if persistent else []
            texts = [self._xml(domain, flags, asked) for flags in documents]
        except _NoDomain:
            return None
        except HostError as error:
            with self._asked("whether it lives"):
                if not self._libvirt.isAlive():
                    raise
            return SeenDomain(uuid=uuid, name=name, running=running, persistent=persistent, problem=error.problem)
        return SeenDomain(uuid=uuid, name=name, running=running, persistent=persistent, documents=tuple(texts))

    def _xml(self, domain: Any, flags: int, asked: str) -> str:
        with self._asked(asked):
            text: str = domain.XMLDesc(flags)
        return text

    def _subscribe(self, heard: Callable[[DomainEvent], None], closed: Callable[[], None]) -> bool:
        """Before the first look, so that nothing falls between the two."""
        with _unsupported():
            self._libvirt.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT)
        with _unsupported():
            self._libvirt.registerCloseCallback(lambda _connection, _reason, _opaque: closed(), None)
            self._has_close_callback = True

        def lifecycle(_connection: object, domain: Any, event: int, _detail: int, _opaque: object) -> None:
            if event in _LIFECYCLE:
                heard(DomainEvent(domain.UUIDString(), _LIFECYCLE[event]))

        def added(_connection: object, domain: Any, _alias: str, _opaque: object) -> None:
            heard(DomainEvent(domain.UUIDString(), EventKind.DEVICE_ADDED))

        def removed(_connection: object, domain: Any, _alias: str, _opaque: object) -> None:
            heard(DomainEvent(domain.UUIDString(), EventKind.DEVICE_REMOVED))

        wanted = (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, added),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, removed),
        )
        for number, callback in wanted:
            with _unsupported():
                self._callbacks.append(self._libvirt.domainEventRegisterAny(None, number, callback, None))
        return len(self._callbacks) == len(wanted)

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """One question; what libvirt raises, or says in no UTF-8, is a HostError."""
        self._asking(what)
        try:
            yield
        except libvirt.libvirtError as error:
            problem = (error.get_error_message() or str(error)).partition("\n")[0]
            kind = _NoDomain if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN else HostError
            raise kind(self._uri, problem) from error
        except UnicodeDecodeError as error:
            raise HostError(self._uri, f"what it says is no text: {error}") from error


def library_version() -> Version | None:
    """That of the libvirt library of this machine, which asks nobody; None where it is not there."""
    return None if libvirt is None else _version(libvirt.getVersion())


class _NoDomain(HostError):
    """The domain has ended, and is not defined."""


@contextmanager
def _unsupported() -> Iterator[None]:
    """What a driver does not have is done without."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise


def _version(number: int) -> Version | None:
    """libvirt's 1000000 * major + 1000 * minor + release; 0 where it has none to tell."""
    return (number // 1_000_000, number // 1000 % 1000, number % 1000) if number else None


def _run_event_loop() -> None:
    with _loop_lock:
        if not _loops:
            # libvirt would print every error to standard error besides.
            libvirt.registerErrorHandler(lambda _context, _error: None, None)
            libvirt.virEventRegisterDefaultImpl()
            _loops.append(threading.Thread(target=_turn_event_loop, name="libvirt-events", daemon=True))
            _loops[0].start()


def _turn_event_loop() -> None:
    pause = threading.Event()
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError as error:
            LOG.debug("libvirt's event loop: %s", error)
            pause.wait(_LOOP_FAILED_SECONDS)
