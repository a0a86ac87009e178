#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What costs an agent next to nothing: packets to everywhere, questions without end.  They are
# refused and answered all the same, and what is written down of them has a bound.
. "${0%/*}/lib.sh"
needs_command /usr/bin/python3

add_agent bot
[ -w /dev/net/tun ] || skip_or_fail 'no /dev/net/tun for this user'

cat >"$WS/packets.py" <<'PY'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
refused = 0
for i in range(5000):
    try:
        s.sendto(b"x", ("10.%d.%d.%d" % (i >> 16 & 255, i >> 8 & 255, i & 255), 9))
    except OSError:
        refused += 1
    if i % 50 == 0:
        time.sleep(0.005)
print("refused=%d" % refused)
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR: errors come to unconnected sockets
t.settimeout(2)
try:
    t.sendto(b"x", ("192.0.2.1", 9))
    t.recv(1)
    print("late=answered")
except OSError as e:
    print("late=%d" % e.errno)
PY
sandbox -- python3 packets.py
exit_is 'packets to thousands of addresses' 0
says 'the last is refused as the first' late 113
lines=$(count_records '.tool == "send"')
ok 'each of them has a record, as far as that goes' test "$lines" -ge 50
ok 'and no further' test "$lines" -le 210
rest=$(records 'select(.tool == "send" and .resource == "*") | .detail.packets' | head -n 1)
ok 'the rest is counted' test "${rest:-0}" -gt 50
run_warder log verify
exit_is 'the journal is whole' 0

# --- the name server -----------------------------------------------------------------------

cat >"$WS/ask.py" <<'PY'
import os, random, select, socket, struct, time

def query(name, ident=1):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return struct.pack(">HHHHHH", ident, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)

def framed(b):
    return struct.pack(">H", len(b)) + b

def connect():
    s = socket.create_connection(("127.0.0.1", 53))
    s.settimeout(3)
    return s

def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data

def answer(s):
    return exactly(s, struct.unpack(">H", exactly(s, 2))[0])

def ends(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True

def by_udp():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.settimeout(1)
    for i in range(3):  # one may meet a full queue
        u.sendto(query("udp.example"), ("127.0.0.1", 53))
        try:
            return len(u.recv(600)) > 12
        except socket.timeout:
            pass
    return False

s = connect()
s.sendall(b"".join(framed(query("n%d.example" % i, i)) for i in range(100)))
print("many=%s" % all(answer(s)[:2] == struct.pack(">H", i) for i in range(100)))
for b in framed(query("slow.example", 7)):
    s.sendall(bytes([b]))
    time.sleep(0.001)
print("bytewise=%s" % (answer(s)[:2] == b"\0\7"))

s = connect()
s.sendall(struct.pack(">H", 65535) + b"x" * 100)
print("long=%s" % ends(s))
s = connect()
s.sendall(framed(b""))
print("empty=%s" % ends(s))

# One who never reads holds up nobody.
s = connect()
s.setblocking(False)
sent = 0
limit = time.monotonic() + 1
while time.monotonic() < limit:
    if not select.select([], [s], [], 0.1)[1]:
        break
    try:
        sent += s.send(framed(query("unread.example")) * 100)
    except BlockingIOError:
        break
print("meanwhile=%s" % by_udp())
s.close()

def served(s):
    try:
        s.sendall(framed(query("crowd.example")))
        return bool(answer(s))
    except (OSError, EOFError):
        return False

crowd = [connect() for i in range(100)]
n = sum(served(c) for c in crowd)
print("crowd=%s" % (10 <= n < 100))
for c in crowd:
    c.close()
print("room=%s" % served(connect()))

random.seed(1)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(2000):
    q = bytearray(query("fuzz%d.example" % (i % 20)))
    for k in range(random.randrange(5)):
        q[random.randrange(len(q))] = random.randrange(256)
    u.sendto(bytes(q[:random.randrange(len(q) + 1)]), (("127.0.0.1", "192.0.2.53")[i % 2], 53))
u.sendto(os.urandom(3000), ("127.0.0.1", 53))
print("rubbish=%s" % by_udp())

s = connect()
began = time.monotonic()
s.sendall(b"\0")
s.settimeout(15)
print("idle=%s" % (ends(s) and 5 < time.monotonic() - began < 15))
PY
sandbox -- python3 ask.py
exit_is 'all kinds of questions' 0
says 'many on one connection' many True
says 'byte by byte' bytewise True
says 'one that is too long ends it' long True
says 'so does one that is none' empty True
says 'who does not read holds up nobody' meanwhile True
says 'there are so many connections at once' crowd True
says 'and others when those have gone' room True
says 'rubbish does no harm' rubbish True
says 'who says nothing more is not waited for' idle True

# Names are given out only so far; then a question is refused, on record once.
cat >"$WS/names.py" <<'PY'
import socket
n = 0
last = ""
for i in range(17000):
    try:
        last = socket.gethostbyname("n%d.example" % i)
        n += 1
    except OSError:
        break
print("names=%d" % n)
try:
    socket.gethostbyname("one-more.example")
    print("more=answered")
except OSError as e:
    print("more=refused")
print("known=%s" % socket.gethostbyname("n0.example"))
PY
cat >"$T/many.json" <<'JSON'
{"name": "many", "extends": ["default"],
 "egress": {"rules": [{"host": "*.example", "decision": "allow"}]}}
JSON
WARDER_TIMEOUT=120 sandbox --profile "$T/many.json" -- env -u LD_PRELOAD python3 names.py
exit_is 'names without end' 0
ok 'thousands are answered' test "$(got names)" -gt 16000
says 'but not all' more refused
says 'those that were, still are' known 198.18.0.16
is 'which is on record once' "$(count_records '.tool == "resolve"')" 1

done_testing
