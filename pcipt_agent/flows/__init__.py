# SPDX-License-Identifier: Apache-2.0
"""What we do: each file is one story, read top to bottom."""
