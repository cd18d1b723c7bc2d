# SPDX-License-Identifier: Apache-2.0
"""From the wheel to a host, and away again: units, users, rules and configuration."""
