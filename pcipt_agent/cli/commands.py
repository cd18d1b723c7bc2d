# SPDX-License-Identifier: Apache-2.0
"""Obeys one command line: makes the call, shows the reply, turns every failure that we can name into a sentence and an exit code.

Does not know: how the agent is reached (`cli.agent`), how it is done without (`cli.standalone`).
"""

import logging
from argparse import Namespace

from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.cli.payloads import Call, Reply, UsageMistake, call_of
from pcipt_agent.errors import ConfigError, HostError, JournalError


def obey(command: Namespace) -> int:
    """The exit code; everything there is to say has been said."""
    logging.getLogger().addHandler(logging.NullHandler())  # without any, warnings of libraries go to standard error
    output = Output(as_json=getattr(command, "format", "text") == "json")
    try:
        return _obey(command, output)
    except UsageMistake as mistake:
        output.complain(str(mistake))
    except (HostError, JournalError) as error:
        output.complain(str(error))
    except ConfigError as error:
        from pcipt_agent.views.mistakes import mistakes_text
        from pcipt_agent.views.text import counted

        output.complain(f"{counted(len(error.mistakes), 'mistake')} in the configuration\n{mistakes_text(error.mistakes)}")
    return ExitCode.MISTAKE


def _obey(command: Namespace, output: Output) -> int:
    """What a command of this machine does, or the call of any other."""
    match command.command:
        case "check-config":
            from pcipt_agent.cli.checking import check_config

            return check_config(command, output)
        case "doctor":
            from pcipt_agent.cli.doctor import doctor

            return doctor(command, output)
        case "capture":
            from pcipt_agent.cli.capture import capture

            return capture(command, output)
        case "completion":
            from pcipt_agent.cli.completion import completion

            output.document(completion(command.shell))
            return ExitCode.DONE
        case "install":
            from pcipt_agent.cli.installing import install

            return install(command, output)
        case "uninstall":
            from pcipt_agent.cli.installing import uninstall

            return uninstall(command, output)
        case "set-up":
            from pcipt_agent.cli.setting_up import set_up

            return set_up(command, output)
        case "journal":
            from pcipt_agent.cli.journal import journal

            return journal(command, output)
        case "events":
            from pcipt_agent.cli.events import events

            return events(command, output)
        case _:
            return _call(command, output)


def _call(command: Namespace, output: Output) -> int:
    call = call_of(command)
    if command.host is not None:
        from pcipt_agent.cli.standalone import answer

        return _show(command, call, answer(command, call), output)
    from pcipt_agent.cli.agent import NotReachable, ask, unreachable

    try:
        return _show(command, call, ask(command, call), output)
    except NotReachable as error:
        retry = f"; retry with --claim-id {call.arguments['claim_id']}" if call.method == "claim" else ""
        return unreachable(error, output, retry)


def _show(command: Namespace, call: Call, reply: Reply, output: Output) -> int:
    refused = "refusal" in reply
    code = ExitCode.REFUSED if refused or reply.get("attention") else ExitCode.DONE
    if output.as_json:
        output.json(reply)
        return code
    from pcipt_agent.cli.pages import document_of, page_of, refusal_page

    if refused:
        output.complain(*refusal_page(reply))
        return code
    document = document_of(call.method, reply)
    if document is None:
        output.page(page_of(call.method, reply, command))
    else:
        output.document(document)
    return code
