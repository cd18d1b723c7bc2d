# SPDX-License-Identifier: Apache-2.0
"""PCI passthrough agent for KVM compute hosts."""
