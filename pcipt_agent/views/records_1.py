# SPDX-License-Identifier: Apache-2.0
"""Records of format 1, as format 2 says them. They are read for ever: a host may have slept for years.

Format 1 had no expiry, no adoption, no one-time use, no upkeep and no word on who called. A record that has any of that says it is
of format 1 and is not, so it is refused like any other field or event that its format does not have.

Does not know: what a record means (`views.records`).
"""

from typing import Any

from pcipt_agent.views.fields import Undecodable, array, number, text

Json = dict[str, Any]

_EVENTS = ("claimed", "allocated", "freed")


def as_format_2(untrusted: Any) -> Any:
    """The same record with what format 2 has more. What format 1 and 2 share is not looked at. Raises Undecodable."""
    match untrusted:
        case {"kind": "decision", "events": events}:
            return {**_more(untrusted, caller=None), "events": [_event(each) for each in array(events)]}
        case {"kind": "book", "claims": claims}:
            # It wrote them in claim_id order, and a consumer's are wanted oldest first.
            oldest_first = sorted(map(_claim, array(claims)), key=lambda claim: number(claim["claimed_at"]))
            return {**_more(untrusted, dirty=[], disabled=[]), "claims": oldest_first}
        case _:
            return untrusted


def _event(untrusted: Any) -> Any:
    match untrusted:
        case {"event": "claimed", "claim": claim}:
            return {**untrusted, "claim": _claim(claim)}
        case {"event": "allocated"}:
            return _more(untrusted, at=None)
        case {"event": "freed"}:
            return _more(untrusted, dirty=[])
        case {"event": kind} if kind not in _EVENTS:
            raise Undecodable(f"unknown event {kind!r}")
        case _:
            return untrusted


def _claim(untrusted: Any) -> Any:
    match untrusted:
        case {"held": held, "claimed_at": _}:
            own = _more(untrusted, claimed_by=None, allocated_at=None, adopted_from=None)
            return {**own, "held": [_held(each) for each in array(held)]}
        case _:
            raise Undecodable(f"{untrusted!r:.80} where a claim belongs")


def _held(untrusted: Any) -> Any:
    match untrusted:
        case {"entry": entry}:
            text(entry)  # format 2 also knows devices that no entry listed
            return _more(untrusted, one_time_use=False)
        case _:
            return untrusted


def _more(untrusted: Json, **added: Any) -> Json:
    """The object with these fields more."""
    if strange := untrusted.keys() & added.keys():
        raise Undecodable(f"fields {sorted(strange)} are unknown in format 1")
    return {**untrusted, **added}
