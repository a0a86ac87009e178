#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Masks and protections while somebody outside replaces the files beneath them, as editors,
# git config and passwd do: a new file is renamed over the old one, and the kernel takes away
# what was mounted on that.
. "${0%/*}/lib.sh"

# What an agent gets of a file, every 50 ms, until it is told to stop.
cat >"$WS/look.sh" <<'SH'
while [ ! -e "$WS/stop" ]; do
	cat "$1" 2>&1
	sleep 0.05
done
echo stopped
SH
export WS

# replace FILE TEXT: as those programs do it.
replace() { printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1"; }

# watched PROFILE FILE: a run that looks at FILE, in the background; its output in $T/seen.
watched() {
	rm -f "$WS/stop" "$T/seen"
	"$WARDER" run --agent bot --profile "$1" --env WS -- sh look.sh "$2" \
		>"$T/seen" 2>"$T/said" </dev/null &
	run_pid=$!
	wait_until 10 test -s "$T/seen" || fail "the run looks at $2" "$(cat "$T/said")"
}

# finished: waits for it; $status.
finished() {
	wait_until 10 sh -c "! kill -0 $run_pid 2>/dev/null" || kill -KILL "$run_pid"
	wait "$run_pid"
	status=$?
}

add_agent bot

# --- a mask in a tree that is only read -------------------------------------------------------

mkdir "$T/tree" && echo 'old secret' >"$T/tree/secret" && echo plain >"$T/tree/plain"
profile read-tree <<JSON
{"extends": ["default"], "filesystem": {"read": ["$T/tree"], "hide": ["$T/tree/secret"]}}
JSON
profile read-all <<JSON
{"extends": ["default"], "filesystem": {"read": ["$T/tree"]}}
JSON

watched read-all "$T/tree/secret"
replace "$T/tree/secret" 'newer secret'
wait_until 10 grep -q 'newer secret' "$T/seen" && pass 'without a mask the new file is seen' ||
	fail 'without a mask the new file is seen' "$(sort -u "$T/seen")"
touch "$WS/stop" && finished
exit_is 'and the run comes to its end' 0

watched read-tree "$T/tree/secret"
replace "$T/tree/secret" 'newest secret'
sleep 1
touch "$WS/stop" && finished
exit_is 'with a mask the run goes on, and' 0
unlike 'neither the old nor the new one is seen' "$(cat "$T/seen")" 'secret$'
like 'only refusals' "$(sort -u "$T/seen")" 'Permission denied'

# --- a protection in the workspace ------------------------------------------------------------

git init -q "$WS" 2>/dev/null
watched default "$WS/.git/config"
echo '# by the owner, in place' >>"$WS/.git/config"
wait_until 10 grep -q 'in place' "$T/seen" && pass 'an edit in place is seen' ||
	fail 'an edit in place is seen' "$(sort -u "$T/seen")"
touch "$WS/stop" && finished
exit_is 'and harms nothing' 0

watched default "$WS/.git/config"
began=$SECONDS
git -C "$WS" config user.name Alice
finished
exit_is 'a replaced file ends the run' 137
ok 'at once' test $((SECONDS - began)) -le 3
like 'which says why' "$(cat "$T/said")" '\.git/config was replaced from outside'
unlike 'it was not told to stop' "$(cat "$T/seen")" stopped
is 'a finding is on record' \
	"$(count_records '.phase == "finding" and .resource == "'"$WS/.git/config"'"')" 1
like 'and the end says why' "$(records 'select(.detail.event == "run.end").detail.why')" \
	'replaced from outside'
rm -f "$WS/stop"

# --- and one that is moved away, and its mask with it ---------------------------------------------

# As editors do that keep a backup.
git -C "$WS" config user.name Bob
watched default "$WS/.git/config"
echo '# agents may not' >"$WS/.git/other" && rm "$WS/.git/other"
sleep 0.5
ok 'other changes beside it harm nothing' kill -0 "$run_pid"
began=$SECONDS
mv "$WS/.git/config" "$WS/.git/config~" && cp "$WS/.git/config~" "$WS/.git/config"
finished
exit_is 'a file that is moved away ends the run' 137
ok 'at once, too' test $((SECONDS - began)) -le 3
like 'and it says why' "$(cat "$T/said")" '\.git/config was replaced from outside'

watched default "$WS/.git/config"
mv "$WS/.git" "$WS/.git-old" && cp -a "$WS/.git-old" "$WS/.git"
finished
exit_is 'so does its directory' 137
rm -rf "$WS/.git-old"

watched default "$WS/.git/config"
cp "$WS/.git/config" "$WS/fresh"
python3 - "$WS/fresh" "$WS/.git/config" <<'PY' || fail 'two files are exchanged'
import ctypes, sys
AT_FDCWD, RENAME_EXCHANGE = -100, 2
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(libc.renameat2(AT_FDCWD, sys.argv[1].encode(), AT_FDCWD, sys.argv[2].encode(),
                        RENAME_EXCHANGE) != 0)
PY
finished
exit_is 'so does an exchange' 137

# --- a mask in the workspace --------------------------------------------------------------------

echo 'old token' >"$WS/token"
profile hidden-token <<JSON
{"extends": ["default"], "filesystem": {"hide": ["{workspace}/token"]}}
JSON
watched hidden-token "$WS/token"
rm "$WS/token" && echo 'new token' >"$WS/token"
finished
exit_is 'so does a mask that falls' 137

done_testing
