# SPDX-License-Identifier: Apache-2.0
"""Golden files: text that is compared with a file, or written into it with `pytest --regenerate`.

A golden file is read by people (in review) and by someone else's authority where there is one (libvirt's schema): it is never just
what the code said last.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Golden:
    """Compares, or rewrites where `regenerate` is on."""

    regenerate: bool

    def check(self, text: str, path: Path) -> None:
        """`text` is what `path` holds; a missing file says how to make it."""
        if self.regenerate:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing; write it with: pytest --regenerate, then read it"
        assert text == path.read_text(), f"{path} differs; if the new text is right: pytest --regenerate, then read the diff"
