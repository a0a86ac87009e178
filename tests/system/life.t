#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A run ends, and nothing of it is left: whoever tried to stay, whatever ended it.
. "${0%/*}/lib.sh"

life=$(probe life)
see=(--ro "$T/bin")
add_agent bot
profile debugs <<<'{"extends":["default"],"exec":{"ptrace":true}}'

# still_writes FILE: it grows.
still_writes() {
	local before

	before=$(stat -c %s "$1") && sleep 0.15 && [ "$(stat -c %s "$1")" -gt "$before" ]
}
end_detail() { records 'select(.detail.event == "run.end") | .detail' | jq -c "$1"; }

# --- the control: outside these do stay ----------------------------------------------------

"$life" daemon "$T/alive"
ok 'a process that leaves every group stays, outside' still_writes "$T/alive"
# shellcheck disable=SC2046
kill -KILL $(left_behind | grep -o '[0-9]\+')
nothing_left 'until it is looked for'

# --- the command ends ----------------------------------------------------------------------

sandbox "${see[@]}" -- "$life" daemon "$WS/alive"
exit_is 'a command that leaves a process behind ends as it ends' 0
ok 'which had come to life' test -s "$WS/alive"
not_ok 'and writes no more' still_writes "$WS/alive"
nothing_left 'nothing is left of it'
is 'it was counted' "$(end_detail .leftovers)" 1
sandbox --profile debugs "${see[@]}" -- "$life" tree
exit_is 'nor of all kinds at once' 0
nothing_left 'sessions, orphans, stopped, deaf and traced ones'
ok 'all were counted' test "$(end_detail .leftovers)" -ge 6
sandbox -- sh -c "nohup sleep 100 $T/ >/dev/null 2>&1 & setsid sleep 100 $T/ & (sleep 100 $T/ &) ; exit 4"
exit_is 'nor of nohup, setsid and a subshell' 4
nothing_left 'not one'
sandbox "${see[@]}" -- "$life" bomb
exit_is 'nor of three hundred' 0
says 'that there were' made 300
nothing_left 'not one either'

# --- something ends the command ------------------------------------------------------------

# ended_by NAME WANTED-STATUS COMMAND...: COMMAND gets the supervisor's pid.
ended_by() {
	local name=$1 wanted=$2

	shift 2
	rm -f "$WS/alive"
	start_sandbox --profile debugs "${see[@]}" -- sh -c \
		'"$0" daemon alive; exec "$0" tree stay' "$life"
	if ! wait_until 5 grep -q tree=ok "$T/server.log"; then
		fail "$name" "it did not start: $(cat "$T/server.log")"
		stop_server "$server_pid"
		return
	fi
	"$@" "$server_pid"
	if ! wait_until 3 eval "! kill -0 $server_pid"; then
		fail "$name" 'it does not end'
		stop_server "$server_pid"
		return
	fi
	wait "$server_pid" 2>/dev/null
	is "$name" $? "$wanted"
	nothing_left "$name: nothing is left"
}
kill_child() { pkill -KILL -P "$1"; }
ended_by 'SIGTERM reaches the command' 143 kill -TERM
ended_by 'so does SIGHUP' 129 kill -HUP
ended_by 'and SIGINT' 130 kill -INT
ended_by 'and SIGUSR1' 138 kill -USR1
ended_by 'the death of its pid 1 is its own' 137 kill_child
is 'and is on record' "$(end_detail .reason)" '"killed"'
began=$(date +%s%N)
ended_by 'the death of the supervisor is its own' 137 kill -KILL
ok 'within a second' test $((($(date +%s%N) - began) / 1000000)) -lt 1500
not_ok 'nobody writes any more' still_writes "$WS/alive"
is 'what there is of the journal is whole' \
	"$("$WARDER" log verify --json "$(journal)" | jq -r .state)" crashed

cat >"$WS/polite" <<'EOS'
trap 'echo got it >said; exit 9' TERM
touch up
while :; do sleep 0.02; done
EOS
rm -f up said
start_sandbox -- bash ./polite
wait_until 5 test -e up
kill -TERM "$server_pid"
wait "$server_pid"
is 'a command that handles a signal ends as it likes' "$? $(cat said)" '9 got it'
rm -f up
start_sandbox -- sh -c 'trap "" TERM; touch up; sleep 0.3; exit 6'
wait_until 5 test -e up
kill -TERM "$server_pid"
wait "$server_pid"
is 'or goes on' $? 6

# --- an agent that would end others, or hide ------------------------------------------------

sandbox -- sh -c 'sleep 100 & kill -9 -1; wait $!; echo $?'
is 'a command that kills all that it can reach kills its own' "$status $out" '0 137'
sandbox -- sh -c 'kill -9 0; sleep 10'
exit_is 'its group, and that is itself' 137
is 'and nobody else' "$(end_detail '[.reason, .exit_code]')" '["child",137]'
sandbox --wall 400ms -- sh -c 'kill -STOP $$'
exit_is 'where there is no terminal a stopped one runs out of time' 124
sandbox "${see[@]}" -- "$life" undumpable /bin/mount
says 'one that closes its memory to others' closed ok
says 'is judged all the same' exec EACCES
denied 'and is on record' exec "$(readlink -f /bin/mount)" EACCES
sandbox "${see[@]}" -- "$life" undumpable /bin/true
exit_is 'and may do what it may' 0

# --- a parent that goes away ---------------------------------------------------------------

rm -f up
(
	"$WARDER" run --agent bot --meta "test=$T/" -- sh -c 'touch up; sleep 100' </dev/null \
		>/dev/null 2>&1 &
	echo $! >"$T/pid"
)
wait_until 5 test -e up
ok 'it lives on without the shell that started it' kill -0 "$(cat "$T/pid")"
kill -TERM "$(cat "$T/pid")"
nothing_left 'and ends when told'

done_testing
