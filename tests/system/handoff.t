#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A socket that was handed over lives in the host's network, and so may one that was inherited
# or received: it must lead to nowhere that a new one would not lead to.
. "${0%/*}/network.sh"

start_origin 80 81 reset:82 gives:"$T/gives"
profile some <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "read": ["$T/gives"]},
	 "egress": {"rules": [{"host": "192.0.2.10", "port": [80, 82], "decision": "allow"}]},
	 "unix": {"rules": [{"path": "$T/gives", "decision": "allow"}]}}
JSON

# --- the control -----------------------------------------------------------------------------

attempts - net <<-ROWS
	again,192.0.2.10,80,192.0.2.10,81          ok  -  outside: a socket connects again
	again-fast,192.0.2.10,80,192.0.2.10,81     ok  -  outside: and by MSG_FASTOPEN
	again-listen,192.0.2.10,80,0.0.0.0,8001    ok  -  outside: and listens
	reset,192.0.2.10,82,192.0.2.10,81          ok  -  outside: one that was reset connects again
	reset-fast,192.0.2.10,82,192.0.2.10,81     ok  -  outside: and by MSG_FASTOPEN
	reset-option,192.0.2.10,82,192.0.2.10,81   ok  -  outside: and by TCP_FASTOPEN_CONNECT
	reset-listen,192.0.2.10,82,0.0.0.0,8002    ok  -  outside: and listens
	reset-bind,192.0.2.10,82,0.0.0.0,8004      ok  -  outside: and is bound
	reset-interfaces,192.0.2.10,82             ok  -  outside: and knows the interfaces
	reset-address,192.0.2.10,82                ok  -  outside: and their addresses
	fast-sendto,192.0.2.10,81                  ok  -  outside: sendto() connects
	fast-sendmsg,192.0.2.10,81                 ok  -  outside: sendmsg()
	fast-sendmmsg,192.0.2.10,81                ok  -  outside: sendmmsg()
	fast-option,192.0.2.10,81                  ok  -  outside: the first write
	received,$T/gives,192.0.2.10,81            ok  -  outside: a socket that was given
	received-listen,$T/gives,0.0.0.0,8003      ok  -  outside: and listens
ROWS
before=$(arrivals 192.0.2.10:81)

# --- inside ----------------------------------------------------------------------------------

attempts some net <<-ROWS
	tcp,192.0.2.10,80                          ok      +connect:192.0.2.10:80   a first connection
	again,192.0.2.10,80,192.0.2.10,81          EISCONN  connect:unspec          it stays connected
	again-fast,192.0.2.10,80,192.0.2.10,81     EACCES  connect:192.0.2.10:81    also to MSG_FASTOPEN
	again-listen,192.0.2.10,80,0.0.0.0,8001    EACCES  listen:0.0.0.0:8001      and cannot be bound
	reset,192.0.2.10,82,192.0.2.10,80          ok      -                        one that was reset connects again
	reset,192.0.2.10,82,192.0.2.10,81          EACCES  connect:192.0.2.10:81    to where a new one may
	reset,192.0.2.10,82,127.0.0.1,81           EACCES  connect:127.0.0.1:81     not to the host's loopback
	reset,192.0.2.10,82,0.0.0.0,81             EACCES  connect:0.0.0.0:81       nor by the unspecified address
	reset-fast,192.0.2.10,82,192.0.2.10,81     EACCES  connect:192.0.2.10:81    nor by MSG_FASTOPEN
	reset-option,192.0.2.10,82,192.0.2.10,81   EACCES  connect:192.0.2.10:81    nor by TCP_FASTOPEN_CONNECT
	reset-listen,192.0.2.10,82,0.0.0.0,8002    EACCES  listen:0.0.0.0:8002      nor listens in the host's network
	reset-bind,192.0.2.10,82,0.0.0.0,8004      EACCES  listen:0.0.0.0:8004      nor takes a port there
	reset-bind,192.0.2.10,82,0.0.0.0,80        EACCES  listen:0.0.0.0:80        nor says whether it is in use
	reset-bind,192.0.2.10,82,0.0.0.0,0         EACCES  listen:0.0.0.0:0         nor takes any
	reset-interfaces,192.0.2.10,82             EPERM   syscall:ioctl:0x8912     nor tells the interfaces
	reset-address,192.0.2.10,82                EPERM   syscall:ioctl:0x8915     or an address
	interfaces                                 ok      -                        which its own tell of its own
	listen,127.0.0.1,8005                      ok      +listen:127.0.0.1:8005   and are bound
	self-udp,127.0.0.1                         ok      -                        also for datagrams
	fast-sendto,192.0.2.10,81                  EACCES  connect:192.0.2.10:81    MSG_FASTOPEN by sendto()
	fast-sendmsg,192.0.2.10,81                 EACCES  connect:192.0.2.10:81    by sendmsg()
	fast-sendmmsg,192.0.2.10,81                EACCES  connect:192.0.2.10:81    by sendmmsg()
	fast-option,192.0.2.10,81                  EACCES  connect:192.0.2.10:81    TCP_FASTOPEN_CONNECT
	fast-option,192.0.2.10,80                  ok      -                        which is no obstacle
	received,$T/gives,192.0.2.10,81            EACCES  connect:192.0.2.10:81    a socket that was given
	received,$T/gives,127.0.0.1,81             EACCES  connect:127.0.0.1:81     or by it the host's loopback
	received,$T/gives,192.0.2.10,80            ok      -                        leads where a new one leads
	received-listen,$T/gives,0.0.0.0,8003      EACCES  listen:0.0.0.0:8003      and does not listen
