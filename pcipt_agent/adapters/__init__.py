# SPDX-License-Identifier: Apache-2.0
"""The world: one outside thing a file; they do not know each other."""
