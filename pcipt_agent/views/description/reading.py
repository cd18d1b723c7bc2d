# SPDX-License-Identifier: Apache-2.0
"""Reads a described host: every mistake is named with its line and what would be right.

Does not know: how one is written (`views.description.writing`), /sys, where the text is kept.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from json import JSONDecodeError, loads
from typing import NamedTuple

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device, Fault, FaultKind, HostUse, HostUseKind, Link, Netdev, Sriov, VdpaDevice
from pcipt_agent.core.host import Host, NumaNode
from pcipt_agent.errors import HostError
from pcipt_agent.views.cpus import parse_cpus
from pcipt_agent.views.description.words import IS_VFIO, REPEATED, TYPES, WORDS

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"#]+|#.*|"')
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2})+")
_ID = re.compile(r"[0-9a-f]{4}")
_LINK = re.compile(r"([0-9.]+|-)x([0-9]+|-)/([0-9.]+|-)x([0-9]+|-)")

_Value = str | None
"""One token after its word; None for `-`."""


class _Line(NamedTuple):
    """One line with something on it."""

    path: str
    number: int
    goes_on: bool
    values: list[_Value]

    def mistake(self, problem: str) -> HostError:
        return HostError(self.path, f"line {self.number}: {problem}")


def parse_description(text: str, path: str) -> Host:
    """The host that `text` describes. Raises HostError with `path`, the number of the line, and what is wrong with it."""
    boot_id: str | None = None
    nodes: dict[int, NumaNode] = {}
    entries: list[_Entry] = []
    for line in _lines(text, path):
        if line.goes_on:
            if not entries:
                raise line.mistake("there is no device above that it could go on with")
            entries[-1].add(line, line.values)
        elif line.values[0] == "host":
            if boot_id is not None or len(line.values) != 3 or line.values[1] != "boot" or line.values[2] is None:
                raise line.mistake("expected `host boot ID`, once")
            boot_id = line.values[2]
        elif line.values[0] == "node":
            node = _node(line)
            if nodes.setdefault(node.node, node) is not node:
                raise line.mistake(f"node {node.node} is described above")
        else:
            entries.append(_Entry(line))
    if boot_id is None:
        raise HostError(path, "there is no line `host boot ID`")
    return Host(devices=_devices(entries), numa_nodes=dict(sorted(nodes.items())), boot_id=boot_id)


def _lines(text: str, path: str) -> list[_Line]:
    lines = []
    for number, written in enumerate(text.split("\n"), start=1):
        line = _Line(path, number, written[:1].isspace(), [])
        for token in _TOKEN.findall(written):
            if not token.startswith("#"):
                line.values.append(_value(line, token))
        if line.values:
            lines.append(line)
    return lines


def _value(line: _Line, token: str) -> _Value:
    if not token.startswith('"'):
        return None if token == "-" else token
    try:
        return str(loads(token))
    except JSONDecodeError as error:
        raise line.mistake(f"{token} is no JSON string") from error


def _node(line: _Line) -> NumaNode:
    match line.values:
        case ["node", str(node), "cpus", cpus, "socket", socket] if node.isdecimal() and (socket is None or socket.isdecimal()):
            try:
                return NumaNode(int(node), parse_cpus(cpus or ""), None if socket is None else int(socket))
            except ValueError as error:
                raise line.mistake(str(error)) from error
        case _:
            raise line.mistake("expected `node N  cpus LIST  socket N`")


def _devices(entries: "Sequence[_Entry]") -> dict[PciAddress, Device]:
    """In address order."""
    devices: dict[PciAddress, Device] = {}
    for entry in sorted(entries, key=lambda entry: entry.address):
        if entry.address in devices:
            raise entry.line.mistake(f"{entry.address} is described twice")
        devices[entry.address] = entry.device()
    return devices


class _Entry:
    """One device on its way from lines to a value."""

    def __init__(self, line: _Line) -> None:
        self.line = line
        self._fields: dict[str, list[tuple[_Line, list[_Value]]]] = {}
        self._vf_number: int | None = None
        self._parent: PciAddress | None = None
        match line.values:
            case [str(address), str(ids), str(device_type), *rest] if device_type in TYPES:
                self.address = _address(line, address)
                self._vendor_id, self._product_id = _id_pair(line, ids)
                self._type = TYPES[device_type]
                self.add(line, self._take_place(rest))
            case _:
                raise line.mistake(f"expected `ADDRESS VENDOR:PRODUCT TYPE`, the type being one of {', '.join(TYPES)}")

    def _take_place(self, rest: list[_Value]) -> list[_Value]:
        """Takes `3 of 0000:3b:00.0`, either part alone or none; what follows is left."""
        match rest:
            case [str(vf_number), *others] if vf_number.isdecimal():
                self._vf_number, rest = int(vf_number), others
        match rest:
            case ["of", parent, *others]:
                self._parent, rest = _address(self.line, parent), others
        return rest

    def add(self, line: _Line, values: Sequence[_Value]) -> None:
        """More fields of the device."""
        left = list(values)
        while left:
            word = left.pop(0)
            if word is None or word not in WORDS:
                near = get_close_matches(word or "", WORDS, n=1)
                raise line.mistake(f"no such word: {word or '-'}" + (f"; did you mean {near[0]}?" if near else ""))
            count = WORDS[word] + (word == "net" and len(left) > 1 and left[1] is not None and bool(_MAC.fullmatch(left[1])))
            if len(left) < count:
                raise line.mistake(f"{word} takes {count} value{'s' * (count > 1)}")
            if word in self._fields and word not in REPEATED:
                raise line.mistake(f"{word} is said twice")
            self._fields.setdefault(word, []).append((line, left[:count]))
            del left[:count]

    def device(self) -> Device:
        subsystem, reset = self._one("subsystem"), self._text("reset")
        vendor, product = (None, None) if subsystem is None else _optional_id_pair(*subsystem)
        return Device(
            address=self.address,
            device_type=self._type,
            vendor_id=self._vendor_id,
            product_id=self._product_id,
            subsystem_vendor_id=vendor,
            subsystem_product_id=product,
            class_code=self._number("class", 16),
            revision=self._number("rev", 16),
            driver=self._text("driver"),
            driver_override=self._text("override"),
            numa_node=self._number("numa"),
            iommu_group=self._number("group"),
            parent=self._parent,
            vf_number=self._vf_number,
            sriov=self._sriov(),
            netdevs=tuple(Netdev(_text(line, name), mac[0] if mac else None) for line, (name, *mac) in self._all("net")),
            serial=self._text("serial"),
            serial_unknown=self._text("serial-unknown"),
            reset_methods=tuple(reset.split(",")) if reset else (),
            link=self._link(),
            vdpa=tuple(VdpaDevice(_text(line, name), *values) for line, (name, *values) in self._all("vdpa")),
            vfio_driver="vfio" in self._fields or self._text("driver") == IS_VFIO,
            host_uses=tuple(HostUse(_use_kind(line, kind), _text(line, detail)) for line, (kind, detail) in self._all("used")),
            faults=tuple(Fault(_fault_kind(line, kind), _text(line, detail)) for line, (kind, detail) in self._all("fault")),
        )

    def _all(self, word: str) -> list[tuple[_Line, list[_Value]]]:
        return self._fields.get(word, [])

    def _one(self, word: str) -> tuple[_Line, _Value] | None:
        found = self._all(word)
        return (found[0][0], found[0][1][0]) if found else None

    def _text(self, word: str) -> str | None:
        found = self._one(word)
        return None if found is None else found[1]

    def _number(self, word: str, base: int = 10) -> int | None:
        found = self._one(word)
        if found is None or found[1] is None:
            return None
        try:
            number = int(found[1], base)
        except ValueError as error:
            raise found[0].mistake(f"{word} takes a number, not {found[1]}") from error
        if number < 0:  # as the kernel writes it of NUMA nodes
            raise found[0].mistake(f"{word} takes no {found[1]}; what is not known is -, or left out")
        return number

    def _sriov(self) -> Sriov | None:
        total, num_vfs = self._number("totalvfs"), self._number("numvfs")
        product, offset, stride = self._text("vfproduct"), self._number("offset"), self._number("stride")
        if total is None:
            if (num_vfs, product, offset, stride) != (None, None, None, None):
                raise self.line.mistake("numvfs, vfproduct, offset and stride need totalvfs")
            return None
        return Sriov(total, num_vfs or 0, product, offset, stride)

    def _link(self) -> Link | None:
        found = self._one("link")
        if found is None:
            return None
        line, text = found
        parts = _LINK.fullmatch(text or "")
        try:
            speed, width, max_speed, max_width = parts.groups() if parts else ("", "", "", "")
            return Link(_lane_speed(speed), _lanes(width), _lane_speed(max_speed), _lanes(max_width))
        except ValueError as error:
            raise line.mistake(f"link takes GT/s x lanes, now / at most, as in 8x4/16x8; not {text}") from error


def _address(line: _Line, text: _Value) -> PciAddress:
    address = parse_address(text or "")
    if address is None:
        raise line.mistake(f"{text or '-'} is no address, as in 0000:3b:00.0")
    return address


def _id_pair(line: _Line, text: _Value) -> tuple[str, str]:
    vendor_id, product_id = _optional_id_pair(line, text)
    if vendor_id is None or product_id is None:
        raise line.mistake(f"{text} is no VENDOR:PRODUCT, as in 15b3:101e")
    return vendor_id, product_id


def _optional_id_pair(line: _Line, text: _Value) -> tuple[str | None, str | None]:
    ids = (text or "").lower().split(":")
    if len(ids) != 2 or not all(each == "-" or _ID.fullmatch(each) for each in ids):
        raise line.mistake(f"{text or '-'} is no VENDOR:PRODUCT, as in 15b3:101e")
    first, second = (None if each == "-" else each for each in ids)
    return first, second


def _text(line: _Line, value: _Value) -> str:
    if value is None:
        raise line.mistake("expected a value where - is written")
    return value


def _fault_kind(line: _Line, value: _Value) -> FaultKind:
    try:
        return FaultKind(value or "-")
    except ValueError as error:
        raise line.mistake(f"{value or '-'} is no fault; there are {', '.join(FaultKind)}") from error


def _use_kind(line: _Line, value: _Value) -> HostUseKind:
    try:
        return HostUseKind(value or "-")
    except ValueError as error:
        raise line.mistake(f"{value or '-'} is no use of the host's; there are {', '.join(HostUseKind)}") from error


def _lane_speed(text: str) -> float | None:
    return None if text == "-" else float(text)


def _lanes(text: str) -> int | None:
    return None if text == "-" else int(text)
