# SPDX-License-Identifier: Apache-2.0
"""PCI passthrough agent for KVM compute hosts."""

import warnings

# oslo.service (under oslo.messaging) and futurist import eventlet where it is installed, and eventlet then says on stderr that it
# is deprecated. Nothing here uses it, and an operator can do nothing about it. The message begins with a line feed (eventlet 0.41).
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
