#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An agent that would have its supervisor wait, or be busy for ever: every run still ends when
# it is told to, and goes on when it is not.
. "${0%/*}/lib.sh"

hang=$(probe hang)
cp "$hang" "$T/bin/forbidden"
profile many <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "read": ["$T/bin"]},
	 "exec": {"rules": [{"path": "$T/bin/forbidden", "decision": "deny"}]}, "tripwire": null}
JSON
add_agent bot many
IN_TIME_MS=1000

# --- the controls ----------------------------------------------------------------------------

run "$hang" would-wait
says 'outside: a connection to a full backlog waits' connect waits
says 'outside: so does the end of a socket that lingers' close waits
run "$hang" exec 4 25
says 'outside: of threads that exec at once, one does' ran 25
run "$hang" arrives 20000
says 'outside: many arguments arrive' arrived 20000

# --- what goes on ----------------------------------------------------------------------------

WARDER_TIMEOUT=20 sandbox --wall 15s -- "$hang" exec 4 25
exit_is 'threads exec at once' 0
says 'one of them does' ran 25
is 'what was not run is no finding' "$(count_records '.phase == "finding"')" 0
sandbox -- "$hang" arrives 20000
says 'many arguments arrive' arrived 20000

# --- what ends -------------------------------------------------------------------------------

# begin COMMAND...: a run that is at it by now.
begin() {
	start_sandbox --quiet "${WALL[@]}" -- "$@"
	wait_until 3 grep -q '^up=ok' "$T/server.log" || diag "$(cat "$T/server.log")"
	sleep 0.7
}

# ended NAME CODE REASON SINCE: in time; where it is not, it is ended here.
ended() {
	local code took

	wait_until 4 eval '! kill -0 "$server_pid"' || kill -KILL "$server_pid"
	took=$(((${EPOCHREALTIME/./} - $4) / 1000))
	wait "$server_pid"
	code=$?
	is "$1" "$code $(records 'select(.detail.event == "run.end").detail.reason')" "$2 \"$3\""
	if [ "$took" -lt "$IN_TIME_MS" ]; then
		pass "$1: in time"
	else
		fail "$1: in time" "$took ms"
	fi
	stop_server "$server_pid"
}

# ends NAME COMMAND...: in each of the ways to end a run.
WALL=()
ends() {
	local name=$1 revoked=$WARDER_STATE_DIR/revoked.d/bot began

	shift
	begin "$@"
	began=${EPOCHREALTIME/./}
	timeout 8 "$WARDER" kill "$(basename "$(journal)" .jsonl)" >/dev/null 2>&1
	ended "$name: killed" 137 killed "$began"
	begin "$@"
	began=${EPOCHREALTIME/./}
	touch "$revoked"
	ended "$name: revoked" 137 revoked "$began"
	rm "$revoked"
	WALL=(--wall 1s)
	began=$((${EPOCHREALTIME/./} + 1000000))
	begin "$@"
	WALL=()
	ended "$name: the time limit" 124 timeout "$began"
	nothing_left "$name: and nothing is left"
}

ends 'execs at once' sh -c "echo up=ok; exec $hang exec 8 100000"
ends 'a full backlog' "$hang" flip 16
ends 'a socket that lingers' "$hang" linger
ends 'many arguments of what is not there' "$hang" arguments 8 /nonexistent
ends 'many arguments of no command' "$hang" arguments 8 /etc/passwd
ends 'many arguments of what is forbidden' "$hang" arguments 8 "$T/bin/forbidden"
is 'and is on record' "$(count_records ".resource == \"$T/bin/forbidden\" and .attempt == 1")" 1

# The other side takes what comes, on a port of its choice.
start_server /usr/bin/python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print("port", s.getsockname()[1], flush=True)
while True:
    s.accept()'
wait_until 5 grep -q '^port' "$T/server.log"
port=$(awk '/^port/ { print $2 }' "$T/server.log")
profile many <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "read": ["$T/bin"]},
	 "egress": {"rules": [{"host": "127.0.0.1", "port": $port, "decision": "allow"}]}}
JSON
ends 'large epoll sets' "$hang" sets "$port"
isnt 'of who may connect' "$(count_records ".resource == \"127.0.0.1:$port\" and .result == \"success\"")" 0

done_testing