ROWS
is 'the forbidden port was never reached' "$(arrivals 192.0.2.10:81)" "$before"
is 'nor the loopback' "$(arrivals 127.0.0.1:81)" 0

# --- inherited -------------------------------------------------------------------------------

# inherit COMMAND...: with a socket as its standard input: of type SOCK, connected if it is so.
inherit() {
	"$python" - "$@" <<-'PY'
	import os, socket, subprocess, sys
	s = socket.socket(type=getattr(socket, os.environ["SOCK"]))
	if os.environ.get("TO"):
	    s.connect((os.environ["TO"], 80))
	sys.exit(subprocess.run(sys.argv[1:], stdin=s).returncode)
	PY
}
run_inherit() { # SOCK TO HOST PORT
	SOCK=$1 TO=$2 inherit timeout -s KILL 30 "$WARDER" run --agent probe --profile some --quiet \
		--ro "$T/bin" -- "$(probe net)" "inherited,$3,$4" >"$T/stdout" 2>"$T/stderr"
	status=$? out=$(cat "$T/stdout") err=$(cat "$T/stderr")
}
before=$(arrivals 192.0.2.10:81)
is 'outside: a connected socket as stdin leads elsewhere' \
	"$(SOCK=SOCK_STREAM TO=192.0.2.10 inherit "$PROBES/net" inherited,192.0.2.10,81)" \
	'inherited,192.0.2.10,81=ok'
before=$(arrivals 192.0.2.10:81)
run_inherit SOCK_STREAM 192.0.2.10 192.0.2.10 81
is 'inside it stays what it is' "$out" 'inherited,192.0.2.10,81=EISCONN'
is 'and reaches nothing' "$(arrivals 192.0.2.10:81)" "$before"
run_inherit SOCK_STREAM '' 192.0.2.10 80
exit_is 'an unconnected one is not passed on' 125
run_inherit SOCK_DGRAM '' 192.0.2.10 80
exit_is 'nor one for datagrams' 125
run_inherit SOCK_DGRAM 192.0.2.10 192.0.2.10 80
exit_is 'connected or not' 125

# No other descriptor of the launcher's is in the sandbox.
exec 9<>"/dev/tcp/192.0.2.10/80"
agent_runs some sh -c 'ls /proc/self/fd | tr "\n" " "'
exec 9>&-
is 'no further descriptor is passed on' "$out" '0 1 2 3 '

done_testing
