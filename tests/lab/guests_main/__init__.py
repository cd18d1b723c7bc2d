# SPDX-License-Identifier: Apache-2.0
"""Tests in which guests run a kernel of their own, and say what they see: a part of its own, as each takes its time to boot."""
