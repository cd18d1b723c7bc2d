# SPDX-License-Identifier: Apache-2.0
"""The soak: a hundred thousand random steps of one agent's life, with its laws checked and its memory measured."""
