#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The environment: an allow-list, no loader's variable, nothing shaped like a secret; names are
# recorded, values never; and the launcher's own copy is wiped.
. "${0%/*}/lib.sh"

add_agent bot
secret=hunter2-do-not-tell
token=ghp_abcdefghijklmnopqrstuvwxyz0123456789

# with VARIABLE... -- OPTION...: the environment that `env` prints inside.
with() {
	local vars=()

	while [ "$1" != -- ]; do
		vars+=("$1")
		shift
	done
	shift
	run env "${vars[@]}" "$WARDER" run --agent bot --meta "test=$T/" "$@" -- env
}
value() { sed -n "s/^$1=//p" <<<"$out"; }
dropped() { records 'select(.seq == 1) | .detail.env_dropped' | jq -r '.[]'; }
# gone NAME VARIABLE: not inside, and its name on record.
gone() {
	if grep -q "^$2=" <<<"$out"; then
		fail "$1" "inside: $2"
	elif ! dropped | grep -qxF "$2"; then
		fail "$1" "not on record: $2"$'\n'"$(dropped)"
	else
		pass "$1"
	fi
}

with AWS_SECRET_ACCESS_KEY=$secret GITHUB_TOKEN=$token DATABASE_URL="postgres://u:$secret@h/d" \
	FAVOURITE=$secret LANG=C.UTF-8 LC_TIME=C TERM=dumb NO_COLOR=1 SSH_AUTH_SOCK=/run/x \
	LD_PRELOAD=/nowhere/x.so LD_AUDIT=/nowhere/y.so BASH_ENV=/x PYTHONSTARTUP=/x \
	NODE_OPTIONS=--require=/x DBUS_SESSION_BUS_ADDRESS=unix:path=/x HTTPS_PROXY=http://x:1 \
	-- --quiet
exit_is 'whatever is there, it starts' 0
for name in AWS_SECRET_ACCESS_KEY GITHUB_TOKEN DATABASE_URL FAVOURITE SSH_AUTH_SOCK LD_AUDIT \
	BASH_ENV PYTHONSTARTUP NODE_OPTIONS DBUS_SESSION_BUS_ADDRESS HTTPS_PROXY WARDER_CONFIG_DIR \
	WARDER_LOG_DIR; do
	gone "$name does not come in" "$name"
done
is 'what the profile lists does' "$(value LANG) $(value LC_TIME) $(value TERM) $(value NO_COLOR)" \
	'C.UTF-8 C dumb 1'
is 'and what a program needs' "$(value HOME)" "$HOME"
like 'with the way to warder itself' "$(value PATH)" ':/run/warder/bin$'
is 'which is named' "$(value WARDER_BIN)" /run/warder/bin/warder
is 'and the shim' "$(value LD_PRELOAD)" /run/warder/lib/libwarder-preload.so
unlike 'no value is written down' "$(cat "$(journal)" "$WARDER_LOG_DIR/ledger.jsonl")" \
	"$secret|$token|/nowhere/"

with LC_PAPER=$token LC_NAME='-----BEGIN OPENSSH PRIVATE KEY-----' LC_TIME=AKIAABCDEFGHIJKLMNOP \
	LC_MONETARY=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl LC_NUMERIC=de_DE.UTF-8 -- --quiet
for name in LC_PAPER LC_NAME LC_TIME LC_MONETARY; do
	gone "a value shaped like a secret stays out, whatever its name ($name)" "$name"
done
is 'others do not' "$(value LC_NUMERIC)" de_DE.UTF-8

profile env <<'JSON'
{"extends": ["default"], "env": {"pass": ["APP_*", "LD_*"], "set": {"CI": "1", "APP_B": "set"}}}
JSON
with APP_A=a APP_B=b LD_LIBRARY_PATH=/x OTHER=1 -- --profile env
is 'a profile passes by pattern' "$(value APP_A)" a
is 'and sets' "$(value CI) $(value APP_B)" '1 set'
gone 'but no loader of libraries' LD_LIBRARY_PATH
gone 'and nothing else' OTHER

with FOO=foo BAR=bar BAZ_1=one BAZ_2=two LD_DEBUG=all -- --env FOO --env NEW=new \
	--env EMPTY= --pass-env 'BAZ_*' --pass-env 'LD_*'
is '--env passes one on' "$(value FOO)" foo
is 'or sets it' "$(value NEW)" new
like 'to nothing, too' "$out" '(^|'$'\n'')EMPTY='
is '--pass-env passes by pattern' "$(value BAZ_1) $(value BAZ_2)" 'one two'
gone 'others stay out' BAR
gone 'the loader, too' LD_DEBUG

with -- --env "API_TOKEN=$token" --env "PASS=$secret"
is 'what is given by name and value is meant' "$(value API_TOKEN) $(value PASS)" "$token $secret"
unlike 'and still is not written down' "$(cat "$(journal)" "$WARDER_LOG_DIR/ledger.jsonl")" \
	"$secret|$token"
run env -i "$WARDER" run --agent bot -- true
exit_is 'without HOME nothing is known of where things are' 125
run env -i HOME="$HOME" WARDER_CONFIG_DIR="$WARDER_CONFIG_DIR" WARDER_LOG_DIR="$WARDER_LOG_DIR" \
	WARDER_STATE_DIR="$WARDER_STATE_DIR" WARDER_RUNTIME_DIR="$WARDER_RUNTIME_DIR" \
	"$WARDER" run --agent bot -- /bin/sh -c 'echo $PATH'
exit_is 'with it that is enough' 0
like 'and there is a PATH' "$out" '/usr/bin'
mkdir -p "$T/odd" && cd "$WS" || exit 1
run env 'a b=1' '=x' 'NL=a
b' "$WARDER" run --agent bot --pass-env NL -- sh -c 'echo "$NL"'
is 'odd names and values do no harm' "$status $out" $'0 a\nb'

# --- the launcher's own --------------------------------------------------------------------

# The supervisor is there while its agent is; it must hold nothing that it was given.
env AWS_SECRET_ACCESS_KEY=$secret "$WARDER" run --agent bot -- sh -c 'touch up; sleep 10' \
	</dev/null >/dev/null 2>&1 &
server_pid=$!
server_pids+=("$server_pid")
wait_until 5 test -e up
ok 'it runs' test -e up
if [ "$(id -u)" -eq 0 ]; then
	is "the supervisor's own environment is wiped" \
		"$(tr -d '\000' <"/proc/$server_pid/environ" | wc -c)" 0
	is 'which is not so of a process at large' \
		"$(env X=$secret sh -c 'grep -c hunter2 /proc/$$/environ; :')" 1
	for pid in $(pgrep -P "$server_pid"); do
		unlike 'nor is it in the memory of those that it started' \
			"$(tr '\000' '\n' <"/proc/$pid/environ" 2>&1)" "$secret"
	done
else
	not_ok "the supervisor's environment is nobody's to read" cat "/proc/$server_pid/environ"
	ok 'which is not so of a process at large' cat /proc/$$/environ
fi
stop_server "$server_pid"

done_testing
