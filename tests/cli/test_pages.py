# SPDX-License-Identifier: Apache-2.0
"""Every reply has its page."""

from argparse import Namespace

import pytest

from pcipt_agent.cli.pages import document_of, page_of, refusal_page
from pcipt_agent.views.methods import METHODS

VERSION = {"generation": "1.0", "agent": "0.1.0", "api": "1.1", "host": "compute1", "rules": "0123456789ab"}


def test_a_method_has_a_page_or_its_document() -> None:
    for method in METHODS:
        if method == "render":
            continue
        with pytest.raises(AttributeError):  # it looks for its reply's fields, so it is not "has no page"
            list(page_of(method, {}, Namespace(table=False)))
    with pytest.raises(AssertionError, match="dance has no page"):
        page_of("dance", {}, Namespace())


def test_the_version_says_who_answers_and_by_which_rules() -> None:
    said = list(page_of("version", VERSION, Namespace()))
    assert said[1] == "agent 0.1.0 on compute1, API 1.1, rules 0123456789ab"


def test_only_rendered_xml_is_a_document() -> None:
    assert document_of("version", VERSION) is None
    assert document_of("render", {"elements": ["<a/>", "<b/>"], "domain": None}) == "<a/>\n<b/>\n"
    assert document_of("render", {"elements": ["<a/>"], "domain": "<domain/>\n"}) == "<domain/>\n"


def test_a_plain_refusal_is_its_message() -> None:
    sentence, page = refusal_page({"refusal": {"code": "claim-unknown", "message": "no claim c1 here", "claim_id": "c1"}})
    assert (sentence, list(page)) == ("no claim c1 here", [])
