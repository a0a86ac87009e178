#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The journal: written before the answer, or the answer is no; and who changes it is found out.
. "${0%/*}/lib.sh"

files=$(probe files)
see=(--ro "$T/bin")
add_agent bot
add_agent other locked

# --- before the answer ---------------------------------------------------------------------

# The supervisor dies the moment that the agent has its answer: the record is there.
cat >"$WS/tries" <<'EOS'
"$1" write,/usr/evil
while :; do sleep 0.05; done
EOS
start_sandbox "${see[@]}" -- sh ./tries "$files"
wait_until 5 grep -q EROFS "$T/server.log"
kill -KILL "$server_pid"
wait "$server_pid" 2>/dev/null
denied 'a denial is on record before it is answered' file /usr/evil EROFS
run_warder log verify --json
exit_is 'a crash is no failure of the chain' 0
is 'but is told' "$(jq -r 'select(.run_id != "") | .state' <<<"$out")" crashed
run_warder log verify
like 'in words, too' "$out" 'crashed .*no run\.end'

if command -v strace >/dev/null; then
	# W: a line is written, Y: it is on the disk, S: an answer is sent.
	strace -o "$T/trace" -e trace=openat,write,fdatasync,ioctl "$WARDER" run --agent bot \
		"${see[@]}" -- "$files" write,/usr/a write,/usr/b write,/usr/c >/dev/null 2>&1 </dev/null
	fd=$(sed -nE '/^openat.*\/journal\/run_/ s/.*= //p' "$T/trace")
	order=$(sed -nE "s/^write\\($fd, .*/W/p; s/^fdatasync\\($fd\\).*/Y/p; s/.*NOTIF_SEND.*/S/p" \
		"$T/trace" | tr -d '\n')
	is 'in this order: the start, an allowed command and its outcome, three denials, the end' \
		"$order" 'WYWSWWYSWYSWYSWY'
else
	skip_or_fail 'strace'
fi

# --- it cannot be written ------------------------------------------------------------------

# Runs until a command is refused, however many are allowed before.
# shellcheck disable=SC2016
until_refused='i=0; while [ $i -lt 2000 ]; do i=$((i+1)); /bin/true || { echo "refused: $?"; exit 7; }; done'

