# SPDX-License-Identifier: Apache-2.0
"""What the agent's log says that it was not let do, or did not expect: of a good sandbox, and a good agent, nothing.

Does not know: what was asked of the agent.
"""

from tests.lab.host import LabHost

_WORDS = ("Permission denied", "Operation not permitted", "Traceback", "PermissionError")


def denials(host: LabHost) -> list[str]:
    """The lines of this boot."""
    lines = host.shell("journalctl --sync; journalctl -b -u pcipt-agent.service -o cat --no-pager").splitlines()
    return [line for line in lines if any(word in line for word in _WORDS)]
