# SPDX-License-Identifier: Apache-2.0
"""The keys `resource_class` and `traits`, which device_spec and alias have in common.

A name that had to be changed works, and is a notice: relying on the change is how two hosts come to differ.

Does not know: which option it reads.
"""

from pcipt_agent.conf.entry import Entry
from pcipt_agent.conf.json_text import Array, Scalar
from pcipt_agent.conf.names import problem_of, resource_class_name, trait_name
from pcipt_agent.conf.values import text

CLASS_REMEDY = 'a resource class, such as "CUSTOM_GOLD_GPU"'
TRAITS_REMEDY = 'trait names with commas between them, such as "CUSTOM_BLUE,HW_GPU_API_VULKAN"'


def resource_class(entry: Entry) -> str | None:
    """The class as Placement takes it; None where it is absent or a mistake (then noted)."""
    value, node = text(entry, "resource_class", CLASS_REMEDY), entry.get("resource_class")
    if value is None or node is None:
        return None
    if not value.strip():
        entry.wrong("resource_class", "is empty", CLASS_REMEDY)
        return None
    name = resource_class_name(value)
    if (problem := problem_of(name)) is not None:
        entry.wrong("resource_class", problem, CLASS_REMEDY)
        return None
    if name != value.strip():
        entry.notice("resource_class", f"is taken as {name}", Scalar(name, node.span))
    return name


def traits(entry: Entry) -> frozenset[str]:
    """The traits as Placement takes them; mistakes are noted."""
    node = entry.get("traits")
    if isinstance(node, Array) and (joined := _joined(node)) is not None:
        entry.repair("traits", "a list instead of a text with commas", Scalar(joined, node.span))
        return frozenset()
    value = text(entry, "traits", TRAITS_REMEDY)
    if value is None or node is None or not value.strip():
        return frozenset()
    words = [each.strip() for each in value.split(",")]
    given = [each for each in words if each]
    if len(given) < len(words):
        entry.repair("traits", "an empty trait name between commas", Scalar(",".join(given), node.span) if given else None)
        return frozenset()
    names = [trait_name(each) for each in words]
    for name in names:
        if (problem := problem_of(name)) is not None:
            entry.wrong("traits", problem, TRAITS_REMEDY)
            return frozenset()
    if names != words:
        entry.notice("traits", f"are taken as {','.join(names)}", Scalar(",".join(names), node.span))
    return frozenset(names)


def _joined(node: Array) -> str | None:
    """A list of texts as one text."""
    words = [item.value for item in node.items if isinstance(item, Scalar) and isinstance(item.value, str)]
    return ",".join(words) if words and len(words) == len(node.items) else None
