#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The watch on revoked.d: whatever becomes of the directory, a revocation is seen; and a
# supervisor that is stopped like any job sees it, too.
. "${0%/*}/lib.sh"

add_agent bot
revoked=$WARDER_STATE_DIR/revoked.d

# start: a run that goes on; its supervisor in $server_pid.
start() {
	start_sandbox -- sh -c 'echo up; sleep 60'
	wait_until 5 grep -qx up "$T/server.log" || fail 'it started' "$(cat "$T/server.log")"
}

# ends NAME WITHIN_MS: because it is revoked.
ends() {
	local began=${EPOCHREALTIME/./} code

	wait "$server_pid"
	code=$?
	is "$1" "$code $(records 'select(.detail.event == "run.end") | .detail.reason')" \
		'137 "revoked"'
	ok "$1, in time" test $(((${EPOCHREALTIME/./} - began) / 1000)) -lt "$2"
}

start
is 'the directory is made' "$(stat -c %F "$revoked")" directory
touch "$revoked/bo" "$revoked/bot2" "$revoked/owner:alice" "$revoked/run:run_1"
mkdir "$revoked/.bot"
sleep 0.3
ok 'what does not name it does not end it' kill -0 "$server_pid"
rm -r "${revoked:?}"/* "$revoked/.bot"
touch "$revoked/bot"
ends 'an empty file ends it' 1000
is 'and is on record' "$(records 'select(.phase == "revocation") | .detail.revoked')" '"bot"'
is 'and said, with what takes it back' "$(grep '^warder' "$T/server.log")" \
	$'warder: agent bot is revoked (bot)\nwarder: `warder reinstate bot` takes it back'
run_warder run --agent bot -- true
exit_is 'nor does it start again' 125
rm "$revoked/bot"

start
ln "$WARDER_CONFIG_DIR/agents.d/bot.json" "$revoked/bot"
ends 'so does a link' 1000
rm "$revoked/bot"
start
ln -s /nowhere "$revoked/@all"
ends 'even one that leads nowhere' 1000
rm "$revoked/@all"
start
mkdir "$revoked/environment:test"
ends 'or a directory' 1000
rmdir "$revoked/environment:test"
start
printf '{"why":"odd\\u001b[2J"}' >"$T/new"
mv "$T/new" "$revoked/owner:alice@example.com"
ends 'or what is moved there' 1000
like 'which says why' "$(cat "$T/server.log")" 'odd'
unlike 'but steers no terminal' "$(cat "$T/server.log")" $'\e'
rm "$revoked/owner:alice@example.com"

# --- the directory itself ------------------------------------------------------------------

start
rm -r "$revoked"
ends 'without the directory it cannot be told, so it is revoked' 1000
start
rm -r "$revoked"
mkdir "$revoked"
touch "$revoked/bot"
ends 'in a directory that was made anew' 1000
rm "$revoked/bot"
start
mkdir "$T/other"
touch "$T/other/bot"
mv "$revoked" "$T/old"
mv "$T/other" "$revoked"
ends 'in one that was moved there' 1000
rm -r "$T/old" "$revoked/bot"
start
rmdir "$revoked"
touch "$revoked"
ends 'what is no directory cannot be read, so it is revoked' 1000
rm "$revoked"
if [ "$(id -u)" -ne 0 ]; then
	start
	chmod 0 "$revoked"
	ends 'nor can what may not be read' 1000
	chmod 700 "$revoked"
else
	skip 'nor can what may not be read' 'root may read all'
fi
start
mv "$WARDER_STATE_DIR" "$T/state.old"
mkdir -p "$revoked"
touch "$revoked/bot"
ends 'where all of it was moved away, a second look finds it' 7000
rm -r "$T/state.old" "$revoked/bot"

# --- a job that is stopped -----------------------------------------------------------------

needs_command /usr/bin/python3
# from_shell COMMAND...: an interactive shell starts it as a job; then the steps of stdin.
from_shell() {
	{
		# shellcheck disable=SC2016
		printf 'expect \\$\nsend "$WARDER" run --agent bot --meta test=%s/ %s\\r\n' "$T" "$*"
		cat
	} | timeout -s KILL 60 /usr/bin/python3 "$WARDER_SOURCE/tests/system/typist.py" \
		env PS1='$ ' HISTFILE= bash --norc --noprofile -i >"$T/stdout" 2>&1
	status=$? err=
	out=$(tr -d '\000\r' <"$T/stdout")
}

from_shell "-- sh -c 'echo u\"\"p; sleep 60'" <<STEPS
expect up
pause 0.2
send \\x1a
expect Stopped
send touch $revoked/bot\\r
expect is revoked
pause 0.3
send \\r
expect Exit 137
send exit 0\\r
STEPS
exit_is 'it is stopped, and revoked all the same' 0
nothing_left 'nothing is left of it'
rm "$revoked/bot"
from_shell "--wall 1s -- sh -c 'echo u\"\"p; sleep 60'" <<'STEPS'
expect up
pause 0.2
send \x1a
expect Stopped
expect time limit
pause 0.3
send \r
expect Exit 124
send exit 0\r
STEPS
exit_is 'its time runs out, too' 0
# An agent that stops its own command, so that nobody looks at the rest of it.
from_shell "-- sh -c 'while :; do date >alive; sleep 0.05; done & kill -STOP \$\$'" <<STEPS
expect Stopped
pause 0.3
send rm alive; sleep 0.5; cp alive was-ali""ve; ls was-*\\r
expect was-alive
send touch $revoked/bot\\r
expect is revoked
pause 0.3
send \\r
expect Exit 137
send exit 0\\r
STEPS
exit_is 'what goes on behind a stopped command ends' 0
nothing_left 'and is gone'
rm "$revoked/bot"

done_testing
