# SPDX-License-Identifier: Apache-2.0
"""Where elements stand in a document, and edits that leave the rest alone."""

from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.views.domsource import Edit, Node, parse_domain

NAMES = st.sampled_from(["devices", "hostdev", "os", "größe", "q:arg"])
TEXTS = st.sampled_from(["", " ", "\n  ", "text", "&amp;", "<!-- <hostdev> -->", "<![CDATA[</devices>]]>", "<?pi > ?>", "網"])
ATTRIBUTES = st.sampled_from(["", " a='>'", ' a="/>"', " a='\"'", "\n\ta = 'x' b='&lt;'"])


def elements() -> st.SearchStrategy[str]:
    empty = st.builds("<{0}{1}{2}/>".format, NAMES, ATTRIBUTES, st.sampled_from(["", " "]))
    return st.recursive(
        empty,
        lambda inner: st.builds(
            lambda name, attributes, before, children, after: f"<{name}{attributes}>{before}{''.join(children)}{after}</{name} >",
            NAMES,
            ATTRIBUTES,
            TEXTS,
            st.lists(inner, max_size=3),
            TEXTS,
        ),
        max_leaves=12,
    )


def documents() -> st.SearchStrategy[str]:
    return st.builds("<?xml version='1.0'?>\n<domain xmlns:q='urn:q'>{0}</domain>\n".format, elements())


def every(node: Node) -> list[Node]:
    return [node, *(below for child in node.children for below in every(child))]


@given(documents())
def test_every_element_is_cut_out_whole(document: str) -> None:
    source = parse_domain(document)
    for node in every(source.domain):
        own = source.octets[node.start : node.end].decode()
        name = node.name.replace("urn:q ", "q:")
        assert own.startswith(f"<{name}")
        assert own.endswith("/>") if source.is_empty_tag(node) else own.rstrip(" >").endswith(f"</{name}")
        again = parse_domain(f"<domain xmlns:q='urn:q'>{own}</domain>").domain.children
        assert [(each.name, each.attributes, len(each.children)) for each in again] == [
            (node.name, node.attributes, len(node.children))
        ]


@given(documents())
def test_edits_change_what_they_name_and_nothing_else(document: str) -> None:
    source = parse_domain(document)
    (child,) = source.domain.children
    assert source.edited([]) == document
    before, after = document.encode()[: child.start].decode(), document.encode()[child.end :].decode()
    assert source.edited([Edit(child.end, child.end, "größer"), Edit(child.start, child.end, "x")]) == f"{before}xgrößer{after}"


def test_lines_and_indents_are_those_a_person_sees() -> None:
    source = parse_domain("<domain>\n  <os/><cpu/>\n\t<devices>\n\t</devices>\n</domain>")
    assert [(node.line, source.indent_of(node)) for node in source.domain.children] == [(2, "  "), (2, ""), (3, "\t")]


def test_the_line_end_is_the_document_s_own() -> None:
    assert parse_domain("<domain>\r\n</domain>").newline == "\r\n"
    assert parse_domain("<domain>\n</domain>").newline == "\n"
