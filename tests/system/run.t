#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A run from its first line to its last: exit codes, status lines, what is on paper.
. "${0%/*}/lib.sh"

life=$(probe life)
see=(--ro "$T/bin")
add_agent bot

# --- exit codes ----------------------------------------------------------------------------

sandbox -- true
exit_is 'a command that succeeds' 0
is 'and says nothing' "$out$err" ''
sandbox -- sh -c 'exit 42'
exit_is "the command's own status is passed on" 42
sandbox -- sh -c 'exit 255'
exit_is 'whatever it is' 255
sandbox "${see[@]}" -- "$life" die 9
exit_is '128 and the number of the signal' 137
sandbox "${see[@]}" -- "$life" die 15
exit_is 'of any signal' 143
sandbox "${see[@]}" -- "$life" die 11
exit_is 'that of a crash too' 139
sandbox -- no-such-command
exit_is 'a command that is not there' 127
like 'is named' "$err" 'no-such-command: No such file'
sandbox -- ./no-such-command
exit_is 'nor as a path' 127
sandbox -- /etc/passwd
exit_is 'a file that is no command' 126
like 'is named' "$err" '/etc/passwd: Permission denied'
echo 'exit 9' >"$WS/text" && chmod +x "$WS/text"
sandbox -- ./text
exit_is "an executable text without an interpreter is the shell's, as everywhere" 9
printf '#!/no/such/interpreter\n' >"$WS/script" && chmod +x "$WS/script"
sandbox -- ./script
exit_is 'a script without its interpreter is not found' 127
unlike 'which is nothing that could be shown' "$err" outside
mkdir -p "$T/tools"
printf '#!/bin/sh\necho here\n' >"$T/tools/mytool"
chmod +x "$T/tools/mytool"
run env PATH="$PATH:$T/tools" "$WARDER" run --agent bot -- mytool
exit_is 'a command that only the caller has is not found' 127
like 'but told where it is, and how to show it' "$err" \
	"it is at $T/tools/mytool outside, which the profile does not show: --ro $T/tools"
run env PATH="$PATH:$T/tools" "$WARDER" run --agent bot --ro "$T/tools" -- mytool
is 'and that is right' "$out" here
sandbox -- /bin
exit_is 'a directory is no command' 126
sandbox -- mount
exit_is 'a command that the profile denies' 126
like 'with the reason' "$err" 'denied exec .*/mount: an agent stays where it is'
sandbox -- sh -c 'mount; exit $?'
exit_is 'a denial inside is what the command makes of it' 126
printf '#!/bin/sh\nexit 7\n' >"$WS/script"
sandbox -- ./script
exit_is 'a script of the workspace runs' 7

began=$SECONDS
sandbox --wall 300ms -- sleep 20
exit_is 'the time limit' 124
ok 'comes when it must' test $((SECONDS - began)) -lt 5
sandbox --wall 300ms "${see[@]}" -- "$life" tree stay
exit_is 'and spares nobody' 124
nothing_left 'of what ran into it nothing is left'

# --- what it stands in ---------------------------------------------------------------------

sandbox -- sh -c 'pwd; whoami; uname -n; echo "$HOME"; ls -d .'
is 'the workspace, the user, a host name of its own, the home directory' "$out" \
	"$(printf '%s\n' "$WS" "$(id -un)" bot "$HOME" .)"
mkdir -p "$WS/deep/er" && cd "$WS/deep/er" || exit 1
sandbox --workspace "$WS" -- pwd
is 'the current directory, where it lies in the workspace' "$out" "$WS/deep/er"
sandbox --workspace "$WS/deep" -- sh -c 'pwd; touch here ../there && rm here ../there'
is 'and the workspace is all of what was named' "$out" "$WS/deep/er"
cd / || exit 1
sandbox --workspace "$WS" -- pwd
is 'else the workspace' "$out" "$WS"
ln -s "$WS" "$T/link"
sandbox --workspace "$T/link" -- pwd
is 'whose real name counts' "$out" "$WS"
cd "$WS" || exit 1

printf 'one\ntwo\n' >"$T/in"
"$WARDER" run --agent bot -- cat <"$T/in" >"$T/out"
is 'stdin and stdout are files' "$(cat "$T/out")" "$(cat "$T/in")"
is 'or pipes' "$(printf 'a\nb\n' | "$WARDER" run --agent bot -- tr ab xy | tail -n 1)" y
is 'and stderr is its own' \
	"$("$WARDER" run --agent bot -- sh -c 'echo out; echo err >&2' 2>&1 >"$T/out" </dev/null)" err
head -c 3000000 /dev/zero >"$T/much"
is 'of any size' "$("$WARDER" run --agent bot -- cat <"$T/much" | wc -c)" 3000000
run timeout 10 sh -c '"$0" run --agent bot -- yes | head -n 1' "$WARDER"
is 'a reader that leaves early ends it' "$status $out" '0 y'

exec 7</etc/passwd 8<"$T" 9>"$T/out"
sandbox "${see[@]}" -- "$life" descriptors
says 'no other descriptor comes in' open '0 1 2'
run "$life" descriptors
like 'which the probe would see' "$(got open)" ' 7 8 9'
exec 7<&- 8<&- 9>&-

