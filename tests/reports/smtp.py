"""A mail server on 127.0.0.1 for tests: takes messages, or refuses at the step that it is told to refuse."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, refuse: dict[str, str], offers_login: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.refuse = refuse
        """A command, "connect", "end" (of a message) or a recipient to the answer it gets instead, or "hang up"."""
        self.offers_login = offers_login
        self.messages: list[bytes] = []
        self.logins: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        if not self._say("connect", "220 ready"):
            return
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            command = line.partition(" ")[0].upper()
            if command == "QUIT":
                self._say("QUIT", "221 bye")
                return
            self._answer(command, line)

    def _answer(self, command: str, line: str) -> None:
        if command in ("EHLO", "HELO"):
            self._say(line, "250-here\r\n250 AUTH PLAIN" if self.server.offers_login else "250 here")
        elif command == "AUTH":
            self.server.logins.append(base64.b64decode(line.split()[-1]).decode())
            self._say("AUTH", "235 welcome")
        elif command == "DATA":
            if self._say("DATA", "354 go on"):
                lines = []
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(text.removeprefix(b"."))
                if self._say("end", "250 taken"):
                    self.server.messages.append(b"".join(lines))
        elif command == "RCPT":
            self._say(line.partition(":")[2], "250 fine")
        elif command in ("MAIL", "RSET", "NOOP"):
            self._say(command, "250 fine")
        else:
            self._say(command, "502 unknown")

    def _say(self, step: str, answer: str) -> bool:
        refused = self.server.refuse.get(step)
        if refused == "hang up":
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        self.wfile.write(f"{refused or answer}\r\n".encode())
        return refused is None


@contextmanager
def mail_server(refuse: dict[str, str] | None = None, offers_login: bool = True) -> Iterator[MailServer]:
    with MailServer(refuse or {}, offers_login) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
