# SPDX-License-Identifier: Apache-2.0
"""The options of pcipt-agent.conf, with the help that an operator reads in the sample.

`[pci]` and `[filter_scheduler]` are nova's own names, the deprecated ones included, so that a section is moved over as it stands.
A ConfigOpts is passed in and none is made here. oslo.messaging registers `transport_url` itself, with a default of its own, so
that it is only described here (`conf.loading` reads it).

Does not know: config files, what the values of device_spec and alias mean.
Source: nova/conf/pci.py of nova 34 (names and deprecated names).
"""

import socket

from oslo_config import cfg

from pcipt_agent.conf import libvirt_opts, pci_opts
from pcipt_agent.core.alias import Readiness

DEFAULT_TRANSPORT_URL = "unix:///run/pcipt-agent/agent.sock"


def default_opts() -> list[cfg.Opt]:
    """`[DEFAULT]`, without what oslo.log and oslo.messaging register."""
    return [
        cfg.StrOpt(
            "host",
            default=socket.gethostname(),
            sample_default="<current_hostname>",
            help="""
Name of this host: the RPC server that callers address.

Callers reach the agent on topic ``pcipt-agent`` under this name, so it must be unique among the agents of one message broker, and
it must stay as it is while claims are held: a controller that knows the old name does not find them under the new one. Where
nova-compute runs on the host too, give both the same name.

* Valid: ``host = compute-17.example.org``
* Invalid: two hosts of one broker with the same name. Calls for one then reach the other at random.
""",
        )
    ]


def transport_url_opt() -> cfg.Opt:
    """`[DEFAULT] transport_url` as this program means it; never registered where oslo.messaging registers its own."""
    return cfg.StrOpt(
        "transport_url",
        default=DEFAULT_TRANSPORT_URL,
        secret=True,
        help="""
Where RPC is served.

``unix://PATH`` is a socket on this host, without a broker: callers on the same host only, and the file's mode and group decide
who may call. Every transport of oslo.messaging works as well; its further options, such as ``[oslo_messaging_rabbit]``, are read
as its documentation says.

* Valid: ``transport_url = unix:///run/pcipt-agent/agent.sock``
* Valid: ``transport_url = rabbit://user:password@broker.example.org:5672/``
* Invalid: ``transport_url = /run/pcipt-agent/agent.sock`` (there is no scheme, and oslo.messaging refuses it)
""",
    )


def path_opts() -> list[cfg.Opt]:
    """`[agent]`: where things are."""
    return [
        cfg.StrOpt(
            "host_root",
            default="/",
            help="""
Directory below which the host is read: ``sys`` and ``proc``; or a file that describes a host.

Another tree than ``/``, or a file, lets the agent run on a recorded or described host. The devices of such a host are not this
machine's: nothing that is claimed there can be given to a guest here.

* Valid: ``host_root = /``
* Valid: ``host_root = /etc/pcipt-agent/example.host``
* Invalid: ``host_root = /sys`` (the agent looks for ``/sys/sys/bus/pci`` then, and does not start)
""",
        ),
        cfg.StrOpt(
            "state_path",
            default="/var/lib/pcipt-agent",
            help="""
Directory of the journal, in which every claim is made durable before it is acknowledged.

It must be on a local disk that keeps what it has synchronised, and it belongs to one agent: a second one on the same directory is
refused. Losing it means that the agent no longer knows which guest holds which device.

* Valid: ``state_path = /var/lib/pcipt-agent``
* Invalid: a directory on tmpfs (claims do not survive a reboot) or on NFS (SQLite's write-ahead log does not work there)
""",
        ),
    ]


def claim_opts() -> list[cfg.Opt]:
    """`[agent]`: how long claims, and what is known of them, are kept."""
    return [
        cfg.IntOpt(
            "claim_timeout",
            default=3600,
            min=0,
            help="""
Seconds after which a claim that nobody allocated ends by itself.

A caller that dies between claiming and starting the guest leaves a claim that nobody frees. Once this time is over it expires, but
only where libvirt says that no domain has its devices and no process holds them; where libvirt can't be asked the claim stays, and
``pcipt status`` shows it as overdue. 0 means never. A reload takes it.

* Valid: ``claim_timeout = 3600``
* Valid: ``claim_timeout = 0``
* Invalid: ``claim_timeout = 1h`` (whole seconds only)
""",
        ),
        cfg.IntOpt(
            "ended_claims_kept",
            default=7 * 24 * 3600,
            min=3600,
            help="""
Seconds for which the id of an ended claim is remembered.

A request that was delayed on its way and arrives after its claim was freed is refused as long as the id is remembered. After that
it would be taken for a new claim, so this must be longer than any caller keeps retrying.

* Valid: ``ended_claims_kept = 604800`` (a week)
* Invalid: ``ended_claims_kept = 7d`` (whole seconds only)
""",
        ),
    ]


def period_opts() -> list[cfg.Opt]:
    """`[agent]`: how long the past is kept, and how often the present is looked at."""
    return [
        cfg.IntOpt(
            "history_kept",
            default=90 * 24 * 3600,
            min=0,
            help="""
Seconds for which it is remembered who had which device.

``pcipt history`` answers from it. What is older is forgotten when the journal is compacted. A reload takes it.

* Valid: ``history_kept = 7776000`` (90 days)
* Invalid: ``history_kept = 90d`` (whole seconds only)
""",
        ),
        cfg.IntOpt(
            "rescan_interval",
            default=60,
            min=1,
            help="""
Seconds between two readings of the whole host.

A device that comes, goes or changes is noticed at the next reading. A small value costs the reading of ``/sys`` more often, a
large one leaves a change unseen for longer.

* Valid: ``rescan_interval = 60``
* Invalid: ``rescan_interval = 0`` (at least 1)
""",
        ),
    ]


def safety_opts() -> list[cfg.Opt]:
    """`[agent]`: what is never handed out."""
    return [
        cfg.StrOpt(
            "readiness",
            default=Readiness.ENFORCE,
            choices=[
                (Readiness.ENFORCE, "such a device is not handed out"),
                (Readiness.WARN, "it is, and the answer to the claim says what is wrong"),
            ],
            help="""
What becomes of a device whose IOMMU, IOMMU group or driver is not as it must be for a guest to start with it.

A device without an IOMMU group, one whose group holds a function that a driver of the host is bound to, and one with ``managed``
``no`` that no VFIO driver is bound to make the guest's start fail. ``warn`` is for hosts where something else mends that between
the claim and the start. What the host itself uses, and VFs that are still appearing, are never handed out. A reload takes it.

* Valid: ``readiness = warn``
* Invalid: ``readiness = off``
""",
        )
    ]


def options() -> dict[str, list[cfg.Opt]]:
    """Group → the options that are registered there."""
    return {
        "DEFAULT": default_opts(),
        "agent": [*path_opts(), *safety_opts(), *claim_opts(), *period_opts()],
        "libvirt": libvirt_opts.libvirt_opts(),
        "pci": pci_opts.pci_opts(),
        "filter_scheduler": pci_opts.filter_scheduler_opts(),
    }


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Makes `conf` know our options; harmless when it does already."""
    for group, opts in options().items():
        conf.register_opts(opts, group=None if group == "DEFAULT" else group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For oslo-config-generator."""
    groups = options()
    groups["DEFAULT"].append(transport_url_opt())
    return list(groups.items())
