# SPDX-License-Identifier: Apache-2.0
"""A gateway: HTTP CONNECT, and what else a gateway may do. The name that is asked for says:

    refused.test    403, with a Proxy-Status
    busy.test       429
    login.test      407
    rubbish.test    bytes that are not HTTP
    closed.test     an end without an answer
    torn.test       half an answer, then the end
    silent.test     nothing, ever
    slow.test       a tunnel to where the port says, on 127.0.0.1, a second late
    anything else   a tunnel

    gateway.py LOG PORT [ADDRESS]    127.0.0.1, if none is said

Each request is one line of LOG, as JSON: {"target": "H:P", "headers": [["Name", "value"]...]}.
"""
import asyncio
import json
import sys

REFUSALS = {
    "refused.test": b"HTTP/1.1 403 Forbidden\r\nProxy-Status: gw.test; error=http_request_denied\r\n"
                    b"Content-Length: 3\r\n\r\nno\n",
    "busy.test": b"HTTP/1.1 429 Too Many Requests\r\n\r\n",
    "login.test": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
    "rubbish.test": b"SSH-2.0-not_a_proxy\r\n",
    "closed.test": b"",
    "torn.test": b"HTTP/1.1 200 Conn",
}
LATE = 1  # seconds

log = open(sys.argv[1], "a", buffering=1, encoding="utf-8")


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass


async def tunnel(host, port, reader, writer):
    try:
        there_reader, there_writer = await asyncio.open_connection(host, port)
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        return
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
    there_writer.close()


async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = [line.split(": ", 1) for line in head[1:-2]]
        log.write(json.dumps({"method": method, "target": target, "headers": headers}) + "\n")
        host, _, port = target.rpartition(":")
        if host == "silent.test":
            await asyncio.sleep(3600)
        elif host in REFUSALS:
            writer.write(REFUSALS[host])
        else:
            if host == "slow.test":
                await asyncio.sleep(LATE)
                host = "127.0.0.1"
            await tunnel(host.strip("[]"), int(port), reader, writer)
        await writer.drain()
    except (OSError, ValueError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, (sys.argv[3:] or ["127.0.0.1"])[0], int(sys.argv[2]))
    log.write("ready\n")
    await server.serve_forever()


asyncio.run(main())
