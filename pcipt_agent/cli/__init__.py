# SPDX-License-Identifier: Apache-2.0
"""`pcipt`: what an operator types on the host; text for people, `--format json` for programs.

Exit codes: 0 done, 1 refused, 2 mistake in usage or configuration, 3 agent not reachable.

Whoever asks for help waits for Python and argparse only: everything else is imported by the command that needs it.

Does not know: what any command does (`cli.parser` names them, the other modules do them).
"""

import sys
from collections.abc import Sequence

from pcipt_agent.cli.parser import command_line


def main() -> None:
    """The entry point. Ctrl-C ends it as the shell expects: 128 and the signal's number."""
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


def run(arguments: Sequence[str]) -> int:
    """Obeys the command line; the exit code. Usage that can't be read exits with 2, as argparse does."""
    parsed = command_line().parse_args(arguments)
    from pcipt_agent.cli.commands import obey

    return obey(parsed)
