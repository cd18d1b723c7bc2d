# SPDX-License-Identifier: Apache-2.0
"""`python -m pcipt_agent`: the same as `pcipt`.

Does not know: anything else.
"""

from pcipt_agent.cli import main

if __name__ == "__main__":
    main()
