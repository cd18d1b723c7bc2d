# SPDX-License-Identifier: Apache-2.0
"""Compare a text with a file that is kept beside the tests, or write that file anew with `pytest --regenerate`.

A golden file is read by people in review: a change of what we show or promise appears as a difference of that file, not as an
edited assertion. A file that is missing fails like one that differs, and says the command.

Does not know: what the text is.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Golden:
    """The fixture `golden`."""

    regenerate: bool

    def check(self, text: str, file: Path) -> None:
        """Fails, with the difference and the command that accepts it, where `file` does not say exactly `text`."""
        if self.regenerate:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        kept = file.read_text(encoding="utf-8") if file.exists() else ""
        if kept == text:
            return
        shown = "".join(
            difflib.unified_diff(kept.splitlines(keepends=True), text.splitlines(keepends=True), f"kept {file.name}", "now")
        )
        raise AssertionError(f"{shown}\n{file.name} differs; if that is right: pytest --regenerate, and commit the file")
