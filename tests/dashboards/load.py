"""``make load``: ten people at the dashboard at once, each in a session of their own over a real websocket.

``SESSIONS=1`` is one person alone. On the home of ``MUSTER_HOME``, served as ``muster serve`` serves it. A session
speaks Streamlit's protocol as a browser does and draws nothing, so that what is measured is Muster: the time from a
click to the last piece of the page. Each session walks the same steps, beginning elsewhere. Every session must read the
same page, and none an error. Prints the median and the 95th percentile by step; ends with 1 where a session read
something else.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.dashboards import browser

SESSIONS = 10
ROUNDS = 2
STEPS: tuple[tuple[str, str, str, str], ...] = (
    ("Now", "", "", ""),
    ("Now, another time", "", "now-how", "Another time"),
    ("Incident", "incident", "", ""),
    ("Incident, an alert", "incident", "source", "An alert"),
    ("Weekly", "weekly", "", ""),
    ("Unregistered", "unregistered", "", ""),
    ("Unregistered, open only", "unregistered", "audit-open", "Open only"),
    ("Compliance", "compliance", "", ""),
    ("Ratings", "ratings", "", ""),
    ("Data health", "data_health", "", ""),
)
"""What a step is called, its page, and the radio button that it presses there."""


class Session:
    """One session: what it was told of the page that it shows."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._widgets: dict[str, str] = {}

    async def draw(self, page: str, key: str = "", value: str = "") -> str:
        """Ask for a page, with a radio button pressed if one is named; returns all its text once it is complete."""
        message = BackMsg()
        message.rerun_script.page_name = page
        if key:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.string_value = self._widgets[key], value
        await self._socket.send(message.SerializeToString())
        said = []
        while True:
            answer = ForwardMsg.FromString(await asyncio.wait_for(self._socket.recv(decode=False), 120))
            kind = answer.WhichOneof("type")
            if kind == "script_finished":
                return "\n".join(said)
            if kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                said.append(self._read(answer.delta.new_element))

    def _read(self, element: Any) -> str:
        kind = element.WhichOneof("type")
        if kind == "radio":
            self._widgets |= {known: element.radio.id for known in KEYS if element.radio.id.endswith(f"-{known}")}
        return {"html": lambda: element.html.body, "heading": lambda: element.heading.body}.get(
            kind, lambda: "an error" if kind == "exception" else ""
        )()


KEYS = {key for _, _, key, _ in STEPS if key}
Taken = dict[str, list[float]]
Read = dict[str, set[str]]


def digest(said: str) -> str:
    """What a page said, without what runs on by itself; a heading that is filled in later may come first or last."""
    is_wrong = "an error" in said or "cannot be shown" in said
    steady = sorted(set(re.sub(r"This is the state [^<]*", "", said).splitlines()) - {""})
    return f"{hashlib.sha256(repr(steady).encode()).hexdigest()[:8]}{' with an error' if is_wrong else ''}"


async def one_session(address: str, first: int, taken: Taken, read: Read) -> None:
    """Walk all steps ROUNDS times; pages follow each other as they are listed, beginning with the `first`."""
    pages = list(dict.fromkeys(step[1] for step in STEPS))
    stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    async with connect(stream, subprotocols=["streamlit"], max_size=None, origin=address) as socket:  # type: ignore[arg-type, list-item]
        session = Session(socket)
        for number in range(ROUNDS * len(pages)):
            for name, page, key, value in STEPS:
                if page != pages[(first + number) % len(pages)]:
                    continue
                began = time.perf_counter()
                said = await session.draw(page, key, value)
                taken.setdefault(name, []).append(time.perf_counter() - began)
                read.setdefault(name, set()).add(digest(said))


async def measure(address: str, sessions: int = SESSIONS) -> tuple[Taken, Read]:
    """All sessions at once: (seconds by step, what was read by step)."""
    taken: Taken = {}
    read: Read = {}
    await asyncio.gather(*(one_session(address, number, taken, read) for number in range(sessions)))
    return taken, read


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies, by rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> int:
    """Measure and print; 1 where sessions read different pages or an error."""
    home = Path(os.environ.get("MUSTER_HOME") or browser.PROJECT / "data")
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    with browser.served(home) as address:
        taken, read = asyncio.run(measure(address, sessions))
    every = [seconds for values in taken.values() for seconds in values]
    for name, values in [*taken.items(), ("All steps", every)]:
        median, high = statistics.median(values), percentile(values, 0.95)
        print(
            f"{name:26}{len(values):5} times  median {median:5.2f} s  p95 {high:5.2f} s  longest {max(values):5.2f} s"
        )
    wrong = {name: pages for name, pages in read.items() if len(pages) != 1 or any("error" in one for one in pages)}
    for name, pages in wrong.items():
        print(f"{name}: sessions read different pages: {', '.join(sorted(pages))}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
