#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A socket that is in epoll sets before it connects (nginx, Asio, Netty) is in them afterwards.
. "${0%/*}/lib.sh"
needs_command /usr/bin/python3

cat >"$T/echo.py" <<'PY'
import socket, sys, threading
s = socket.create_server(("127.0.0.1", 0), backlog=64)
with open(sys.argv[1], "w") as f:
    f.write("%d\n" % s.getsockname()[1])
def serve(c):
    while True:
        data = c.recv(4096)
        if not data:
            break
        c.sendall(data)
    c.close()
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
PY
start_server /usr/bin/python3 "$T/echo.py" "$T/port"
wait_until 5 test -s "$T/port" || skip_or_fail 'no server'
port=$(cat "$T/port")
cat >"$T/local.json" <<JSON
{"name": "local", "extends": ["default"],
 "egress": {"rules": [{"cidr": "127.0.0.1/32", "port": $port, "decision": "allow"}]}}
JSON
add_agent bot "$T/local.json"

cat >"$WS/early.py" <<'PY'
import os, select, socket, sys
IN, OUT, ET, ONESHOT = select.EPOLLIN, select.EPOLLOUT, select.EPOLLET, select.EPOLLONESHOT
port = int(sys.argv[1])

def wait(ep, want):
    got = dict(ep.poll(3))
    return got == want or "got %s" % got

def talk(name, flags=0, sets=1, at=None):
    s = socket.socket()
    if at:
        os.dup2(s.fileno(), at, inheritable=False)
        s.close()
        s = socket.socket(fileno=at)
    s.setblocking(False)
    fd = s.fileno()
    eps = [select.epoll() for i in range(sets)]
    for ep in eps:
        ep.register(fd, OUT | flags)
        if not flags & ONESHOT:
            ep.poll(0)  # what an edge shows of a socket that is not connected is gone by now
    err = s.connect_ex(("127.0.0.1", port))
    result = err in (0, 115) or "connect %d" % err
    for ep in eps:
        if result is True:
            result = wait(ep, {fd: OUT})
    if result is True:
        s.send(b"x")
        for ep in eps:
            ep.modify(fd, IN | flags)
            if wait(ep, {fd: IN}) is not True:
                result = "no answer"
        for ep in eps:
            ep.unregister(fd)
        if s.recv(9) != b"x":
            result = "another answer"
    print("%s=%s" % (name, result))
    s.close()
    for ep in eps:
        ep.close()

talk("level")
talk("edge", flags=ET)
talk("oneshot", flags=ONESHOT)
talk("three", sets=3)
talk("high", at=900)
bad = 0
for number in range(10, 60):  # whatever numbers the supervisor's own descriptors have
    talk("number%d" % number, at=number)
# One that is in no set has no part in it.
s = socket.socket()
s.setblocking(False)
ep = select.epoll()
other = socket.socketpair()
ep.register(other[0].fileno(), IN)
s.connect_ex(("127.0.0.1", port))
print("none=%s" % (ep.poll(0.2) == []))
sys.stdout.flush()
if len(sys.argv) > 2:
    while True:
        select.select([], [], [], 1)
PY
run /usr/bin/python3 early.py "$port"
for name in level edge oneshot three high number20 none; do
	says "outside: $name" "$name" True
done
sandbox -- python3 early.py "$port"
exit_is 'inside' 0
for name in level edge oneshot three high none; do
	says "inside: $name" "$name" True
done
is 'inside: at any number' "$(grep -c '^number.*=True$' <<<"$out")" 50
is 'with an outcome each' "$(count_records '.phase == "outcome" and .tool == "connect"
	and .result == "success"')" 56

# The supervisor's own descriptors had to make room meanwhile, that of its watch, too.
start_sandbox -- python3 early.py "$port" stay
wait_until 5 grep -q none= "$T/server.log"
sleep 0.2
began=${EPOCHREALTIME/./}
touch "$WARDER_STATE_DIR/revoked.d/bot"
wait "$server_pid"
is 'a revocation is seen all the same' $? 137
ok 'at once' test $((${EPOCHREALTIME/./} - began)) -lt 1000000

done_testing
