# SPDX-License-Identifier: MIT
"""What passes over loopback, as somebody on the way would see it; and a SOCKS5 proxy that tells who went through it."""

import contextlib
import os
import socket
import struct
import threading


class Capture:
    """Notes which of some texts were seen on loopback while it runs."""

    def __init__(self, *texts):
        self.wanted = [text.encode() if isinstance(text, str) else text for text in texts]
        self.seen = set()

    def __enter__(self):
        eth_p_all = 3
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(eth_p_all))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.socket.bind(("lo", 0))
        self.socket.settimeout(20)
        self.end = os.urandom(24)
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # All that went before this packet has been looked at when it is seen.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(self.end, ("127.0.0.1", 9))
        self.thread.join(timeout=60)
        self.socket.close()

    def _watch(self):
        with contextlib.suppress(socket.timeout):
            packet = b""
            while self.end not in packet:
                packet = self.socket.recv(1 << 17)
                self.seen.update(text for text in self.wanted if text in packet)

    def saw(self, text):
        return (text.encode() if isinstance(text, str) else text) in self.seen


class SocksProxy:
    """RFC 1928 and 1929, CONNECT alone. `targets`: where each connection went, as (host, port) in the client's words."""

    def __init__(self, user=None, password=None, port=0):
        self.login = (user.encode(), password.encode()) if user else None
        self.targets = []
        self.refused_logins = 0
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts: else the port stays open
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @staticmethod
    def _take(client, size):
        got = b""
        while len(got) < size:
            part = client.recv(size - len(got))
            if not part:
                raise ConnectionError
            got += part
        return got

    def _let_in(self, client):
        _, count = self._take(client, 2)
        offered = self._take(client, count)
        if self.login is None:
            client.sendall(b"\x05\x00")
            return True
        if 2 not in offered:
            client.sendall(b"\x05\xff")
            return False
        client.sendall(b"\x05\x02")
        _, size = self._take(client, 2)
        user = self._take(client, size)
        password = self._take(client, self._take(client, 1)[0])
        good = (user, password) == self.login
        self.refused_logins += 0 if good else 1
        client.sendall(b"\x01\x00" if good else b"\x01\x01")
        return good

    def _target(self, client):
        kind = self._take(client, 4)[3]
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self._take(client, 4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, self._take(client, 16))
        else:
            host = self._take(client, self._take(client, 1)[0]).decode()
        return host, struct.unpack(">H", self._take(client, 2))[0]

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            if not self._let_in(client):
                return
            target = self._target(client)
            try:
                server = socket.create_connection(target, timeout=20)
            except OSError:
                client.sendall(b"\x05\x05\x00\x01" + bytes(6))
                return
            server.settimeout(None)
            self.targets.append(target)
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            with server:
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server)
                back.join()

    @staticmethod
    def _pump(source, target):
        """Hands on bytes and the end; a reset becomes a reset."""
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
