# SPDX-License-Identifier: Apache-2.0
"""`pcipt journal backup FILE` and `pcipt journal restore FILE`.

Does not know: how a journal is read or written (`adapters.journal.backup`).
"""

from argparse import Namespace
from pathlib import Path

from oslo_config import cfg

from pcipt_agent.adapters.journal.backup import Holding, back_up, restore
from pcipt_agent.cli.configuration import settings
from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.views.text import counted

_AFTER = (
    "start the agent: systemctl start pcipt-agent.service; claims made since the backup are not in it: what guests hold without a "
    "claim becomes one with pcipt adopt"
)


def journal(command: Namespace, output: Output) -> ExitCode:
    """Backed up or restored. Raises HostError, JournalError and ConfigError."""
    directory, file = settings(command, cfg.ConfigOpts()).state_path, Path(command.file)
    if command.subject == "backup":
        holding = back_up(directory, file)
        _show(output, holding, {"file": str(file)}, [f"{file}: {_text(holding)}"])
        return ExitCode.DONE
    done = restore(directory, file)
    kept = None if done.replaced is None else str(done.replaced)
    lines = [
        f"{directory}: {_text(done.holding)}",
        *([] if kept is None else [f"what was there is kept in {kept}"]),
        f"next: {_AFTER}",
    ]
    _show(output, done.holding, {"state_path": str(directory), "replaced": kept}, lines)
    return ExitCode.DONE


def _text(holding: Holding) -> str:
    return f"{counted(holding.claims, 'claim')}, {counted(holding.ended, 'ended claim_id')}, {counted(holding.records, 'record')}"


def _show(output: Output, holding: Holding, more: dict[str, str | None], lines: list[str]) -> None:
    if output.as_json:
        output.json({**more, "claims": holding.claims, "ended": holding.ended, "records": holding.records})
    else:
        output.page(lines)
