# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Tables of attempts, and where they lead.  Sourced after lib.sh:
#
#	start_origin 80 81
#	egress some '{"host": "192.0.2.10", "port": 80, "decision": "allow"}'
#	attempts some net <<-'ROWS'
#	tcp,192.0.2.10,80  ok      -                       a port that a rule names
#	tcp,192.0.2.10,81  EACCES  connect:192.0.2.10:81   and another one
#	ROWS
#
# RUN holds further words of `warder run`, BEFORE what comes before it.

RUN=()
BEFORE=()
servers=$WARDER_SOURCE/tests/system/servers
python=/usr/bin/python3
"$WARDER" agents add probe --owner alice@example.com --environment test --profile base >/dev/null ||
	{ echo 'Bail out! the agent cannot be registered'; exit 1; }

# egress NAME RULE[,RULE...] [MORE]: a profile with these rules, more of it, and a workspace to
# run commands from.
egress() {
	profile "$1" <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": true},
	 "egress": {"default": "deny", "rules": [$2]}${3:+, $3}}
	JSON
}

# agent_runs PROFILE COMMAND...: as run_warder, for the agent of these tests.
agent_runs() {
	local profile=$1

	shift
	run ${BEFORE[@]+"${BEFORE[@]}"} "$WARDER" run --agent probe --profile "$profile" --quiet \
		--ro "$T/bin" ${RUN[@]+"${RUN[@]}"} -- "$@"
}

# What was decided in the last run: "denied TOOL:RESOURCE" of what was blocked, "allowed ...".
decisions() {
	records 'select(.phase != "lifecycle" and (.policy_decision == "allowed" and .phase == "decision"
		or .policy_decision == "denied" and .result == "blocked"))
		| "\(.policy_decision) \(.tool):\(.resource)"' | jq -r . | sort -u
}
decided() { decisions | grep -Fxq -- "$1"; }

# attempts PROFILE PROBE [WORD...] <<ROWS: runs the probe once, with the first word of each row
# as an argument.  Profile "-" is no sandbox at all: the control.  A row:
#
#	ATTEMPT RESULT RECORD NAME...
#
# RECORD is "TOOL:RESOURCE" of a blocked attempt, "+TOOL:RESOURCE" of an allowed one, or "-".
attempts() {
	local profile=$1 probe=$2 row attempt wanted record name got rows=() words=() decided=

	shift 2
	while read -r attempt wanted record name; do
		[ -n "$attempt" ] || continue
		rows+=("$attempt $wanted $record $name")
		words+=("$attempt")
	done
	if [ "$profile" = - ]; then
		run "$PROBES/$probe" "$@" "${words[@]}"
	else
		agent_runs "$profile" "$(probe "$probe")" "$@" "${words[@]}"
		decided=$(decisions)
	fi
	[ "$status" -eq 0 ] || diag "exit $status: $err"
	for row in "${rows[@]}"; do
		read -r attempt wanted record name <<<"$row"
		got=$(got "$attempt")
		case $record in
		-) record= ;;
		+*) record="allowed ${record#+}" ;;
		*) record="denied $record" ;;
		esac
		if [ "$got" != "$wanted" ]; then
			fail "$name" "$attempt: got ${got:-nothing}, wanted $wanted" "$err"
		elif [ -n "$record" ] && ! grep -Fxq -- "$record" <<<"$decided"; then
			fail "$name" "$attempt: no record: $record" "$decided"
		else
			pass "$name"
		fi
	done
}

# start_origin WORD...: see servers/origin.py.
start_origin() {
	start_server "$python" "$servers/origin.py" "$T/origin.log" "$@"
	wait_until 10 grep -q ready "$T/origin.log" && return 0
	echo 'Bail out! the origin server does not start'
	cat "$T/server.log" >&2
	exit 1
}

# arrivals ADDRESS: how many there were so far ("192.0.2.10:81", "udp://...", "unix:PATH").
arrivals() { grep -Fxc -- "$1" "$T/origin.log"; }
