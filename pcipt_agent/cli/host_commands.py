# SPDX-License-Identifier: Apache-2.0
"""Commands with which root makes a host of a machine, sets its functions up and keeps its journal, and their options.

Does not know: what the commands do, those that look (`cli.local_commands`) or call the agent (`cli.parser`).
"""

from argparse import ArgumentParser

from pcipt_agent.cli import options

WORDS = ("install", "uninstall", "set-up", "journal")


def declare(add: options.Add) -> None:
    """All of them."""
    for each in (_install, _uninstall, _set_up, _journal):
        each(add)


def _install(add: options.Add) -> None:
    command = options.command(
        add,
        "install",
        "put units, users, rules and configuration where this host looks for them; again after each upgrade",
        "pcipt install --dry-run",
        "pcipt install",
        "pcipt install --root /mnt/image     (a system that does not run: only files are written)",
        note="A file in /etc that was edited is kept, and the new one is written beside it as .new. It may be run at any time.",
    )
    options.formatting(command)
    _below(command, "instead of onto this system: onto the one below DIR, without starting anything")


def _uninstall(add: options.Add) -> None:
    command = options.command(
        add,
        "uninstall",
        "take away what install put there; edited configuration and the journal stay",
        "pcipt uninstall --dry-run",
        "pcipt uninstall",
        note="The agent is stopped. Guests keep their devices. Afterwards: pip uninstall pcipt-agent.",
    )
    options.formatting(command)
    command.add_argument(
        "--purge", action="store_true", help="also /etc/pcipt-agent, the journal with all claims, and the user pcipt"
    )
    _below(command, "from the system below DIR instead")


def _set_up(add: options.Add) -> None:
    command = options.command(
        add,
        "set-up",
        "make VFs, bind drivers and make vDPA devices as /etc/pcipt-agent/devices.conf says",
        "pcipt set-up --dry-run",
        "pcipt set-up",
        "pcipt set-up 0000:3b:00.0",
        note="VFs that are there stay as they are; no driver is taken from a function that the host uses or a guest may have.\n"
        "Exit code 1: something could not be set up; the reason is beside it.",
    )
    options.formatting(command)
    command.add_argument("address", nargs="*", type=options.address, metavar="ADDRESS", help="only these functions")
    command.add_argument(
        "--wait", type=_wait, default=0.0, metavar="SECONDS", help="for functions and drivers that are not there yet"
    )
    command.add_argument("--devices-conf", type=options.path, metavar="FILE", help="instead of /etc/pcipt-agent/devices.conf")
    _below(command, "the system below DIR: only files are written")


def _journal(add: options.Add) -> None:
    command = options.command(
        add,
        "journal",
        "back up the journal, or restore it",
        "pcipt journal backup /srv/backup/journal-2026-11-21",
        "pcipt journal restore /srv/backup/journal-2026-11-21",
    )
    subjects = command.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    backup = options.command(
        subjects.add_parser,
        "backup",
        "write the journal to a file, whole and checked, while the agent runs",
        "pcipt journal backup /srv/backup/journal-2026-11-21",
    )
    restore = options.command(
        subjects.add_parser,
        "restore",
        "put a backup in the journal's place, once it is known to be whole; the agent must be stopped",
        "pcipt journal restore /srv/backup/journal-2026-11-21",
        note="What was there is kept beside it. Claims made since the backup are not in it.",
    )
    for each in (backup, restore):
        options.formatting(each)
        each.add_argument("file", type=options.path, metavar="FILE", help="the backup")
        options.configured(each)


def _below(command: ArgumentParser, help_text: str) -> None:
    command.add_argument("--root", type=options.path, metavar="DIR", default="/", help=help_text)
    command.add_argument("--dry-run", action="store_true", help="say what it would do, and do nothing")


def _wait(text: str) -> float:
    return 0.0 if text == "0" else options.seconds(text)
