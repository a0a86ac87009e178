#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The switch from outside: ps sees a run, kill and revoke end it, fast and wholly.
. "${0%/*}/lib.sh"

life=$(probe life)
see=(--ro "$T/bin")
add_agent bot
add_agent zoe

# start ID: a run with a tree of processes; its run id in $run.
start() {
	start_server "$WARDER" run --agent "$1" --meta "test=$T/" --status-fd 5 "${see[@]}" -- \
		"$life" tree stay 5>"$T/status.$1"
	wait_until 5 grep -q tree=ok "$T/server.log"
	run=$(jq -r 'select(.event == "started") | .run_id' "$T/status.$1")
}
# ended ID: why, as --status-fd says.
ended() { jq -r 'select(.event == "exited") | "\(.reason) \(.exit_code)"' "$T/status.$1"; }

run_warder ps
exit_is 'no runs are no failure' 0
is 'and nothing to see' "$out$err" ''
start bot
first=$server_pid first_run=$run
run_warder ps
exit_is 'a run is listed' 0
like 'with its agent and command' "$out" "$run +bot .*life"
start zoe
second=$server_pid second_run=$run
run_warder ps --json
is 'two runs, oldest first' "$(jq -r .agent_id <<<"$out" | xargs)" 'bot zoe'
is 'with their supervisors' "$(jq -r .pid <<<"$out" | xargs)" "$first $second"
is 'and who asked for them' "$(jq -r .requested_by.type <<<"$out" | sort -u)" user

# --- kill ----------------------------------------------------------------------------------

run_warder kill "$first_run" --why 'it is late'
exit_is 'one run is ended' 0
like 'and it says how fast' "$out" "$first_run ended in [0-9]+ ms"
wait "$first"
is 'with the status of a kill' $? 137
is 'and its reason' "$(ended bot)" 'killed 137'
like 'which is on record' "$(jq -c 'select(.detail.event == "run.end") | .detail.why' \
	"$WARDER_LOG_DIR/journal/$first_run.jsonl")" 'it is late'
ok 'the other goes on' kill -0 "$second"
run_warder ps --json
is 'and is all that there is' "$(jq -r .run_id <<<"$out")" "$second_run"
run_warder kill "$first_run"
exit_is 'one that is over is a negative answer' 1
run_warder kill run_NOSUCH
exit_is 'and one that never was' 1
like 'with a way to find out' "$err" 'warder ps'
run_warder kill
exit_is 'which one is a usage error' 2

# --- revoke --------------------------------------------------------------------------------

start bot
first=$server_pid
began=$(date +%s%N)
run_warder revoke zoe --why 'seen at night'
exit_is 'an agent is revoked' 0
ok 'in well under a second' test $((($(date +%s%N) - began) / 1000000)) -lt 1000
wait "$second"
is 'and ends' $? 137
is 'for that reason' "$(ended zoe)" 'revoked 137'
ok 'others do not' kill -0 "$first"
run_warder run --agent zoe -- true
exit_is 'nor does it start again' 125
run_warder reinstate zoe
exit_is 'until it is reinstated' 0
run_warder run --agent zoe -- true
exit_is 'then it does' 0

# touch works when nothing else does.
touch "$WARDER_STATE_DIR/revoked.d/environment:test"
wait "$first"
is 'a touched file ends a run' $? 137
is 'for the same reason' "$(ended bot)" 'revoked 137'
rm "$WARDER_STATE_DIR/revoked.d/environment:test"
nothing_left 'nothing is left of any of them'
run_warder ps
is 'nor to be seen' "$out$err" ''
is 'nor lies about' "$(ls -A "$WARDER_RUNTIME_DIR/runs")" ''

# --- out of reach --------------------------------------------------------------------------

# A supervisor that was stopped, and one that was killed.
start bot
kill -STOP "$server_pid"
run_warder kill "$run"
exit_is 'a stopped supervisor is no refuge' 0
wait "$server_pid"
is 'it ends' $? 137
start bot
kill -KILL "$server_pid"
wait "$server_pid" 2>/dev/null
nothing_left 'a killed one takes its run with it'
run_warder ps
like 'and is seen to have crashed' "$err" "$run crashed"
run_warder ps --json
is 'which is for people' "$status $out$err" '0 '
run_warder kill "$run"
exit_is 'to kill it is too late' 1
is 'but clears it away' "$(ls -A "$WARDER_RUNTIME_DIR/runs")" ''

# From inside: the agent has no way to its own switch, nor to its records.
start bot
sandbox --ro "$T" -- sh -c "ls '$WARDER_RUNTIME_DIR/runs' '$WARDER_LOG_DIR' '$WARDER_STATE_DIR' \
	'$WARDER_CONFIG_DIR/agents.d'; echo evil >>'$WARDER_LOG_DIR/ledger.jsonl'; echo \$?"
unlike 'inside nothing of warder is to be seen' "$out" 'run_|ledger|index|bot\.json'
unlike 'or to be written' "$out" '^0$'
sandbox -- sh -c '"$WARDER_BIN" kill "$1"; "$WARDER_BIN" ps; "$WARDER_BIN" revoke bot; echo' sh "$run"
ok 'nor can warder itself reach out' kill -0 "$server_pid"
run_warder kill "$run"
exit_is 'which outside it can' 0
wait "$server_pid"
nothing_left 'to the last'

done_testing
