# SPDX-License-Identifier: Apache-2.0
"""A Debian of its own in a directory: made with debootstrap, and commands run in it.

Commands run in namespaces of their own: nothing stays mounted, and nothing that they start outlives them, or us, whatever happens.
How this machine reaches its registries (apt's configuration, certificates, pip's environment) is lent where it is asked for, and
only there: a system that is to be booted never has it.

Does not know: what the systems are for.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path

PLAIN = {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
"""The environment inside, whoever calls."""

_LENT_FILES = ("etc/pip.conf", "etc/resolv.conf", "etc/hosts")
_LENT_DIRECTORIES = ("etc/ssl/certs", "etc/apt/apt.conf.d", "usr/local/share/ca-certificates")

MIRROR = "PCIPT_LAB_MIRROR"
"""The environment variable that names another Debian mirror than debootstrap's own."""

LENT_VARIABLES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", MIRROR),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""Environment variables by which registries are reached."""

LENT_FILE_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""The same, that name a file of certificates."""

ALONE = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
"""What goes before a command: its mounts are its own, and it ends with us, and all that it started with it."""

_inherited: ContextVar[tuple[int, ...]] = ContextVar("_inherited", default=())
"""Of this thread: another's commands may take longer."""

_QUICK = {"DPKG_FORCE": "unsafe-io", "INITRD": "No"}
"""For dpkg: nothing needs to survive a power cut meanwhile, and no initramfs is wanted of /etc/kernel/postinst.d."""

_ENTER = """
set -e
root=$1; script=$2; shift 2
mount --bind "$root" "$root"  # a mount of its own: without, nothing in there could have namespaces of its own
mount -t proc proc "$root/proc"
for each in sys dev; do mount --rbind "/$each" "$root/$each"; done
while [ $# -gt 0 ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; done
chroot "$root" /bin/sh -ec "$script" || exit  # not exec: this shell is the first process there, and reaps
"""


class BuildFailed(Exception):
    """A command that makes a part of the lab failed; says which, and the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Chroot:
    """A root directory and how to run commands in it: the environment there, and this machine's directories that appear in it."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=lambda: PLAIN)
    binds: tuple[tuple[Path, str], ...] = ()

    def bound(self, directory: Path, place: str) -> "Chroot":
        """The same, with a directory of this machine at `place` inside."""
        return replace(self, binds=(*self.binds, (directory, place)))

    def lent(self, environment: Mapping[str, str]) -> "Chroot":
        """The same, with this environment."""
        return replace(self, environment=environment)

    def run(self, script: str) -> str:
        """What a shell script inside prints; BuildFailed where it fails."""
        return checked(self._enter(script), environment=self.environment)

    def call(self, script: str) -> int:
        """Runs a shell script inside, its output for all to see; returns its exit code."""
        return subprocess.run(self._enter(script), check=False, env=dict(self.environment)).returncode

    def _enter(self, script: str) -> list[str]:
        binds = [str(each) for bind in self.binds for each in bind]
        return [*ALONE, "/bin/sh", "-c", _ENTER, "sh", str(self.root), script, *binds]


def bootstrap(root: Path, suite: str, *, packages: Sequence[str]) -> None:
    """A minimal Debian with these packages and what they depend on, nothing recommended, and no packages' files left over."""
    require_root()
    if shutil.which("debootstrap") is None:
        sys.exit("pcipt-agent: debootstrap is missing; as root, run: apt-get install debootstrap debian-archive-keyring")
    script = "sid"  # the same for all suites; this machine's debootstrap knows those by name that are older than itself
    words = ["--variant=minbase", "--force-check-gpg", f"--include={','.join(packages)}", suite, str(root)]
    try:
        checked([*ALONE, "debootstrap", *words, os.environ.get(MIRROR, ""), script], environment={**os.environ, **_QUICK})
    except BuildFailed as error:
        if "Failed getting release" not in str(error):
            raise
        raise BuildFailed(f"{error}\nWhere Debian is reached by another mirror only: {MIRROR}=http://... names it") from error
    for leftover in [*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*_*")]:
        leftover.unlink()


def lend_registries(root: Path) -> dict[str, str]:
    """Copies what lets this machine's apt and pip reach their registries; returns the environment that goes with it."""
    for source in _LENT_DIRECTORIES:
        if (Path("/") / source).is_dir():
            shutil.rmtree(root / source, ignore_errors=True)  # its absolute links would lead out of the root
            shutil.copytree(Path("/") / source, root / source)
    for source in _LENT_FILES:
        if (Path("/") / source).is_file():
            shutil.copy(Path("/") / source, root / source)
    lent = {name: os.environ[name] for name in LENT_VARIABLES if name in os.environ}
    for name in LENT_FILE_VARIABLES:
        if (certificates := Path(os.environ.get(name, ""))).is_file():
            lent[name] = f"/etc/ssl/{name}.pem"  # one name for all: theirs may be no place in the root, or lead out of it
            shutil.copy(certificates, root / f"etc/ssl/{name}.pem")
    return {**PLAIN, **lent}


def checked(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints; BuildFailed where it fails."""
    done = subprocess.run(
        command,
        check=False,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=_inherited.get(),
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildFailed(f"exit code {done.returncode} of: {' '.join(command)}\n{tail}")
    return done.stdout


@contextmanager
def inherited(descriptor: int) -> Iterator[None]:
    """The commands that this thread runs meanwhile have it too: a lock is held until the last of them has ended."""
    before = _inherited.set((*_inherited.get(), descriptor))
    try:
        yield
    finally:
        _inherited.reset(before)


def require_x86_64() -> None:
    """Ends the program with a clear word on another machine."""
    if platform.machine() != "x86_64":
        sys.exit(f"pcipt-agent: the lab runs on x86-64 only, and this machine is {platform.machine()}")


def require_root() -> None:
    """Ends the program with a clear word where we are not root."""
    if os.geteuid() != 0:
        sys.exit("pcipt-agent: debootstrap and chroot need root; run the same command with sudo")
