# SPDX-License-Identifier: Apache-2.0
"""The lab: a whole compute host in emulation, with the agent in it.

A real kernel with SR-IOV, IOMMU groups, vfio-pci, a kernel variant driver, vDPA and NUMA, real libvirt and QEMU, and the agent as
its systemd service, on any machine and without hardware. `python3 -m tests.lab --help` is the way in.

Everything is made by the project itself from Debian's packages, and kept in the cache by what it was made from:

    emulator   a QEMU that emulates SR-IOV         → machines of `hardware`
    image      the compute host's disk, from
        debian     its packages, and builder, the same Debian with compilers
        system     Debian 13, as a compute host has it
        modules    two of its kernel's drivers that Debian does not build
        wheels     the agent's Python dependencies
        guest      what the guests in that host boot
        checkout   this agent, installed with the README's command

What `python3 -m tests.lab` imports is of the standard library only: it is the machine's own python3 that runs it. What only tests
use, calls by RPC above all, needs the agent's dependencies as they do.

Does not know: rules, claims.
"""
