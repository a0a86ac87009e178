# SPDX-License-Identifier: Apache-2.0
"""The host's side of ./demo: an origin server, and a service on a Unix socket that stands
for docker.sock: whoever reaches it owns the host.

    host.py DIRECTORY     writes DIRECTORY/port when both listen; runs until it is killed
"""
import http.server
import os
import socket
import sys
import threading

ANSWER = b"the weather is fine\n"


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)


def serve_socket(listener):
    while True:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"at your command\n")


def main():
    directory = sys.argv[1]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(directory, "docker.sock"))
    os.chmod(listener.getsockname(), 0o666)  # what keeps the agent out is not its mode
    listener.listen()
    threading.Thread(target=serve_socket, args=(listener,), daemon=True).start()

    origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    port = os.path.join(directory, "port")
    with open(port + ".new", "w", encoding="ascii") as f:
        print(origin.server_port, file=f)
    os.rename(port + ".new", port)
    origin.serve_forever()


main()
