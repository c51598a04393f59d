"""A mail server on a real socket: takes mails, refuses them, or hangs up."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default

OFFERS = b"250-mail.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"


class MailServer(socketserver.ThreadingTCPServer):
    """``mails`` are those that were taken. ``refused`` holds addresses that nobody has here; ``away``: it hangs up."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.mails: list[Message] = []
        self.refused: set[str] = set()
        self.away = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        if self.server.away:
            return
        self.wfile.write(b"220 mail.test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(message_from_bytes(self._data(), policy=default))
                self.wfile.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            elif verb == b"RCPT" and any(each.encode() in line for each in self.server.refused):
                self.wfile.write(b"550 nobody of that name\r\n")
            else:
                self.wfile.write(OFFERS if verb == b"EHLO" else b"250 ok\r\n")

    def _data(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(timeout=5)