# in_own_mounts COMMAND: sh, with mounts of its own.
in_own_mounts() {
	local own=(unshare -m)

	[ "$(id -u)" -eq 0 ] || own=(unshare -r -m)
	run "${own[@]}" sh -c "$1"
}
export UNTIL=$until_refused FULL=$T/full
mkdir -p "$FULL"
in_own_mounts 'mount -t tmpfs -o size=96k none "$FULL" && export WARDER_LOG_DIR=$FULL &&
	"$WARDER" run --agent bot -- sh -c "$UNTIL"; echo "exit $?"; tail -n 1 "$FULL"/journal/*;
	"$WARDER" run --agent bot -- touch started; echo "second $?"; head -c 4096 /dev/zero >"$FULL/x";
	"$WARDER" log verify; echo "verify $?"'
like 'on a full disk nothing more is allowed' "$out" 'refused: 126'
like 'which is what the command makes of it' "$out" 'exit 7'
like 'the reason is said' "$err" 'journal cannot be written'
like 'the last line is whole' "$out" '"tier":"full"[^'$'\n'']*\}'$'\n'
like 'and another run does not start' "$out" 'second 125'
like 'with the reason' "$err" 'No space left'
not_ok 'indeed' test -e "$WS/started"
like 'what there is is in order' "$out" 'verify 0'

run env WARDER_LOG_DIR="$T/limited" bash -c 'ulimit -f 24; "$WARDER" run --agent bot -- sh -c "$UNTIL"'
like 'nor past the size that files may have' "$out" 'refused: 126'
is 'which ends the command, and not its supervisor' "$status" 7

mkdir -p "$T/ro/journal"
export RO=$T/ro
in_own_mounts 'mount -t tmpfs -o ro none "$RO" && export WARDER_LOG_DIR=$RO &&
	"$WARDER" run --agent bot -- touch started; echo "exit $?"'
like 'nor is there a run without a place to write' "$out" 'exit 125'
like 'and it says so' "$err" 'Read-only file system'
not_ok 'and did not run' test -e "$WS/started"
if [ "$(id -u)" -ne 0 ]; then
	chmod 0500 "$T/ro/journal"
	WARDER_LOG_DIR=$T/ro sandbox -- touch started
	exit_is 'nor where it may not write' 125
	like 'and it says so' "$err" 'Permission denied'
	chmod 0700 "$T/ro/journal"
fi
: >"$T/file"
WARDER_LOG_DIR=$T/file sandbox -- touch started
exit_is 'nor where something else is' 125

# A journal that is nobody's any more is none.
rm -f up
# shellcheck disable=SC2016
WARDER_LOG_DIR=$T/gone start_sandbox -- sh -c 'touch up; while [ ! -e go ]; do sleep 0.05; done
	sleep 0; echo "true: $?"; : >/usr/evil' 2>/dev/null
wait_until 5 test -e up
rm -rf "$T/gone"
touch go
wait "$server_pid"
like 'a journal that was removed takes no record, so nothing is allowed' \
	"$(cat "$T/server.log")" 'true: 126'
like 'and it says so' "$(cat "$T/server.log")" 'journal cannot be written'

# --- warder log ----------------------------------------------------------------------------

sandbox "${see[@]}" -- "$files" write,/usr/evil write,/usr/evil mkdir,/usr/dir
second=$(basename "$(journal)" .jsonl)
run_warder run --agent other -- true
run_warder log
exit_is 'all runs are printed' 0
like 'a denial is in capitals' "$out" 'bot +DENIED +file +/usr/evil  the profile'
like 'with its count' "$out" '/usr/evil  attempt 2'
like 'a start and an end' "$out" 'run\.start .*profile default'
like 'with the exit code' "$out" 'run\.end .*exit 0'
run_warder log --run "$second"
ok 'or one run' test "$(wc -l <<<"$out")" -lt 12
unlike 'and no other' "$out" '  other  '
run_warder log --run last --json
is 'the last' "$(jq -r .agent_id <<<"$out" | sort -u)" other
run_warder log --agent other --json
is "or one agent's" "$(jq -r .agent_id <<<"$out" | sort -u)" other
run_warder log --decision denied --run "$second" --json
is 'or what was denied' "$(jq -r '"\(.resource) \(.attempt)"' <<<"$out")" \
	$'/usr/evil 1\n/usr/evil 2\n/usr/dir 1'
run_warder log --tool exec --run "$second" --json
is 'or one tool' "$(jq -r .tool <<<"$out" | sort -u)" exec
is 'each line as it was written' "$("$WARDER" log --run "$second" --json | sha256sum)" \
	"$(sha256sum <"$WARDER_LOG_DIR/journal/$second.jsonl")"
sandbox -- mount
run_warder log --run last
like 'the end of a run that was denied says what was' "$out" \
	'run\.end +run +mount  exit 126  denied exec /'
sandbox --wall 300ms -- sleep 9
run_warder log --run last
like 'or that its time was over' "$out" 'run\.end +run +sleep  exit 124  the time limit'

# on_terminal COLUMNS COMMAND...: what it prints there.
on_terminal() {
	/usr/bin/python3 - "$@" <<'PY'
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", 24, int(sys.argv[1]), 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
try:
    while data := os.read(fd, 65536):
        sys.stdout.buffer.write(data.replace(b"\r", b""))
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
}
longest() { awk '{ if (length($0) > n) n = length($0) } END { print n }' <<<"$1"; }
run_warder log --run "$second"
whole=$out
ok 'there are lines that are longer than a terminal' test "$(longest "$whole")" -gt 80
export NO_COLOR=1
cut=$(on_terminal 80 "$WARDER" log --run "$second")
is 'where they are cut' "$(longest "$cut")" 80
like 'and that is to be seen' "$cut" '\.\.\.'$'\n'
unset NO_COLOR
is 'colours take no columns' \
	"$(TERM=xterm on_terminal 80 "$WARDER" log --run "$second" | sed 's/\x1b\[[0-9;]*m//g')" "$cut"
is 'a wide one has all of it' "$(NO_COLOR=1 on_terminal 400 "$WARDER" log --run "$second")" "$whole"
run_warder log --run run_NOSUCH
exit_is 'a run that is not there is a negative answer' 1
run_warder log verfy
exit_is 'an unknown action is a usage error' 2
odd=$WS/$'odd\e[31m name'
sandbox "${see[@]}" -- "$files" "write,/usr/$(basename "$odd")"
run_warder log --run last --decision denied
unlike 'what would steer the terminal is not printed' "$out" $'\e'
like 'but shown' "$out" 'odd'
is 'of it the journal is still JSON' "$(jq -e . "$(journal)" >/dev/null; echo $?)" 0

rm -f up go
start_sandbox -- sh -c 'touch up; while [ ! -e go ]; do sleep 0.05; done; : >/usr/later'
wait_until 5 test -e up
first=$server_pid
timeout -s KILL 20 "$WARDER" log --follow --run "$(basename "$(journal)" .jsonl)" >"$T/followed" &
follower=$!
server_pids+=("$follower")
wait_until 5 grep -q run.start "$T/followed"
ok '--follow prints what there is' grep -q run.start "$T/followed"
touch go
wait "$first"
wait "$follower"
is 'and ends with the run' $? 0
ok 'having printed all that came' grep -q 'DENIED.*/usr/later' "$T/followed"
ok 'to the last' grep -q 'run\.end' "$T/followed"

