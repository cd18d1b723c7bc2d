# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.soak`: an agent's parts live through random steps over a real tree, a real journal and real config files.

    python3 -m tests.soak                          100,000 steps
    python3 -m tests.soak --steps 2000 --seed 7    a short one, or the one that went wrong
    python3 -m tests.soak --state DIR              with the journal below DIR: its disk's syncs are most of the time

After every step the book is what callers were told, and every invariant holds; after every restart it is the book of before.
Memory, open files and threads are taken at rest after each fifth. Exit code 1 where anything was violated or has grown; what is
printed then repeats it.

Does not know: the steps (`soak.steps`), what may grow (`soak.footprint`).
"""

import argparse
import secrets
import sys
from functools import partial
from pathlib import Path

from tests.soak.running import Report, soak


def main() -> int:
    """0 where all held and nothing grew."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of all that is random (default: another one)")
    parser.add_argument("--state", type=Path, help="where the journal is (default: a temporary directory)")
    arguments = parser.parse_args()
    if arguments.steps < 5:
        parser.error("at least 5 steps: the memory is taken after each fifth")
    print(f"seed {arguments.seed}", flush=True)
    report = soak(arguments.steps, arguments.seed, state=arguments.state, tell=partial(print, flush=True))
    print(table(report))
    for sentence in report.grown:
        print(f"seed {report.seed}: {sentence}", file=sys.stderr)
    if report.fault is not None:
        print(f"seed {report.seed}, step {report.steps}: {report.fault}", file=sys.stderr)
    return 1 if report.fault is not None or report.grown else 0


def table(report: Report) -> str:
    """For people."""
    rows = [("steps", report.steps), ("seconds", f"{report.seconds:.0f}")]
    rows += [(f"  {kind}", number) for kind, number in sorted(report.kinds.items(), key=lambda each: -each[1])]
    rows += [("refusals", sum(report.refusals.values()))]
    rows += [(f"  {code}", number) for code, number in sorted(report.refusals.items(), key=lambda each: -each[1])]
    rows += [("notifications made", report.notices), ("log lines made", report.log_lines)]
    lines = [f"{what:<28}{value:>10}" for what, value in rows]
    lines.append(f"{'at rest after step':<20}{'RSS MiB':>9}{'blocks':>9}{'files':>7}{'threads':>9}{'journal KiB':>13}")
    for each, kib in zip(report.footprints, report.journal_kib, strict=True):
        lines.append(f"{each.step:>18}  {each.rss_mib:>9.1f}{each.blocks:>9}{each.descriptors:>7}{each.threads:>9}{kib:>13.0f}")
    lines.append(f"{'violations':<28}{0 if report.fault is None else 1:>10}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