sandbox "${see[@]}" -- "$life" orphans 40
says 'orphans are reaped' zombies 0

# --- status lines --------------------------------------------------------------------------

status_of() { # status_of OPTION...: the lines of --status-fd
	timeout -s KILL 30 "$WARDER" run --agent bot --status-fd 5 "$@" 5>"$T/status" >/dev/null 2>&1 \
		</dev/null
	status=$?
}
status_of -- sh -c 'exit 3'
is 'two lines on the status descriptor' "$(jq -r .event "$T/status" | xargs)" 'started exited'
is 'of one run' "$(jq -r .run_id "$T/status" | sort -u)" "$(basename "$(journal)" .jsonl)"
like 'with its pid' "$(jq -r '.pid // empty' "$T/status")" '^[0-9]+$'
is 'and its end' "$(jq -c 'select(.event == "exited") | [.reason, .exit_code]' "$T/status")" \
	'["child",3]'
status_of --wall 200ms -- sleep 20
is 'the time limit is a reason' \
	"$status $(jq -r 'select(.event == "exited") | .reason' "$T/status")" '124 timeout'
status_of -- mount
is 'and so is the policy' \
	"$status $(jq -r '[.event, .reason] | join(" ")' "$T/status")" '126 exited policy'
status_of -- no-such-command
is 'what is not there has not started' \
	"$status $(jq -r '[.event, .reason] | join(" ")' "$T/status")" '127 exited child'
status_of --profile nowhere -- true
is 'what may not start has ended all the same' \
	"$status $(jq -r '[.event, .run_id, .reason, .exit_code] | join(",")' "$T/status")" \
	'125 exited,,error,125'
like 'and says why' "$(jq -r .why "$T/status")" 'nowhere'
status_of --wall
is 'or was wrongly asked for' "$status $(jq -r .exit_code "$T/status")" '125 125'
status_of --profile nowhere --agent nobody -- true
like 'also who is nobody' "$(jq -r .why "$T/status")" 'no agent nobody'
sandbox --status-fd 5 -- ls /proc/self/fd
unlike 'the descriptor itself stays outside' "$out" '^5$'
status_of --wall 200ms -- sh -c 'echo no >&5'
is 'and takes nothing from inside' "$(grep -c no "$T/status")" 0

# --- on paper ------------------------------------------------------------------------------

sandbox --requested-by ticket:OPS-1 --session s1 --ticket JIRA-7 --meta a=b -- sh -c 'exit 5'
keys='schema seq prev timestamp run_id action_id attempt phase agent_id owner environment'
keys+=' requested_by tool resource policy_decision result via tier'
is 'every line has the fields that must be there, in their order' \
	"$(jq -r --arg keys "$keys" '[keys_unsorted[] | select(IN($keys / " " | .[]))] | join(" ")' \
		"$(journal)" | sort -u)" "$keys"
is 'the first says that it starts' \
	"$(records 'select(.seq == 1) | [.phase, .tool, .resource, .via, .tier, .detail.event]')" \
	'["lifecycle","run","sh","launcher","full","run.start"]'
is 'for whom' "$(records 'select(.seq == 1) | [.agent_id, .owner, .environment, .requested_by]')" \
	'["bot","alice@example.com","test",{"type":"ticket","id":"OPS-1"}]'
is 'and what it goes with' "$(records \
	'select(.seq == 1) | .detail | [.session, .ticket, .meta[-1], .profile, .workspace]')" \
	"[\"s1\",\"JIRA-7\",\"a=b\",\"default\",\"$WS\"]"
is 'behind which walls' "$(records 'select(.seq == 1) | .detail.walls |
	[.seccomp, .capabilities, .no_new_privs, (.landlock > 0), (.namespaces | length)]')" \
	'["allow-list","none",true,true,7]'
is 'the last that it ended, and how' "$(records '.' | tail -n 1 |
	jq -c '[.phase, .detail.event, .detail.reason, .detail.exit_code, .detail.denials]')" \
	'["lifecycle","run.end","child",5,0]'
like 'what it ran is between the two' "$(records 'select(.tool == "exec") | .resource')" 'sh"'
is 'and its outcome' \
	"$(records 'select(.tool == "exec" and .phase == "outcome") | .result' | sort -u)" '"success"'
is 'the ledger has both ends and the head' "$(ledger \
	"select(.detail.run_id == \"$(basename "$(journal)" .jsonl)\") | .detail.event" | xargs)" \
	'run.start run.end'
is 'the journal is for its owner only' "$(stat -c %a "$(journal)")" 600
sandbox -- true
is 'requested by who started it, if nobody else is named' \
	"$(records 'select(.seq == 1) | .requested_by.type')" '"user"'
sandbox -- true --token=sesame-open --password tiger https://u:hunter2@h/ sk-abcdefghijklmnopqrstuvwx
like 'secrets in arguments are not written down' "$(records 'select(.tool == "exec")')" '\*\*\*'
unlike 'in no way' "$(cat "$(journal)" "$WARDER_LOG_DIR/ledger.jsonl")" \
	'sesame|tiger|hunter2|sk-abcdef'

done_testing
