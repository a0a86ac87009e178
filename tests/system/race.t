#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Races against the check: another thread rewrites what a held call points to. What is
# forbidden is reached not once; the control is the same race where it is allowed.
. "${0%/*}/network.sh"

start_origin 80 81 reset:82
race=$(probe race)
# A disk that is slow to sync each denial would leave too few tries.
egress some '{"host": "192.0.2.10", "port": 80, "decision": "allow"},
	{"host": "127.0.0.1", "port": 82, "decision": "allow"}' '"audit": {"sync": "none"}'
egress both '{"host": "192.0.2.10", "port": [80, 81], "decision": "allow"}'
at_least() { # at_least NAME NUMBER WANTED
	if [ "${2:-0}" -ge "$3" ]; then pass "$1 ($2)"; else fail "$1" "${2:-none}, wanted $3 or more"; fi
}

# --- the address of a connect() --------------------------------------------------------------

agent_runs both "$race" address 192.0.2.10 80 81 500
exit_is 'where both are allowed' 0
at_least 'one is reached' "$(got allowed)" 50
at_least 'and the other' "$(got forbidden)" 50
before=$(arrivals 192.0.2.10:81)
agent_runs some "$race" address 192.0.2.10 80 81 20000
exit_is 'where one is forbidden' 0
at_least 'many tries' "$(got tries)" 2000
at_least 'of which many reach the allowed one' "$(got allowed)" 200
is 'never reach the other' "$(got forbidden)" 0
is 'which says so, too' "$(arrivals 192.0.2.10:81)" "$before"

# --- the socket of a connect() ---------------------------------------------------------------

# The forbidden port is the host's 127.0.0.1:81: nobody's for the sandbox's own sockets.
before=$(arrivals 127.0.0.1:81)
egress loopback '{"host": "127.0.0.1", "port": [81, 82], "decision": "allow"}'
agent_runs loopback "$race" socket 127.0.0.1 82 81 500
at_least 'where that is allowed it is reached' "$(($(arrivals 127.0.0.1:81) - before))" 1
before=$(arrivals 127.0.0.1:81)
agent_runs some "$race" socket 127.0.0.1 82 81 20000
exit_is 'a socket that is exchanged' 0
at_least 'many tries' "$(got tries)" 2000
is 'never reach it' "$(got forbidden)" 0
is 'which says so, too' "$(arrivals 127.0.0.1:81)" "$before"

# --- the socket and the address of a bind() ----------------------------------------------------

run "$race" bind 127.0.0.1 82 8082 1000000000
is 'outside: a unix socket is exchanged for one that was reset' "$(got bound)" 1
rm -f race.sock
abi=$("$WARDER" doctor --json | jq -r 'select(.name == "landlock") | .detail | ltrimstr("ABI ")')
if [ "$abi" -ge 4 ]; then # SECURITY says what is without
	agent_runs some "$race" bind 127.0.0.1 82 8082 20000
	exit_is 'inside' 0
	at_least 'many tries' "$(got tries)" 2000
	is 'none is bound to a port of the host' "$(got bound)" 0
	ok 'although the path was' test -S race.sock
else
	skip 'none is bound inside' 'Landlock has no rules for TCP'
fi

# --- the file and the arguments of an exec ---------------------------------------------------

bin=$T/bin
exec_probe=$(probe exec)
cp "$exec_probe" "$bin/allowed"
cp "$exec_probe" "$bin/forbidden"
profile commands <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"]}, "exec": {"rules": [
		{"path": "$bin/forbidden", "decision": "deny"},
		{"path": "$bin/allowed", "argv": ["evil"], "decision": "deny"}]}}
JSON
number() { sed -n "s/.*$2:\([0-9]*\).*/\1/p" <<<"$(got "$1")"; }

run "$exec_probe" "race-path,$bin/allowed,$bin/forbidden" "race-argument,$bin/allowed"
at_least 'outside: the path is exchanged' "$(number race-path forbidden)" 10
at_least 'outside: and the argument' "$(number race-argument forbidden)" 10
agent_runs commands "$exec_probe" "race-path,$bin/allowed,$bin/forbidden" \
	"race-argument,$bin/allowed"
exit_is 'inside' 0
at_least 'the allowed one runs' "$(number race-path allowed)" 1
is 'the forbidden one never does' "$(number race-path forbidden)" 0
at_least 'the allowed argument is passed' "$(number race-argument allowed)" 10
is 'the forbidden one never is' "$(number race-argument forbidden)" 0
caught=$(($(number race-path killed) + $(number race-argument killed)))
at_least 'who tried is killed' "$caught" 1
is 'each time with a finding' "$(count_records '.phase == "finding" and .rule == "exec.verify"
	and .result == "killed"')" "$caught"
like 'that says what was approved and what was found' \
	"$(records 'select(.phase == "finding") | .detail' | head -n 1)" "\"approved\":\"$bin/allowed\""

# --- the file of a script --------------------------------------------------------------------

# Its interpreter opens it anew, in its own time (SECURITY): what was exchanged until it begins
# is found, so that nobody is told that another script ran than did, a hundred times.
script() { # script FILE STATUS
	printf '#!/bin/sh\nexit %d\n' "$2" >"$1"
	chmod +x "$1"
}
script "$bin/allowed-script" 42
script "$bin/forbidden-script" 43
profile scripts <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"]}, "exec": {"rules": [
		{"path": "$bin/forbidden-script", "decision": "deny"}]}}
JSON
run "$exec_probe" "race-link,$bin/allowed-script,$bin/forbidden-script"
at_least 'outside: the script is exchanged' "$(number race-link forbidden)" 10
rm -f race-link race-new
agent_runs scripts "$exec_probe" "plain,$bin/allowed-script" "plain,$bin/forbidden-script" \
	"race-link,$bin/allowed-script,$bin/forbidden-script"
is 'inside: the one may run' "$(got "plain,$bin/allowed-script")" ok
is 'and the other may not' "$(got "plain,$bin/forbidden-script")" EACCES
at_least 'who exchanges them is killed' "$(number race-link killed)" 1
is 'each time with a finding' "$(count_records '.phase == "finding" and .rule == "exec.verify"
	and .result == "killed"')" "$(number race-link killed)"
like 'that says why' "$(records 'select(.phase == "finding") | .reason' | head -n 1)" 'script'

done_testing
