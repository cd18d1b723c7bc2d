# SPDX-License-Identifier: Apache-2.0
"""What is true: pure values and functions, no I/O, no clock, no log."""
