# SPDX-License-Identifier: Apache-2.0
"""/sys and /proc under a root, read-only, into a Host."""

from pcipt_agent.adapters.sysfs.reader import SysfsReader

__all__ = ["SysfsReader"]
