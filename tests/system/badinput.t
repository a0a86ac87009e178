#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever is wrong is said: why, and how to mend it; and nothing is half-started.
. "${0%/*}/lib.sh"

add_agent bot
started=$WS/started

# refused NAME WHY MEND OPTION...: `warder run OPTION... -- touch started` says WHY on its first
# line and MEND (may be empty) on its second, exits 125 and leaves nothing.
refused() {
	local name=$1 why=$2 mend=$3 journals

	shift 3
	journals=$(count_journals)
	run_warder run --meta "test=$T/" "$@" -- touch "$started"
	if [ "$status" -ne 125 ]; then
		exit_is "$name" 125
	elif [[ ! ${err%%$'\n'*} =~ ^warder:\ .*$why ]]; then
		fail "$name" "says: $err"$'\n'"wanted: $why"
	elif [ -n "$mend" ] && [[ ! $(sed -n 2p <<<"$err") =~ ^warder:\ .*$mend ]]; then
		fail "$name" "mend: $err"$'\n'"wanted: $mend"
	elif [ -n "$out" ]; then
		fail "$name" "stdout: $out"
	elif [ -e "$started" ]; then
		fail "$name" 'the command ran'
	elif [ -n "$(left_behind)" ]; then
		fail "$name" "left: $(left_behind)"
	elif [ -n "$(ls -A "$WARDER_RUNTIME_DIR/runs" 2>/dev/null)" ]; then
		fail "$name" "left: $(ls "$WARDER_RUNTIME_DIR/runs")"
	elif [ "$(count_journals)" != "$journals" ]; then
		fail "$name" 'a journal was begun'
	else
		pass "$name"
	fi
	rm -rf "$started"
}
count_journals() { find "$WARDER_LOG_DIR/journal" -name '*.jsonl' 2>/dev/null | wc -l; }

# --- the command line ----------------------------------------------------------------------

run_warder run --agent bot -- touch "$started"
exit_is 'the control: all is well' 0
ok 'and the command runs' test -e "$started"
rm -f "$started"
refused 'no agent' 'which agent' 'warder run --help'
run_warder run --agent bot
exit_is 'no command' 125
like 'is said' "$err" 'which command'
run_warder run --agent bot --
exit_is 'nor behind the dashes' 125
refused 'an unknown option' '--aegnt: no such option; did you mean --agent' 'warder run --help' \
	--aegnt bot
refused 'an option without its value' '' '' --agent bot --wall
refused 'a duration that is none' '--wall soon is no duration' '10m' --agent bot --wall soon
refused 'a tier that is none' '--require most is no tier' 'full' --agent bot --require most
refused 'a status descriptor that is not open' 'status-fd' '' --agent bot --status-fd 77
refused 'or is no number' '' '' --agent bot --status-fd x
refused 'a requester without a type' 'no type' 'TYPE:ID' --agent bot --requested-by alice
refused 'an unknown gateway' 'ftp' '' --agent bot --gateway ftp://x
refused 'a gateway without a port' '' '' --agent bot --gateway http://
refused 'a user who is not there' 'no-such-user|only root' '' --agent bot --user no-such-user
refused 'an --ro that is not there' '--ro /no/such' 'exists' --agent bot --ro /no/such
refused 'an --rw that is not there' '--rw /no/such' 'exists' --agent bot --rw /no/such
run_warder run --help
exit_is 'help is none of these' 0
like 'and lists the options' "$out" '--agent'
options=$out
run_warder help run
is 'nor is it by its other name' "$status $out" "0 $options"
run_warder help rn
exit_is 'of what is no verb there is none' 2
like 'with a suggestion' "$err" 'warder run'
run_warder help approve
like 'where nothing waits it says so' "$out" 'in this version none waits'

# --- the agent -----------------------------------------------------------------------------

