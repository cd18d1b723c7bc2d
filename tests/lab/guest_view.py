# SPDX-License-Identifier: Apache-2.0
"""What a guest sees, as `guest/init` prints it on the guest's console.

Does not know: how the console is read, what the guest was given.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

READY = "PCIPT-GUEST-READY"
"""The last line; all others are there by then."""

_LINE = re.compile(r"^PCIPT-GUEST (?P<what>\S+) (?P<rest>.*)\n", re.MULTILINE)
"""Whole ones: who reads the console while the guest writes finds the last one half there."""


@dataclass(frozen=True, slots=True)
class SeenFunction:
    """A PCI function in the guest; `driver` is what the guest's kernel bound to it."""

    address: str
    vendor_id: str
    product_id: str
    class_code: str
    driver: str | None
    netdevs: tuple[tuple[str, str], ...]
    """Name and MAC address."""
    blocks: tuple[tuple[str, int], ...]
    """Name and size, in sectors of 512 bytes."""

    @property
    def ids(self) -> str:
        """8086:10ca."""
        return f"{self.vendor_id}:{self.product_id}"


@dataclass(frozen=True, slots=True)
class GuestView:
    """All of it; complete where it is `ready`."""

    ready: bool
    functions: tuple[SeenFunction, ...]

    def with_ids(self, ids: str) -> list[SeenFunction]:
        """The functions of this vendor_id:product_id, by address."""
        return [function for function in self.functions if function.ids == ids]


def guest_view(console: str) -> GuestView:
    """Other lines, the firmware's or the kernel's, are passed over."""
    text = console.replace("\r", "")
    said = [(match["what"], match["rest"]) for match in _LINE.finditer(text)]
    return GuestView(
        ready=f"\n{READY}\n" in f"\n{text}",
        functions=tuple(_functions(said)),
    )


def _functions(said: list[tuple[str, str]]) -> Iterator[SeenFunction]:
    words = [(what, rest.split()) for what, rest in said]
    netdevs = [rest for what, rest in words if what == "netdev"]
    blocks = [rest for what, rest in words if what == "block"]
    for what, rest in words:
        if what == "function":
            address, vendor_id, product_id, class_code, driver = rest
            yield SeenFunction(
                address,
                vendor_id,
                product_id,
                class_code,
                driver=None if driver == "-" else driver,
                netdevs=tuple((name, mac) for at, name, mac in netdevs if at == address),
                blocks=tuple((name, int(size)) for at, name, size in blocks if at == address),
            )
