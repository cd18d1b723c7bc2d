# SPDX-License-Identifier: Apache-2.0
"""`pcipt check-config`: the configuration as the agent would read it, on this host or another.

The agent's own door (`conf.loading`), so a start that would be refused is refused here with the same text. What the rules would
change on an agent that runs, only that agent can say: it knows who holds what.

Does not know: how mistakes are found or worded.
"""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from oslo_config import cfg

from pcipt_agent.cli.agent import NotReachable, ask, unreachable
from pcipt_agent.cli.configuration import sources_of
from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.cli.pages import page_of, refusal_page
from pcipt_agent.cli.payloads import Call, Reply
from pcipt_agent.cli.standalone import read_host
from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.core.alias import Alias
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.host import Host
from pcipt_agent.errors import ConfigError
from pcipt_agent.views.mistakes import notices_text
from pcipt_agent.views.text import Block, heading
from pcipt_agent.views.text_check import aliases_page, entries_page, taken_page


def check_config(command: Namespace, output: Output) -> ExitCode:
    """What each entry matches; MISTAKE, with all of them, where there are any. Raises HostError, and ConfigError for text."""

    def host_at(root: Path) -> Host:
        return read_host(command.host or str(root))

    try:
        loaded = load(cfg.ConfigOpts(), sources_of(command), host_at=host_at)
    except ConfigError as error:
        if not output.as_json:
            raise
        output.json({"mistakes": [asdict(mistake) for mistake in error.mistakes]})
        return ExitCode.MISTAKE
    if not command.against_running:
        return _show(loaded, None, output)
    try:
        return _show(loaded, _compared(command, loaded), output)
    except NotReachable as error:
        _show(loaded, None, output)
        return unreachable(error, output)


def _compared(command: Namespace, loaded: Loaded) -> Reply:
    """What a reload would change: of the agent's own files, unless others were named. Raises NotReachable."""
    settings = loaded.settings
    named = command.config_file or command.config_dir or command.nova_conf
    rules = {
        "device_spec": list(settings.device_spec),
        "alias": list(settings.alias),
        "report_in_placement": settings.report_in_placement,
        "pci_in_placement": settings.pci_in_placement,
        "readiness": str(settings.readiness),
    }
    return ask(command, Call("reload", {"dry_run": True, **({"rules": rules} if named else {})}))


def _show(loaded: Loaded, compared: Reply | None, output: Output) -> ExitCode:
    refused = compared is not None and "refusal" in compared
    if output.as_json:
        output.json(_reply(loaded) if compared is None else {**_reply(loaded), "against_running": compared})
    else:
        output.page(_page(loaded))
        if compared is not None and refused:
            output.complain(*refusal_page(compared))
        elif compared is not None:
            output.page([heading("against the running agent"), *page_of("reload", compared, Namespace())])
    return ExitCode.REFUSED if refused else ExitCode.DONE


def _page(loaded: Loaded) -> Iterator[Block]:
    yield from entries_page(loaded.entries)
    yield from aliases_page(_fitting(loaded))
    if loaded.nova is not None:
        nova = loaded.nova
        yield from taken_page(str(nova.path), nova.taken, nova.overridden, nova.left_out)
    if loaded.notices:
        yield notices_text(loaded.notices)
    yield "no mistakes"


def _reply(loaded: Loaded) -> dict[str, object]:
    nova = loaded.nova
    return {
        "mistakes": [],
        "notices": [asdict(notice) for notice in loaded.notices],
        "entries": [
            {"entry": each.spec.entry, "source": each.spec.source, "matched": [str(address) for address in each.matched]}
            for each in loaded.entries
        ],
        "aliases": [{"name": alias.name, "fitting": fitting} for alias, fitting in _fitting(loaded)],
        "nova_conf": None
        if nova is None
        else {"path": str(nova.path), "taken": nova.taken, "overridden": nova.overridden, "left_out": nova.left_out},
    }


def _fitting(loaded: Loaded) -> list[tuple[Alias, int]]:
    """Each alias, and how many devices of the host it would be given, were nothing claimed."""
    assert loaded.host is not None, "load was given a way to read it"
    catalogue = catalogue_of(loaded.host, loaded.rules)
    return [
        (alias, catalogue.on_offer(alias.device_type, alias.alternatives).bit_count()) for alias in loaded.rules.aliases.values()
    ]
