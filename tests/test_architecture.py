# SPDX-License-Identifier: Apache-2.0
"""The house keeps its own law: pages, heads, homes of libraries, words.

The floors themselves are import-linter's (`[tool.importlinter]` in pyproject.toml); this is what it can't say.

Does not know: what any of the code does.
"""

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PRODUCT = sorted((CHECKOUT / "pcipt_agent").rglob("*.py"))
SOURCES = PRODUCT + sorted((CHECKOUT / "tests").rglob("*.py"))

HOMES = {
    "amqp": ["adapters/following.py"],
    "immutables": ["core/", "views/records.py", "adapters/journal/recent.py"],
    "kombu": ["adapters/following.py"],
    "libvirt": ["adapters/hypervisor/connection.py"],
    "lxml": ["views/domxml.py", "views/domain_devices.py"],
    "os_resource_classes": ["conf/"],
    "os_traits": ["conf/"],
    "oslo_config": [
        "conf/",
        "adapters/rpc",
        "adapters/notifications.py",
        "adapters/following.py",
        "adapters/local_transport/",
        "assembly.py",
        "daemon.py",
        "cli/",
    ],
    "oslo_context": ["adapters/rpc"],
    "oslo_log": ["daemon.py"],
    "oslo_messaging": [
        "adapters/rpc",
        "adapters/notifications.py",
        "adapters/following.py",
        "adapters/local_transport/",
        "assembly.py",
        "daemon.py",
    ],
    "pydantic": ["views/wire", "views/methods.py"],
    "pyudev": ["adapters/udev.py"],
    "rich": ["views/text"],
    "shtab": ["cli/completion.py"],
    "sqlite3": ["adapters/journal/"],
}
"""Third-party module (and sqlite3) → the places that may import it: a file, or the beginning of a path."""


def relative(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_a_page(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_opens_with_its_licence_and_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    if path in PRODUCT and path.name != "__init__.py":
        docstring = ast.get_docstring(ast.parse(text)) or ""
        assert "Does not know:" in docstring


def imports_of(path: Path) -> set[str]:
    """Top-level names of the modules that the file imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", PRODUCT, ids=relative)
def test_a_library_is_imported_at_home_only(path: Path) -> None:
    place = path.relative_to(CHECKOUT / "pcipt_agent").as_posix()
    strangers = [
        library for library in imports_of(path) & HOMES.keys() if not any(place.startswith(home) for home in HOMES[library])
    ]
    assert strangers == []


@pytest.mark.parametrize("path", PRODUCT, ids=relative)
def test_no_room_is_an_attic(path: Path) -> None:
    attics = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}
    assert not attics & set(path.relative_to(CHECKOUT).with_suffix("").parts)


@pytest.mark.parametrize("path", PRODUCT, ids=relative)
def test_functions_are_short_and_take_few_arguments(path: Path) -> None:
    too_much = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            named = [argument for argument in arguments if argument.arg not in ("self", "cls")]
            if lines > 60 or len(named) > 7:
                too_much.append((node.name, lines, len(named)))
    assert too_much == []


WORDS_NOT_SAID = re.compile(r"\b(whitelist|blacklist|BDF)\b")


@pytest.mark.parametrize("path", PRODUCT, ids=relative)
def test_the_words_are_those_of_the_field(path: Path) -> None:
    """`whitelist` lives on in nova's deprecated option names alone."""
    text = path.read_text().replace("passthrough_whitelist", "").replace("pci_passthrough_whitelist", "")
    assert WORDS_NOT_SAID.findall(text) == []


def test_no_module_imports_eventlet() -> None:
    assert [relative(path) for path in PRODUCT if "eventlet" in imports_of(path)] == []
