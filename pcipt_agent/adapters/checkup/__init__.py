# SPDX-License-Identifier: Apache-2.0
"""The facts of a check-up: what firmware, kernel, systemd, file modes and libvirt say, each read apart from the others."""
