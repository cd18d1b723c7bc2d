# SPDX-License-Identifier: Apache-2.0
"""What the operator said, parsed once into core values."""
