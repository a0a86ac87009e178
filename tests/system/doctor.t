#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# warder doctor: what it says can be had can be had, what is missing is named with its mend.
# And the verbs that have nothing to do in this version.
. "${0%/*}/lib.sh"

# row NAME [KEY]: of the last `warder doctor --json`.
row() { jq -r "select(.name == \"$1\") | .${2:-state}" <<<"$out"; }
tier() { jq -r 'select(.tier) | .tier' <<<"$out"; }

run_warder doctor
[ "$status" -eq 0 ] || skip_or_fail "no tier full here: $out"
exit_is 'tier full can be had' 0
like 'in words' "$out" $'\n''tier full: '
unlike 'nothing required is missing' "$out" 'no run can start'
run_warder doctor --json
exit_is 'nor for machines' 0
is 'which get the tier last' "$(tail -n 1 <<<"$out" | jq -r .tier)" full
is 'and every row in one form' \
	"$(jq -r 'select(.name) | keys_unsorted[0:4] | join(" ")' <<<"$out" | sort -u)" \
	'name state required detail'
for name in user-namespace namespaces mounts network seccomp held-calls descriptors handoff \
	tracing landlock sandbox journal runtime revocations; do
	is "$name is there" "$(row "$name")" ok
	is "$name is required" "$(row "$name" required)" true
done
add_agent bot
run_warder run --agent bot -- true
exit_is 'the control: a run starts' 0
is 'and nothing of its attempts is left' \
	"$(find "$T" -name '*doctor*')" ''
run_warder doctor --json now
exit_is 'an argument is a usage error' 2

# --- what is missing -----------------------------------------------------------------------

# Where no user namespace may be made, in a user namespace with that limit.
# shellcheck disable=SC2016
run unshare -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && "$WARDER" doctor --json'
exit_is 'without user namespaces' 1
is 'there is no tier' "$(tier)" none
is 'that is what is missing' "$(row user-namespace)" missing
is 'with the command that mends it' "$(row user-namespace mend)" \
	'sysctl -w user.max_user_namespaces=15000'
like 'and what it costs' "$(row user-namespace costs)" 'no run can start'
is 'what stands in it was not tried' "$(row sandbox)" untried
is 'what does not, was' "$(row landlock)" ok
# shellcheck disable=SC2016
run unshare -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
	"$WARDER" run --agent bot -- true'
exit_is 'and indeed no run starts' 125
# shellcheck disable=SC2016
run unshare -r sh -c 'echo 0 >/proc/sys/user/max_ipc_namespaces && "$WARDER" doctor'
exit_is 'without one of the others' 1
like 'it is named' "$out" 'missing +namespaces +no ipc namespace'
like 'with its own mend' "$out" 'mend: sysctl -w user.max_ipc_namespaces=15000'

# shellcheck disable=SC2016
run unshare -r -m sh -c 'mount -t tmpfs none /dev/net && "$WARDER" doctor --json'
exit_is 'without the catch-all device' 0
is 'it is missed' "$(row catch-all)" missing
is 'but tier full stands' "$(tier)" full

: >"$T/file"
WARDER_LOG_DIR=$T/file run_warder doctor --json
exit_is 'without a place for journals' 1
is 'that is what is missing' "$(row journal)" missing
is 'and only that' "$(jq -r 'select(.state == "missing") | .name' <<<"$out")" journal
WARDER_RUNTIME_DIR=$T/file run_warder doctor --json
exit_is 'without one for supervisors' 1
is 'that is what is missing' "$(row runtime)" missing
WARDER_STATE_DIR=$T/file run_warder doctor --json
exit_is 'without one for revocations' 1
is 'that is what is missing' "$(row revocations)" missing
echo '{' >"$WARDER_CONFIG_DIR/agents.d/torn.json"
run_warder doctor --json
exit_is 'an agent that cannot be read is no wall' 0
like 'but is named' "$(row inventory detail)" 'torn\.json'
rm "$WARDER_CONFIG_DIR/agents.d/torn.json"
touch "$WARDER_STATE_DIR/revoked.d/@all"
run_warder doctor
like 'that all is revoked is said' "$out" 'ALL agents are revoked'
rm "$WARDER_STATE_DIR/revoked.d/@all"
WARDER_LOG_DIR=relative run_warder doctor
exit_is 'a place that is none' 1
like 'is named' "$err" 'WARDER_LOG_DIR is relative'

# --- nothing waits for anybody -------------------------------------------------------------

profile asks <<'EOF2'
{"name": "asks", "extends": ["default"],
 "exec": {"rules": [{"path": "/usr/bin/touch", "decision": "ask"}]}}
EOF2
add_agent asker asks
run_warder run --agent asker -- touch asked
exit_is 'what is to be asked is denied' 126
not_ok 'and is not done' test -e "$WS/asked"
for json in '' --json; do
	# shellcheck disable=SC2086
	run_warder requests $json
	exit_is "requests $json: none" 0
	is "requests $json: nothing to see" "$out$err" ''
done
for verb in approve deny; do
	run_warder $verb req_1
	exit_is "$verb: there is no such request" 1
	like "$verb: which is said" "$err" 'no such request: req_1'
	run_warder $verb
	exit_is "$verb: of nothing is a usage error" 2
done

done_testing
