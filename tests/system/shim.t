#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shim says why, in one line on stderr; and that is all that it does.
. "${0%/*}/lib.sh"

add_agent bot
net=$(probe net) exec=$(probe exec)
see=(--ro "$T/bin")

# lines: how many of the shim's lines there are.
lines() { grep -c '^warder: denied ' <<<"$err"; }

# --- one line ------------------------------------------------------------------------------

sandbox -- sh -c 'mount; exit 0'
like 'a denied command' "$err" 'warder: denied exec /.*/mount: an agent stays where it is \(exec\[[0-9]+\]\)'
like 'beside what the shell says' "$err" 'Permission denied'
is 'is one line' "$(lines)" 1
sandbox -- bash -c 'echo >/dev/tcp/192.0.2.1/80'
like 'a denied connection' "$err" 'warder: denied connect 192\.0\.2\.1:80: '
is 'is one line, too' "$(lines)" 1
like 'the program says the same in its words' "$err" 'Permission denied'
cat >"$WS/ask.py" <<'PY'
import socket, subprocess, sys, os
what = sys.argv[1]
try:
    if what == "resolve":
        socket.getaddrinfo("denied.example", 80)
    elif what == "connect":
        socket.create_connection(("denied.example", 80), 5)
    elif what == "nonblocking":
        s = socket.socket()
        s.setblocking(False)
        sys.exit(0 if s.connect_ex(("192.0.2.1", 80)) == 13 else 1)
    elif what == "spawn":
        subprocess.run(["mount"])
    elif what == "vfork":
        os.posix_spawn("/bin/mount", ["mount"], os.environ)
    elif what == "path":
        os.execvp("mount", ["mount"])
except PermissionError as e:
    print("PermissionError")
except OSError as e:
    print(type(e).__name__, e.errno)
PY
for what in spawn vfork path; do
	sandbox -- /usr/bin/python3 ask.py "$what"
	like "by $what" "$err" 'warder: denied exec .*/mount: '
	is "by $what: the program sees the denial" "$out" PermissionError
	is "by $what: one line" "$(lines)" 1
done
sandbox -- /usr/bin/python3 ask.py connect
like 'a name that no rule allows' "$err" 'warder: denied (resolve|connect) denied\.example'
is 'the program sees a denial' "$out" PermissionError
sandbox -- /usr/bin/python3 ask.py nonblocking
exit_is 'also one that does not wait' 0
is 'is one line' "$(lines)" 1
sandbox -- sh -c 'mount 2>/dev/null; exit 0'
is 'on its stderr, wherever that goes' "$(lines)" 0
sandbox -- sh -c 'mount 2>&-; exit 0'
is 'or nowhere' "$status$(lines)" 00
sandbox -- sh -c 'mount 2>/dev/full; exit 0'
is 'or is full' "$status$(lines)" 00
sandbox -- sh -c 'true; ls /; cat /etc/hostname >/dev/null; ls /nothing; exit 0'
is 'what is allowed, or fails by itself, is not its business' "$(lines)" 0

# --- what is no denial ---------------------------------------------------------------------

# told COMMAND...: its lines of a sandbox behind a gateway that is away.
told() {
	sandbox --profile away -- "$@"
	grep '^warder: connect' <<<"$err"
}
profile away <<'JSON'
{"extends": ["default"], "egress": {"default": "deny", "rules": [{"host": "*.example", "decision": "allow"}]},
 "gateway": {"url": "http://127.0.0.1:1"}}
JSON
away='the gateway http://127.0.0.1:1 refused the connection'
is 'a gateway that is away' "$(told bash -c 'echo >/dev/tcp/api.example/443')" \
	"warder: connect api.example:443: $away"
is 'is said once to a process' "$(told bash -c 'for i in 1 2 3; do echo >/dev/tcp/api.example/443; done')" \
	"warder: connect api.example:443: $away"
