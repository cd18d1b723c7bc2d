# SPDX-License-Identifier: Apache-2.0
"""A described host: a text that a person can read and write, and the Host that it means.

    host boot 1b4e28ba-2fa1-11d2-883f-0016d3cca427
    node 0  cpus 0-15  socket 0

    0000:3b:00.0  15b3:101d  PF  numa 0  group 12  driver mlx5_core  totalvfs 16  numvfs 1  net ens1f0 b8:59:9f:00:00:10
        class 020000  subsystem 15b3:0050  rev 00  link 16x16/16x16  reset flr,bus  serial MT2042X00001
        used address "ens1f0 has 192.0.2.7"
    0000:3b:00.1  15b3:101e  VF 0 of 0000:3b:00.0  numa 0  group 13  driver mlx5_vfio_pci  vfio

A line that begins with a blank goes on with the device above; `#` begins a comment. After address, ids and type come fields in any
order, each a word and its values; `-` is None, and a value with blanks in it is written as a JSON string. A link is GT/s x lanes,
now / at most. `vfio` says that the driver registers with vfio, which goes without saying of vfio-pci; `used` says what the host
itself uses of the function, and how that shows. What is written here is read back as the same Host, so a machine can be carried
away, mailed, edited and run again.

Does not know: /sys, where the text is kept (`adapters.described`).
"""

from pcipt_agent.views.description.reading import parse_description
from pcipt_agent.views.description.writing import description_of

__all__ = ["description_of", "parse_description"]
