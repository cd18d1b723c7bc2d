# SPDX-License-Identifier: Apache-2.0
"""`pcipt capture`: this host's PCI state as a text, to be carried away, read, mailed, and run again with `--host FILE`.

Does not know: the language of described hosts (`views.description`), how a host is read.
"""

import sys
from argparse import Namespace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.cli.standalone import read_host
from pcipt_agent.errors import HostError
from pcipt_agent.views.captured import Sighting, captured, without_serials


def capture(command: Namespace, output: Output) -> ExitCode:
    """The text is where it was asked for, whole. Raises HostError where the host can't be read, or the file not be made."""
    host = read_host(command.host)
    sighting = Sighting(
        at=datetime.now(UTC),
        where=command.host,
        kernel=_kernel(Path(command.host)),
        version=version("pcipt-agent"),
        serials=not command.without_serials,
    )
    text = captured(without_serials(host) if command.without_serials else host, sighting)
    if command.output is None:
        output.document(text)
    else:
        _write(Path(command.output), text)
        print(f"{len(host.devices)} devices are described in {command.output}", file=sys.stderr)  # noqa: T201
    return ExitCode.DONE


def _kernel(root: Path) -> str | None:
    """The release of the kernel that shows the tree at `root`; None where it does not say."""
    try:
        return (root / "proc/sys/kernel/osrelease").read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """A file of that name is never replaced: it may be the only evidence of what was."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise HostError(str(path), "is already there; name another file, or remove it first") from error
    except OSError as error:
        raise HostError(str(path), error.strerror or str(error)) from error
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise HostError(str(path), f"{error.strerror or error}; nothing was left there") from error
