# SPDX-License-Identifier: Apache-2.0
"""libvirt: what its domains hold, watched by a thread of its own."""

from pcipt_agent.adapters.hypervisor.reader import LibvirtReader as LibvirtReader
