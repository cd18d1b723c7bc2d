# SPDX-License-Identifier: Apache-2.0
"""How others see it: pure projections of core values."""