refused 'an unknown agent' 'no agent nobody is registered' 'warder agents add nobody' --agent nobody
refused 'one that is a path' '\.\./bot|agent id' '' --agent ../bot
refused 'one that is nothing' '' '' --agent ''
refused 'one that is longer than any' '' '' --agent "$(printf 'a%.0s' {1..70})"
agent() { cat >"$WARDER_CONFIG_DIR/agents.d/$1.json"; }
agent torn <<<'{"agent_id": "torn",'
refused 'a torn file' 'agents\.d/torn\.json:[0-9]+: not JSON' '' --agent torn
agent empty <<<''
refused 'an empty one' 'agents\.d/empty\.json' '' --agent empty
agent twice <<<'{"agent_id":"twice","owner":"a","owner":"b","environment":"e","profile":"default"}'
refused 'a key twice' 'agents\.d/twice\.json' '' --agent twice
agent more <<<'{"agent_id":"more","owner":"a","environment":"e","profile":"default","onwer":"b"}'
refused 'an unknown key' 'more\.json:1: onwer: unknown key; did you mean "owner"' '' --agent more
agent less <<<'{"agent_id":"less","environment":"e","profile":"default"}'
refused 'a missing one' 'less\.json.*owner' '' --agent less
agent alias <<<'{"agent_id":"bot","owner":"a","environment":"e","profile":"default"}'
refused "another's id" 'alias\.json' 'ID\.json' --agent alias
mkdir -p "$WARDER_CONFIG_DIR/agents.d/dir.json"
refused 'a directory in its place' 'dir\.json' '' --agent dir
mkfifo "$WARDER_CONFIG_DIR/agents.d/pipe.json"
refused 'or a pipe' 'pipe\.json' '' --agent pipe
head -c 100000 /dev/zero >"$WARDER_CONFIG_DIR/agents.d/zero.json"
refused 'or much of nothing' 'zero\.json' '' --agent zero
if [ "$(id -u)" -ne 0 ]; then
	agent shut <<<'{"agent_id":"shut","owner":"a","environment":"e","profile":"default"}'
	chmod 0 "$WARDER_CONFIG_DIR/agents.d/shut.json"
	refused 'a file that cannot be read' 'shut\.json: Permission denied' '' --agent shut
fi

# --- the profile ---------------------------------------------------------------------------

refused 'an unknown profile' 'profile.* nowhere|nowhere.*profile' '' --agent bot --profile nowhere
refused 'a profile file that is not there' 'nowhere\.json: No such file' '' --agent bot \
	--profile "$T/nowhere.json"
profile torn <<<'{"extends": ["default"'
refused 'a torn one' 'profiles\.d/torn\.json:[0-9]+: not JSON' '' --agent bot --profile torn
profile typo <<<$'{\n"egres": {}\n}'
refused 'an unknown key' 'typo\.json:2: egres: unknown key; did you mean "egress"' '' --agent bot \
	--profile typo
profile type <<<'{"limits": {"pids": "many"}}'
refused 'a wrong type' 'type\.json:1: limits\.pids: expected' '' --agent bot --profile type
profile orphan <<<'{"extends": ["nowhere"]}'
refused 'one that extends nothing' 'nowhere' '' --agent bot --profile orphan
profile round <<<'{"extends": ["round"]}'
refused 'or itself' 'itself' '' --agent bot --profile round
for key in read write; do
	profile missing <<<"{\"extends\":[\"default\"],\"filesystem\":{\"$key\":[\"/no/such/place\"]}}"
	refused "a path that is not there ($key)" "filesystem\.$key: /no/such/place.*" '' --agent bot \
		--profile missing
done
profile missing <<<'{"extends":["default"],"filesystem":{"hide":["/no/such/secret"]}}'
refused 'a path that is not there (hide)' 'filesystem\.hide: /no/such/secret' '' --agent bot \
	--profile missing
profile optional <<<'{"extends":["default"],"filesystem":{"read":["?/no/such/place"]}}'
run_warder run --agent bot --profile optional -- true
exit_is 'but for one that is optional' 0
profile blind <<<'{"filesystem":{"write":["{workspace}"]},"exec":{"default":"allow"}}'
run_warder run --agent bot --profile blind -- true
exit_is 'a profile that shows no program has none' 127
profile nothing <<<'{}'
refused 'one that shows nothing' 'workspace' 'workspace' --agent bot --profile nothing
profile inherit <<<'{"require":"kernel","filesystem":"inherit"}'
refused 'one that wants another tier' '' '' --agent bot --profile inherit
agent odd <<<'{"agent_id":"odd","owner":"a","environment":"e","profile":"nowhere"}'
refused "an agent's profile that is not there" 'nowhere' '' --agent odd

# --- the place -----------------------------------------------------------------------------

refused 'a workspace that is /' 'the workspace cannot be /' '--workspace' --agent bot --workspace /
cd / || exit 1
refused 'also as the current directory' 'the workspace cannot be /' '--workspace' --agent bot
cd "$WS" || exit 1
refused 'or by another name' 'the workspace cannot be /' '' --agent bot --workspace /usr/..
refused 'or /proc' 'the workspace cannot be /proc' '' --agent bot --workspace /proc
refused 'one that is not there' 'workspace.*nowhere' '--workspace' --agent bot --workspace "$T/nowhere"
: >"$T/file"
refused 'one that is a file' 'no directory' '' --agent bot --workspace "$T/file"
refused "warder's own" 'own directory' '' --agent bot --workspace "$WARDER_LOG_DIR"
mkdir -p "$T/gone"
run sh -c 'cd "$1" && rmdir "$1" && exec "$2" run --agent bot -- true' sh "$T/gone" "$WARDER"
exit_is 'a current directory that is gone' 125
like 'is said' "$err" 'current directory'

