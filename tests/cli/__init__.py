# SPDX-License-Identifier: Apache-2.0
"""The command line; the rules that its tests have in common."""

RULES = """\
[pci]
device_spec = {"address": "0000:3b:00.0", "physical_network": "physnet1"}
device_spec = {"vendor_id": "10de", "product_id": "20b5", "resource_class": "CUSTOM_GPU"}
alias = {"name": "gpu", "vendor_id": "10de", "product_id": "20b5", "numa_policy": "required"}
alias = {"name": "nic", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
"""
