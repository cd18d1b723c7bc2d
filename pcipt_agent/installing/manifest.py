# SPDX-License-Identifier: Apache-2.0
"""The manifest: what of ours is on the host, and what it was when we put it there.

By it an edited file is told from one that is only old, a file that no version ships any more is found, and nothing is removed that
is not ours. It is root's, and not in the state directory: the agent's user must not decide what root removes.

Does not know: where files come from.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pcipt_agent.errors import HostError

PLACE: Final = "/usr/local/lib/pcipt-agent/installed.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was installed last."""

    digests: Mapping[str, str] = field(default_factory=dict)
    """Target → digest of what we offered for it last, be it there or beside it as `.new`."""
    directories: tuple[str, ...] = ()
    """Those that we made."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_manifest(root: Path) -> Manifest:
    """Empty where nothing is installed. Raises HostError where it can't be read or is not one of ours."""
    path = root / PLACE.lstrip("/")
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise HostError(str(path), error.strerror or str(error)) from error
    try:
        untrusted_manifest = json.loads(text)
        if untrusted_manifest["format"] != _FORMAT:
            raise ValueError(f"format {untrusted_manifest['format']}")
        digests = {_absolute(target): str(value) for target, value in untrusted_manifest["files"].items()}
        directories = tuple(_absolute(each) for each in untrusted_manifest["directories"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"it does not say what is installed ({error}); remove it, and install again: files that are there are then kept"
        raise HostError(str(path), problem) from error
    return Manifest(digests, directories)


def manifest_text(manifest: Manifest) -> bytes:
    written = {"format": _FORMAT, "files": dict(sorted(manifest.digests.items())), "directories": sorted(manifest.directories)}
    return f"{json.dumps(written, indent=1)}\n".encode()


def _absolute(untrusted_path: object) -> str:
    if not isinstance(untrusted_path, str) or not untrusted_path.startswith("/") or ".." in untrusted_path.split("/"):
        raise ValueError(f"{untrusted_path!r} is no absolute path")
    return untrusted_path
