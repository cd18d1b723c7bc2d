# SPDX-License-Identifier: Apache-2.0
"""Settings: our options' values, read once, each of its type; what is none is a mistake.

Does not know: config files (`conf.loading`), what device_spec and alias mean.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from oslo_config import cfg, types

from pcipt_agent.conf.files import read_file
from pcipt_agent.conf.libvirt_opts import DEFAULT_CONNECTION_URI
from pcipt_agent.conf.opts import DEFAULT_TRANSPORT_URL, default_opts, options, transport_url_opt
from pcipt_agent.core.alias import Readiness
from pcipt_agent.errors import Mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options, parsed; `device_spec` and `alias` are still the operator's texts."""

    host: str = ""
    transport_url: str = DEFAULT_TRANSPORT_URL
    host_root: Path = Path("/")
    state_path: Path = Path("/var/lib/pcipt-agent")
    claim_timeout: int = 0
    """Seconds; 0: never."""
    ended_claims_kept: int = 0
    """Seconds."""
    history_kept: int = 0
    """Seconds."""
    rescan_interval: int = 0
    """Seconds."""
    readiness: Readiness = Readiness.ENFORCE
    connection_uri: str = DEFAULT_CONNECTION_URI
    device_spec: tuple[str, ...] = ()
    alias: tuple[str, ...] = ()
    report_in_placement: bool = False
    pci_in_placement: bool = False


def read_settings(conf: cfg.ConfigOpts, files: Sequence[str]) -> tuple[Settings, tuple[Mistake, ...]]:
    """The values that `conf`, which has been parsed, has for our options. `files` are those that it was parsed from."""
    values: dict[str, object] = {}
    mistakes: list[Mistake] = []
    for group, opts in options().items():
        for opt in opts:
            try:
                values[opt.dest] = conf[opt.dest] if group == "DEFAULT" else conf[group][opt.dest]
            except (cfg.Error, ValueError) as error:
                mistakes.append(_mistake(group, opt, error, files))
    try:
        url = _transport_url(files)
    except (cfg.Error, ValueError) as error:
        mistakes.append(
            Mistake(
                "[DEFAULT] transport_url", None, None, str(error), f"{DEFAULT_TRANSPORT_URL} or rabbit://USER:PASSWORD@HOST:5672/"
            )
        )
        url = DEFAULT_TRANSPORT_URL
    return _settings(values, url), tuple(mistakes)


def _settings(values: dict[str, object], transport_url: str) -> Settings:
    """With what there is; an option at fault leaves its place to something harmless, since the mistake ends the start anyway."""
    return Settings(
        host=_text(values.get("host")),
        transport_url=transport_url,
        host_root=Path(_text(values.get("host_root")) or "/"),
        state_path=Path(_text(values.get("state_path"))),
        claim_timeout=_number(values.get("claim_timeout")),
        ended_claims_kept=_number(values.get("ended_claims_kept")),
        history_kept=_number(values.get("history_kept")),
        rescan_interval=_number(values.get("rescan_interval")),
        readiness=Readiness(_text(values.get("readiness")) or Readiness.ENFORCE),
        connection_uri=_text(values.get("connection_uri")) or DEFAULT_CONNECTION_URI,
        device_spec=_texts(values.get("device_spec")),
        alias=_texts(values.get("alias")),
        report_in_placement=values.get("report_in_placement") is True,
        pci_in_placement=values.get("pci_in_placement") is True,
    )


def _transport_url(files: Sequence[str]) -> str:
    """`[DEFAULT] transport_url`, read apart, because oslo.messaging registers an option of that name with another default.

    Raises ValueError where it names no driver that is installed; the text is never shown, because it may hold a password.
    """
    own = cfg.ConfigOpts()
    own.register_opts([*default_opts(), transport_url_opt()])
    own([], default_config_files=list(files), default_config_dirs=[])
    url = _text(own["transport_url"]).strip() or DEFAULT_TRANSPORT_URL
    scheme, separator, _ = url.partition("://")
    drivers = sorted({each.name for each in entry_points(group="oslo.messaging.drivers")})
    if not separator:
        raise ValueError("has no scheme")
    # oslo_messaging.transport takes what stands before a plus for the driver.
    if scheme.partition("+")[0] not in drivers:
        raise ValueError(f"{scheme} is no transport here; there are {', '.join(drivers)}")
    return url


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in value) if isinstance(value, list) else ()


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _mistake(group: str, opt: cfg.Opt, error: Exception, files: Sequence[str]) -> Mistake:
    given = [value for file in files for value in read_file(Path(file)).values(group, opt.dest)]
    named = [(value, found) for value in given for found in _NAMED.finditer(value)]
    if isinstance(error, cfg.NoSuchOptError | cfg.TemplateSubstitutionError) and named:
        value, found = named[-1]
        problem, begin, end = f"{found.group()} stands for another option, and there is none of that name", *found.span()
    else:
        # The message says where oslo.config found the value, as a tuple's text, and then what is wrong.
        value, problem = given[-1] if given else "", str(error).rpartition(" is not valid: ")[2]
        begin, end = 0, len(value)
    source, offset = (f"{opt.dest} = {value}", len(opt.dest) + 3) if given else (None, 0)
    span = (begin + offset, end + offset) if given else None
    return Mistake(f"[{group}] {opt.dest}", None, None, problem, _right(opt), source, span)


_NAMED = re.compile(r"(?<!\$)\$\{?[A-Za-z_]\w*\}?")
"""Where oslo.config puts another option's value (`cfg.ConfigOpts.Template`)."""


def _right(opt: cfg.Opt) -> str:
    match opt.type:
        case types.Boolean():
            return "true or false"
        case types.Integer(min=least):
            return f"a whole number of at least {least}"
        case types.String(choices=dict() as choices):
            return " or ".join(choices)
        case _:
            return "a text; a dollar sign that is meant as such is written $$"