is 'of each place' "$(told bash -c 'for p in 1 2; do echo >/dev/tcp/api.example/$p; done' | wc -l)" 2
is 'to each process' "$(told sh -c 'for i in 1 2; do bash -c "echo >/dev/tcp/api.example/443"; done' | wc -l)" 2
cat >"$WS/refused.py" <<'PY'
import errno, socket
s = socket.socket()
s.setblocking(False)
print(errno.errorcode[s.connect_ex(("127.0.0.1", 8931))], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
PY
sandbox -- /usr/bin/python3 refused.py
is 'an empty port of its own loopback' "$(grep ^warder: <<<"$err")" \
	"warder: connect 127.0.0.1:8931: nothing listens there inside; the host's loopback needs a rule: {\"cidr\": \"127.0.0.1/32\", \"port\": 8931, \"decision\": \"allow\"}"
is 'which is refused at once' "$out" 'ECONNREFUSED 0'
sandbox --env LD_PRELOAD= -- /usr/bin/python3 refused.py
is 'without the shim it is the same' "$out" 'ECONNREFUSED 0'
is 'in silence' "$(grep ^warder: <<<"$err")" ''
sandbox -- /usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_UNIX); s.bind("/tmp/gone"); t = socket.socket(socket.AF_UNIX)
try: t.connect("/tmp/gone")
except ConnectionRefusedError: print("refused")'
is 'a socket file that nobody listens at is no port' "$out:$(grep ^warder: <<<"$err")" refused:

# --- its life ------------------------------------------------------------------------------

# It survives a cleaned environment, where there is a C library.
sandbox -- env -i /bin/sh -c '/bin/mount; exit 0'
is 'an empty environment does not lose it' "$(lines)" 1
sandbox -- sh -c 'unset LD_PRELOAD; sh -c "/bin/mount; exit 0"'
is 'nor an unset variable' "$(lines)" 1
sandbox -- env LD_PRELOAD=/nowhere.so sh -c '/bin/mount; exit 0'
is "nor a program's own" "$(lines)" 1

# --- its absence ---------------------------------------------------------------------------

# same NAME RECORD COMMAND...: the same denial, and no word of it.
same() {
	local name=$1 record=$2

	shift 2
	sandbox "${see[@]}" ${without[@]+"${without[@]}"} -- "$@"
	is "$name: nothing is said" "$(lines)" 0
	if denials | grep -qE "^$record$"; then
		pass "$name: and it is refused, and on record, all the same"
	else
		fail "$name: and it is refused, and on record, all the same" "$(denials)"$'\n'"$err"
	fi
}
same 'a static program' 'connect 192.0.2.1:80 EACCES' "$net" tcp,192.0.2.1,80
same 'a static program that runs commands' 'exec /.*/mount EACCES' "$exec" plain,/bin/mount
same 'an empty environment after one' 'exec /.*/mount EACCES' "$exec" fexecve,/bin/mount
without=(--env LD_PRELOAD=)
same 'no shim at all' 'exec /.*/mount EACCES' sh -c '/bin/mount; exit 0'
same 'no shim at all' 'connect 192.0.2.1:80 EACCES' bash -c 'echo >/dev/tcp/192.0.2.1/80'
same 'no shim at all' 'resolve denied.example EACCES' /usr/bin/python3 ask.py resolve
without=()
sandbox -- sh -c 'export LD_PRELOAD= WARDER_IN_SESSION=1 WARDER_DISABLE=1; sh -c /bin/mount; exit 0'
is 'nor does any variable help' "$(denials)" "exec $(readlink -f /bin/mount) EACCES"
sandbox -- sh -c 'ls -l /run/warder/lib/; echo evil >/run/warder/lib/libwarder-preload.so; echo $?'
unlike 'the shim itself is not for the agent to change' "$out" '^0$'
sandbox -- sh -c 'ls / | head -n 1; LD_PRELOAD=/nowhere.so ls / >/dev/null'
unlike 'a wrong LD_PRELOAD is the loader'"'"'s to complain about' "$err" 'warder'

# Outside a sandbox it is as if it were not there.
run env LD_PRELOAD="$PREFIX/lib/warder/libwarder-preload.so" sh -c '/nowhere; ls / >/dev/null; exit 3'
is 'outside it is silent' "$status $(lines)" '3 0'

done_testing
