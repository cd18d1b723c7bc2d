# SPDX-License-Identifier: Apache-2.0
"""The kernel modules that drive functions for vfio, by the running kernel's modules.alias.

The file has some 30,000 lines and changes when a module is installed, so it is read again only when its size or time has changed.

Does not know: what an alias means (`views.vfio`), which driver is in which module.
Source: depmod(8), modules.alias.
"""

import re
from functools import lru_cache
from pathlib import Path

from pcipt_agent.adapters.sysfs.files import bytes_of
from pcipt_agent.views.vfio import vfio_modules_in

_RELEASE = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._+~-]*")


def vfio_modules(root: Path) -> frozenset[str]:
    """None where the tree has no modules of the kernel that it says runs."""
    release = bytes_of(root / "proc/sys/kernel/osrelease").strip()
    if not _RELEASE.fullmatch(release):
        return frozenset()
    path = root / "lib/modules" / release.decode("ascii") / "modules.alias"
    try:
        stat = path.stat()
    except OSError:
        return frozenset()
    return _modules_in(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _modules_in(path: Path, _changed: int, _size: int) -> frozenset[str]:
    return vfio_modules_in(bytes_of(path))