for name in CONFIG STATE LOG RUNTIME; do
	run env "WARDER_${name}_DIR=relative" "$WARDER" run --agent bot -- touch "$started"
	exit_is "a relative WARDER_${name}_DIR" 125
	like 'is named' "$err" "WARDER_${name}_DIR is relative: relative"
done
not_ok 'none of them ran' test -e "$started"
not_ok 'or made anything' test -e "$WS/relative"
run env -u HOME "$WARDER" run --agent bot -- sh -c 'echo $HOME'
exit_is 'no HOME is no obstacle where all else is named' 0
run env HOME=relative "$WARDER" run --agent bot -- sh -c 'echo $HOME'
like 'nor is a relative one' "$out" '^/'
if [ "$(id -u)" -ne 0 ]; then
	run env -i "$WARDER" run --agent bot -- touch "$started"
	exit_is 'where nothing is named' 125
	like 'it is missed' "$err" 'no HOME'
fi

# --- the descriptors -----------------------------------------------------------------------

run sh -c 'exec "$1" run --agent bot -- sh -c "echo ran" <&-' sh "$WARDER"
exit_is 'without a stdin it has an empty one' 0
run sh -c 'exec "$1" run --agent bot -- sh -c "ls /proc/self/fd" <&- 2>&-' sh "$WARDER"
is 'and nothing of warder'"'"'s in its place' "$status $(xargs <<<"$out")" '0 0 1 2 3'
run sh -c 'exec "$1" run --agent bot -- sh -c "echo ran >ran" >&- 2>&- <&-' sh "$WARDER"
exit_is 'without any of the three' 0
ok 'it runs' test -e "$WS/ran"
run sh -c 'exec "$1" run --agent bot -- touch "$2" </' sh "$WARDER" "$started"
exit_is 'a directory as stdin is a way out' 125
like 'and is named' "$err" 'descriptor 0 is a directory'
run sh -c 'exec "$1" run --agent bot -- touch "$2" 3</' sh "$WARDER" "$started"
exit_is 'as another descriptor it is closed' 0
rm -f "$started"
cat >"$T/sock.py" <<'PY'
import socket, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sys.exit(subprocess.run([sys.argv[1], "run", "--agent", "bot", "--", "touch", sys.argv[2]], stdin=s).returncode)
PY
run /usr/bin/python3 "$T/sock.py" "$WARDER" "$started"
exit_is 'an unconnected socket is another' 125
like 'and is named' "$err" 'descriptor 0 is a socket'
not_ok 'neither ran' test -e "$started"

# --- the gateway ---------------------------------------------------------------------------

# A gateway that is down is no reason not to start; each connection says so.
profile net <<'JSON'
{"extends": ["default"], "egress": {"rules": [{"host": "192.0.2.1", "decision": "allow"}]}}
JSON
run_warder run --agent bot --profile net --gateway http://127.0.0.1:1 -- \
	timeout 10 bash -c 'echo >/dev/tcp/192.0.2.1/80'
isnt 'through a gateway that is down nothing comes' "$status" 0
isnt 'without waiting for ever' "$status" 124
like 'and the refusal is passed on' "$err" 'Connection refused'
is 'and is on record' "$(records 'select(.tool == "connect" and .phase == "outcome") |
	[.resource, .result, .errno]')" '["192.0.2.1:80","failure","ECONNREFUSED"]'

# --- too much ------------------------------------------------------------------------------

run_warder run --agent bot -- true "$(printf 'x%.0s' {1..100000})"
exit_is 'a long argument is fine' 0
# shellcheck disable=SC2046
run_warder run --agent bot -- true $(seq 5000)
exit_is 'so are many' 0
is 'the record has as many as it has room for' \
	"$(records 'select(.tool == "exec" and .phase == "decision") | .process.argv | length')" 64
run_warder run --agent bot --meta "$(printf 'm%.0s' {1..100000})" -- true
exit_is 'a label that has no room in the record is no obstacle' 0
is 'to a record that says all else' "$(records 'select(.seq == 1) | .detail.profile')" '"default"'

done_testing
