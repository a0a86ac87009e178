#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AF_UNIX: a service of the host is reached by a rule and not otherwise, however its socket is
# named; the sandbox's own are its own.
. "${0%/*}/lib.sh"
. "${0%/*}/attempts.sh"

mkdir "$T/host"
service=$T/host/service.sock
other=$T/host/other.sock
inside=$WS/inside.sock
abstract=@warder-test-$$
start_origin "unix:$service" "unix:$other" "unix:$abstract" "unix:$inside"
ln -s "$service" "$T/host/link.sock"
touch "$T/host/file"

rules() {
	profile "$1" <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "read": ["$T/host"]},
	 "unix": {"rules": [$2]}}
	JSON
}
rules none ''
rules some "{\"path\": \"$service\", \"decision\": \"allow\"}"
rules below "{\"path\": \"$other\", \"decision\": \"deny\"},
	{\"path\": \"$T/host/**\", \"decision\": \"allow\"}"
rules abstract '{"path": "@warder*", "decision": "allow"}'

attempts - unix <<ROWS
stream,$service      ok  -  outside: by its path
link,$service        ok  -  outside: by a link
relative,$service    ok  -  outside: by a relative path
root,$service        ok  -  outside: through /proc/self/root
descriptor,$service  ok  -  outside: by a descriptor
passed,$service      ok  -  outside: by one that was passed
stream,$abstract     ok  -  outside: by an abstract name
stream,$inside       ok  -  outside: in the workspace
own,/tmp/own-$$      ok  -  outside: its own
datagram-pair        ok  -  outside: datagrams
ROWS
rm -f "/tmp/own-$$" /tmp/probe-link
before=$(wc -l <"$T/origin.log")

attempts none unix <<ROWS
stream,$service      EACCES  connect:unix:$service    a socket of the host, by its path
link,$service        EACCES  connect:unix:$service    by a link
relative,$service    EACCES  connect:unix:$service    by a relative path
root,$service        EACCES  connect:unix:$service    through /proc/self/root
descriptor,$service  EACCES  connect:unix:$service    by a descriptor
passed,$service      EACCES  connect:unix:$service    by one that was passed
stream,$T/host/link.sock  EACCES  connect:unix:$service  by a link of the host
stream,$inside       EACCES  connect:unix:$inside     one that lies in the workspace
stream,$abstract     ECONNREFUSED  -                  an abstract one is not there
stream,$T/host/none  ENOENT  -                        nor what does not exist
stream,$T/host/file  ECONNREFUSED  -                  a file is no socket
datagram,$service    EAFNOSUPPORT  syscall:socket:unix/dgram  datagrams
datagram-pair        EAFNOSUPPORT  syscall:socketpair:unix/dgram  of any kind
own,/tmp/own         ok      -                        its own, on its own file system
own,@own             ok      -                        with an abstract name
own,@warder-test-$$  ok      -                        even one that is taken outside
pair                 ok      -                        and pairs
ROWS
is 'nothing arrived' "$(wc -l <"$T/origin.log")" "$before"

attempts some unix <<ROWS
stream,$service      ok      +connect:unix:$service   allowed: by its path
link,$service        ok      +connect:unix:$service   by a link
relative,$service    ok      -                        by a relative path
root,$service        ok      -                        through /proc/self/root
descriptor,$service  ok      -                        by a descriptor
passed,$service      ok      -                        by one that was passed
stream,$other        EACCES  connect:unix:$other      and only that one
ROWS
attempts below unix <<ROWS
stream,$service      ok      +connect:unix:$service   allowed: what lies beneath a directory
stream,$other        EACCES  connect:unix:$other      but for what an earlier rule denies
ROWS
attempts abstract unix <<ROWS
stream,$abstract     ECONNREFUSED  -                  no rule reaches an abstract socket of the host
ROWS

# Its own server in the workspace is one that the host could have put there.
agent_runs none "$(probe unix)" "own,$WS/mine.sock"
is 'its own socket in the workspace is shared with the host' "$out" "own,$WS/mine.sock=EACCES"
rm -f "$WS/mine.sock"
rules mine "{\"path\": \"{workspace}/mine.sock\", \"decision\": \"allow\"}"
agent_runs mine "$(probe unix)" "own,$WS/mine.sock"
is 'and needs a rule' "$out" "own,$WS/mine.sock=ok"

# --- who listens -----------------------------------------------------------------------------

# Whoever connects asks the kernel, and is told the agent's user, not root.
if [ "$(id -u)" -eq 0 ]; then
	mkdir "$T/theirs" && chmod 0755 "$T" && chown nobody "$T/theirs" && cd "$T/theirs" || exit 1
	RUN=(--user nobody --workspace "$T/theirs")
	listener() { # listener COMMAND...: the user that the listener at a socket seems to be
		rm -f "$T/theirs/sock"
		start_server "$@"
		wait_until 5 test -S "$T/theirs/sock" && sleep 0.2
		"$python" -c 'import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print(struct.unpack("iii", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])' \
			"$T/theirs/sock" 2>&1
		wait "$server_pid"
	}
	server=$(probe unix)
	is 'outside: a listener of root is one' "$(listener "$server" "serve,$T/theirs/sock")" 0
	is "inside: the agent's is its user's" "$(listener "$WARDER" run --agent probe --quiet \
		--profile mine --ro "$T/bin" "${RUN[@]}" -- "$server" "serve,$T/theirs/sock")" "$(id -u nobody)"
	like 'and it served' "$(cat "$T/server.log")" '=ok'

	# Nor does root's eye help it through a directory that is not for its user.
	locked=$T/shown/locked
	mkdir -p "$locked" && chmod 0700 "$locked"
	start_server "$python" -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666); s.listen()
while True: s.accept()[0].close()' "$locked/s.sock"
	wait_until 5 test -S "$locked/s.sock"
	rules locked "{\"path\": \"$locked/s.sock\", \"decision\": \"allow\"}"
	as_nobody() {
		run_warder run --agent probe --quiet --profile locked --ro "$T/bin" "$@" "${RUN[@]}" -- \
			"$server" "stream,$locked/s.sock"
	}
	as_nobody --ro "$T/shown"
	is 'a directory that is not for its user keeps it out' "$out" "stream,$locked/s.sock=EACCES"
	as_nobody
	is 'and the socket in it is not shown by itself' "$out" "stream,$locked/s.sock=ENOENT"
	chmod 0755 "$locked"
	as_nobody --ro "$T/shown"
	is 'one that is for it lets it through' "$out" "stream,$locked/s.sock=0"
	as_nobody
	is 'and a rule shows the socket that it names' "$out" "stream,$locked/s.sock=0"
fi

done_testing
