#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Paths inside the writable workspace that stay as they are: what runs later, outside.
. "${0%/*}/lib.sh"

files=$(probe files)
see=(--ro "$T/bin")
hook=.git/hooks/pre-commit
add_agent bot
profile bare <<'JSON'
{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": true}}
JSON

# fresh: a workspace as `git init` leaves it.
fresh() {
	chmod -R u+w "$WS" && rm -rf "$WS" && mkdir -p "$WS/.git/hooks" && cd "$WS" || exit 1
	echo '[core]' >.git/config
	echo 'exit 0' >.git/hooks/pre-push
}

# unharmed NAME
unharmed() {
	is "$1" "$(cat "$WS/.git/config"; ls -A "$WS/.git/hooks"; cat "$WS/.git/hooks/pre-push")" \
		$'[core]\npre-push\nexit 0'
}

# attempts [OPTION...]: each in a fresh workspace and a sandbox of its own, since some change
# what comes after.  `WANTED ATTEMPT NAME...` rows on stdin; the first row makes the profile.
attempts() {
	local wanted attempt name

	while read -r wanted attempt name <&6; do
		fresh
		sandbox "${see[@]}" "$@" -- "$files" "$attempt"
		says "$name" "$attempt" "$wanted"
	done 6<&0
}

# --- what is there stays -------------------------------------------------------------------

fresh
rows='EROFS write,.git/config
EROFS truncate,.git/config
ENOSYS openat2,.git/config
EROFS inside,.git,config
EROFS directory,.git/hooks,pre-commit
EROFS descriptor,.git/config
EROFS own-root,WS/.git/config
EROFS symlink,.git/config,alias
EROFS chmod,.git/config
EROFS touch,.git/config
EROFS flags,.git/config
EROFS mapping,.git/config
EXDEV hard-link,.git/config,alias
EROFS unlink,.git/config
EROFS rename,.git/config,.git/config2
EROFS swap,.git/config,HEAD
EROFS write,.git/hooks/pre-commit
EROFS write,.git/hooks/pre-push
EROFS create,.git/hooks/pre-commit
EROFS unlink,.git/hooks/pre-push
EROFS mkdir,.git/hooks/x
EROFS make-symlink,/bin/true,.git/hooks/pre-commit
EROFS rename,.git/hooks/pre-push,.git/hooks/pre-commit
EROFS rename,HEAD,.git/hooks/pre-commit
EROFS tmpfile,.git/hooks,.git/hooks/pre-commit
EROFS rmdir,.git/hooks
EROFS rename,.git/hooks,.git/hooks2
EROFS replace,.git/hooks,.git/hooks/pre-commit
EBUSY replace,.git,.git/hooks/pre-commit
EBUSY swap,.git,evil
EBUSY rename,.git,elsewhere
EPERM unmount,.git/hooks
EPERM remount,.git/hooks
EPERM namespace,.git/hooks/pre-push'
rows=${rows//WS/$WS}
echo ref >HEAD
mkdir -p evil/hooks
mapfile -t all < <(cut -d' ' -f2 <<<"$rows")
sandbox "${see[@]}" -- "$files" "${all[@]}"
exit_is 'every attempt is made' 0
while read -r wanted attempt; do
	says "protected: $attempt" "$attempt" "$wanted"
done <<<"$rows"
unharmed 'nothing has changed'
denied 'a hook that was to be is on record' file "$WS/$hook" EROFS
denied 'and so is the configuration' file "$WS/.git/config" EROFS
denied 'and that its parent was to be moved' file "$WS/.git" EBUSY
fresh
sandbox "${see[@]}" -- sh -c 'echo ref >.git/HEAD && mkdir .git/objects && rm .git/HEAD'
exit_is 'the rest of .git is writable' 0

# The same where the profile protects nothing.
attempts --profile bare <<ROWS
ok write,.git/config the controls: written where nothing protects it
ok hard-link,.git/config,alias through a hard link
ok symlink,.git/config,alias through a symlink
ok unlink,.git/config removed
ok write,$hook a hook is made
ok tmpfile,.git/hooks,$hook by any way
ok replace,.git/hooks,$hook in a new directory
ok replace,.git,$hook or a new .git
ok rename,.git,elsewhere or moved away
ROWS

# --- a parent that is moved from under it --------------------------------------------------

fresh
sandbox -- sh -c 'mv .git .git2; mkdir -p .git/hooks; echo evil >.git/hooks/pre-commit;
	echo evil >.git/config; cd .git && mv ../.git ../.git3; rm -rf ../.git'
unharmed 'whatever is done to the parents'
is 'which stay where they are' "$(ls -A | xargs)" .git
fresh
cat >"$T/deep.json" <<'JSON'
{"extends": ["default"],
 "filesystem": {"protect": ["{workspace}/a/b/c/file", "{workspace}/a/x/dir/", "?{workspace}/none/file"]}}
JSON
mkdir -p a/b/c a/x
echo kept >a/b/c/file
sandbox "${see[@]}" --profile "$T/deep.json" -- "$files" rename,a,z rename,a/b,a/z rename,a/b/c,a/z \
	replace,a/b,a/b/c/file replace,a,a/x/dir/file write,a/x/dir/file write,a/b/c/other write,a/other
for attempt in rename,a,z rename,a/b,a/z rename,a/b/c,a/z replace,a/b,a/b/c/file \
	replace,a,a/x/dir/file; do
	says "deep: $attempt" "$attempt" EBUSY
done
says 'deep: nothing can be put into it' write,a/x/dir/file EROFS
says 'but beside it' write,a/b/c/other ok
says 'on every level' write,a/other ok
is 'and it is what it was' "$(cat a/b/c/file)" kept
not_ok 'what was made for the run is gone' test -e a/x/dir
not_ok 'what is optional is not made' test -e none

# --- what is not there yet -----------------------------------------------------------------

rm -rf "$WS" && mkdir -p "$WS/.git" && cd "$WS" || exit 1
sandbox "${see[@]}" -- "$files" write,.git/config "write,$hook" rmdir,.git/hooks \
	rename,.git/hooks,.git/h "replace,.git,$hook"
says 'a configuration that is not there cannot be made' write,.git/config EROFS
says 'nor a hook' "write,$hook" EROFS
says 'nor can its place be removed' rmdir,.git/hooks EROFS
says 'or moved' rename,.git/hooks,.git/h EROFS
says 'or be replaced with its parent' "replace,.git,$hook" EBUSY
is 'and afterwards it is as it was' "$(find . | sort | xargs)" '. ./.git'
sandbox -- false
is 'also when the command fails' "$(find . | sort | xargs)" '. ./.git'
sandbox -- mount
is 'or is denied' "$(find . | sort | xargs)" '. ./.git'
sandbox --wall 100ms -- sleep 10
is 'or runs out of time' "$(find . | sort | xargs)" '. ./.git'
run_warder run --agent bot --profile "$T/none.json" -- true
is 'or never started' "$(find . | sort | xargs)" '. ./.git'
rm -rf .git
sandbox -- sh -c 'mkdir .git && echo new >.git/config'
exit_is 'where there is no .git a new one can be made' 0
is 'and is all that is there' "$(find . | sort | xargs)" '. ./.git ./.git/config'

# Somebody outside may fill what was made for the run: it is his.
rm -rf .git && mkdir .git
start_sandbox -- sh -c 'touch up; while [ ! -e done ]; do sleep 0.05; done'
wait_until 5 test -e up
echo outside >.git/hooks/pre-commit
echo outside >.git/config
touch "done"
wait "$server_pid"
is 'what somebody outside has put there stays' "$(cat .git/hooks/pre-commit .git/config | xargs)" \
	'outside outside'

# One run must not take away what another still needs.
rm -rf "$WS" && mkdir -p "$WS/.git" && cd "$WS" || exit 1
start_sandbox -- sh -c 'touch up1; while [ ! -e end1 ]; do sleep 0.05; done'
first=$server_pid
wait_until 5 test -e up1
start_sandbox "${see[@]}" -- sh -c 'touch up2; while [ ! -e end2 ]; do sleep 0.05; done
	"$0" write,.git/config write,.git/hooks/pre-commit mkdir,.git/hooks' "$files"
second=$server_pid
wait_until 5 test -e up2
touch end1
wait "$first"
touch end2
wait "$second"
out=$(cat "$T/server.log")
says 'a run that ended has not opened the configuration of another' write,.git/config EROFS
says 'nor its hooks' "write,$hook" EROFS
not_ok 'nothing came of it' test -s .git/config -o -e "$hook"

# --- odd shapes ----------------------------------------------------------------------------

rm -rf "$WS" && mkdir -p "$WS" "$T/gitdir" && cd "$WS" || exit 1
echo "gitdir: $T/gitdir" >.git
sandbox -- cat .git
exit_is 'a .git that is a file (a worktree) is no obstacle' 0
rm -f .git && mkdir -p real/hooks && ln -s real .git
sandbox -- touch ran
exit_is 'a .git that is a symlink could be replaced, so it does not start' 125
like 'and says so' "$err" '/\.git is a symlink, which could be replaced'
like 'with the mend' "$err" 'name what it points to'
rm -f .git && ln -s "$T/gitdir" .git
sandbox -- touch ran
exit_is 'nor when it leads out of the workspace' 125
not_ok 'none of them ran' test -e ran
is 'and nothing is made there' "$(ls -A "$T/gitdir")" ''
rm -f .git && ln -s /no/where .git
sandbox -- true
exit_is 'a dangling one is no obstacle' 0

# --- a signal while it starts ------------------------------------------------------------------

# Somebody holds the ledger, so that the start waits with what it made for the run.
rm -rf "$WS/.git" && mkdir "$WS/.git"
"$WARDER" run --agent bot -- true >/dev/null 2>&1 # so that there is a ledger
python3 - "$WARDER_LOG_DIR/ledger.jsonl" "$T/release" >"$T/held" 2>&1 <<'PY' &
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
F_OFD_SETLK = 37
fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
print("held", flush=True)
for _ in range(600):
    if os.path.exists(sys.argv[2]):
        break
    time.sleep(0.05)
PY
holder=$!
ok 'the ledger is held' wait_until 10 grep -q held "$T/held"
env --default-signal "$WARDER" run --agent bot -- sleep 20 >/dev/null 2>&1 </dev/null &
run_pid=$!
ok 'the start has made what it protects' wait_until 5 test -d "$WS/.git/hooks"
kill -TERM "$run_pid"
sleep 0.2
touch "$T/release"
wait "$run_pid"
is 'a signal during the start ends the run' "$?" 143
wait "$holder"
not_ok 'and nothing that was made for it is left' test -e "$WS/.git/hooks" -o -e "$WS/.git/config"
is 'its journal has an end' "$(records 'select(.detail.event == "run.end").detail.exit_code')" 143

done_testing
