# SPDX-License-Identifier: Apache-2.0
"""Whoever hints is waited for, is asked, and is quiet until there is another: the kernel's own news, and what a test says."""

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from pcipt_agent.adapters.kernel_news import route_news
from pcipt_agent.ports import Hints, HintSource
from tests.support.hinting import GivenHints
from tests.support.overflowing import question_of_the_loopback


class News:
    """The kernel, which answers a question as it tells its news: by a message to the socket."""

    def __init__(self) -> None:
        self.source: HintSource = route_news()

    def hint(self) -> None:
        with socket.socket(fileno=os.dup(self.source.fileno())) as channel:
            channel.send(question_of_the_loopback())


class Given:
    def __init__(self) -> None:
        given = GivenHints()
        self.source: HintSource = given
        self.hint: Callable[[], None] = given.hint


@pytest.fixture(params=[News, Given])
def hinting(request: pytest.FixtureRequest) -> Iterator[News | Given]:
    here: News | Given = request.param()
    with closing(here.source):
        while wakes(here.source):  # this machine's own news
            here.source.take()
        yield here


def wakes(source: HintSource) -> bool:
    poll = select.poll()
    poll.register(source.fileno(), source.poll_events)
    return bool(poll.poll(0))


def test_a_hint_wakes_until_it_is_taken(hinting: News | Given) -> None:
    hinting.hint()
    assert wakes(hinting.source)
    assert wakes(hinting.source)
    assert hinting.source.take() == Hints()
    assert not wakes(hinting.source)


def test_several_hints_are_taken_in_one_go(hinting: News | Given) -> None:
    for _ in range(5):
        hinting.hint()
    hinting.source.take()
    assert not wakes(hinting.source)