# --- warder log verify ---------------------------------------------------------------------

run_warder log verify --json
exit_is 'all is in order' 0
is 'but for what crashed' "$(jq -r .state <<<"$out" | sort | uniq -c | xargs)" \
	"1 crashed $(($(ls "$WARDER_LOG_DIR/journal" | wc -l))) ok"
prev=$(printf '0%.0s' {1..64})
while IFS= read -r line; do
	[ "$(jq -r .prev <<<"$line")" = "$prev" ] || break
	prev=$(printf '%s' "$line" | sha256sum | cut -d' ' -f1)
	line=
done <"$WARDER_LOG_DIR/journal/$second.jsonl"
is 'the chain is that of sha256sum' "$line" ''
is 'and its head is in the ledger' "$(ledger "select(.detail.run_id == \"$second\" and
	.detail.event == \"run.end\") | .detail.head")" "\"$prev\""

run_warder log verify
exit_is 'so it is in words' 0
is 'which are few, and end in a sum' "$(sed 's/^crashed.*/crashed/; s/[0-9][0-9]*/N/g' <<<"$out")" \
	$'crashed\nN files, N records: N ok, N crashed'
run_warder log verify -v
is 'or name each' "$(wc -l <<<"$out")" $(($(ls "$WARDER_LOG_DIR/journal" | wc -l) + 2))

# forged NAME WANTED SED...: what verify says of a copy that sed has been at.
forged() {
	local name=$1 wanted=$2 at

	shift 2
	rm -rf "$T/copy" && cp -R "$WARDER_LOG_DIR" "$T/copy"
	at=$T/copy/journal/$second.jsonl
	sed -i "$@" "$at"
	WARDER_LOG_DIR=$T/copy run_warder log verify --json
	exit_is "$name: is found" 1
	like "$name: by file and line" \
		"$(jq -r 'select(.state == "broken") | "\(.file) \(.line) \(.what)"' <<<"$out")" \
		"$second.jsonl $wanted"
}
forged 'a changed byte' '3 line 3: prev .*: line 2 was changed, or line 3 replaced' '2s/"bot"/"bat"/'
forged 'a removed line' '3 line 3: prev' 3d
forged 'two lines exchanged' '3 line 3: prev' '3{h;d};4G'
forged 'a line put in' '4 line 4: prev' 3p
forged 'a line that is no JSON' '2 line 2: not JSON' '2s/^/x/'
forged 'a cut tail' '[0-9]+ it ends at' '$d'
forged 'a changed last line' '[0-9]+ it ends at' '$s/"exit_code":0/"exit_code":1/'
forged 'a line that is longer than any' '2 line 2: longer' "2s/^/$(head -c 70000 /dev/zero | tr '\0' x)/" 2>/dev/null

rm -rf "$T/copy" && cp -R "$WARDER_LOG_DIR" "$T/copy" && rm "$T/copy/journal/$second.jsonl"
WARDER_LOG_DIR=$T/copy run_warder log verify
exit_is 'a journal that is missing is found' 1
like 'by name' "$out" "broken .*$second.*missing"
rm -rf "$T/copy" && cp -R "$WARDER_LOG_DIR" "$T/copy" && sed -i 3d "$T/copy/ledger.jsonl"
WARDER_LOG_DIR=$T/copy run_warder log verify
exit_is 'so is a line of the ledger' 1
like 'by name' "$out" 'broken .*ledger.*line 3'
is 'once, not for each journal that cannot be compared then' "$(grep -c '^broken' <<<"$out")" 1
like 'which is said' "$out" 'cannot be compared'
rm -rf "$T/copy" && cp -R "$WARDER_LOG_DIR" "$T/copy"
truncate -s -7 "$T/copy/journal/$second.jsonl"
run_warder log verify --json "$T/copy/journal/$second.jsonl"
exit_is 'a torn last line of a single journal is what a crash leaves' 0
is 'and is told' "$(jq -c '[.state, .torn_bytes > 0]' <<<"$out")" '["crashed",true]'
WARDER_LOG_DIR=$T/copy run_warder log verify
exit_is 'but not of one whose end is in the ledger' 1
run_warder log verify "$T/nowhere"
exit_is 'what cannot be read is neither' 2

done_testing
