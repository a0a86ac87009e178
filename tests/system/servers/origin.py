# SPDX-License-Identifier: Apache-2.0
"""Where connections of an agent may end: one process on every address of its network.

    origin.py LOG PORT...          TCP and UDP
    origin.py LOG reset:PORT       TCP, each connection reset once something was sent
    origin.py LOG full:PORT        TCP, nobody is ever let in
    origin.py LOG unix:PATH        a byte for whoever connects
    origin.py LOG gives:PATH       a TCP socket of this network for whoever connects

Each arrival is one line of LOG, written before it is answered: "192.0.2.10:80",
"udp://192.0.2.10:80", "unix:PATH". A GET is answered with "hello\n"; whatever else is sent,
with what it is.
"""
import array
import os
import selectors
import socket
import struct
import sys

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nhello\n"
BACKLOG = 4096
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends an RST

loop = selectors.DefaultSelector()
kept = []
log = open(sys.argv[1], "a", buffering=1, encoding="utf-8")


def where(address):
    host = address[0].removeprefix("::ffff:")
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


def answer(peer):
    try:
        data = peer.recv(65536)
        peer.sendall(ANSWER if data.startswith(b"GET ") else data)
    except OSError:
        data = b""
    if not data or data.startswith(b"GET "):
        loop.unregister(peer)
        peer.close()


def reset(peer):
    loop.unregister(peer)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


def accept(listener, then):
    peer, _ = listener.accept()
    log.write(where(peer.getsockname()) + "\n")
    loop.register(peer, selectors.EVENT_READ, then)


def datagram(s):
    """Answers from the address that was asked."""
    data, control, _, peer = s.recvmsg(65536, 256)
    here = socket.inet_ntop(socket.AF_INET6, control[0][2][:16])
    log.write(f"udp://{where((here, s.getsockname()[1]))}\n")
    s.sendmsg([data], control, 0, peer)


def greet(listener):
    peer, _ = listener.accept()
    log.write(f"unix:{listener.getsockname()}\n")
    peer.sendall(b"x")
    peer.close()


def give(listener):
    peer, _ = listener.accept()
    with peer, socket.socket() as gift:
        rights = array.array("i", [gift.fileno()])
        peer.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def serve_port(port, then):
    listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=BACKLOG,
                                    dualstack_ipv6=True)
    loop.register(listener, selectors.EVENT_READ, lambda listener: accept(listener, then))


def serve_nobody(port):
    """Those whom the backlog takes fill it."""
    listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=0,
                                    dualstack_ipv6=True)
    kept.append(listener)
    for _ in range(2):
        kept.append(socket.socket())
        kept[-1].setblocking(False)
        kept[-1].connect_ex(("127.0.0.1", port))


def serve_datagrams(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.bind(("", port))
    loop.register(s, selectors.EVENT_READ, datagram)


def serve_path(path, handler):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + path[1:] if path.startswith("@") else path)
    if not path.startswith("@"):
        os.chmod(path, 0o666)
    listener.listen()
    loop.register(listener, selectors.EVENT_READ, handler)


for word in sys.argv[2:]:
    kind, _, value = word.rpartition(":")
    if kind == "":
        serve_port(int(value), answer)
        serve_datagrams(int(value))
    elif kind == "reset":
        serve_port(int(value), reset)
    elif kind == "full":
        serve_nobody(int(value))
    else:
        serve_path(value, {"unix": greet, "gives": give}[kind])
log.write("ready\n")
while True:
    for key, _ in loop.select():
        key.data(key.fileobj)
