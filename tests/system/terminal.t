#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A run on a terminal: as if the command had been started itself, but that it cannot type.
. "${0%/*}/lib.sh"
needs_command /usr/bin/python3

add_agent bot

# on_terminal COMMAND... <<STEPS: see typist.py.
on_terminal() {
	timeout -s KILL 60 /usr/bin/python3 "$WARDER_SOURCE/tests/system/typist.py" "$@" \
		>"$T/stdout" 2>"$T/stderr"
	status=$?
	out=$(tr -d '\000\r' <"$T/stdout")
	err=$(cat "$T/stderr")
}
# bot COMMAND... <<STEPS
bot() { on_terminal "$WARDER" run --agent bot --meta "test=$T/" -- "$@"; }

bot sh -c 'test -t 0 && test -t 1 && test -t 2 && echo all' <<<'expect all'
exit_is 'the command has the terminal' 0
bot sh -c 'echo >/dev/tty to it && stty size' <<'STEPS'
expect to it
expect 24 80
STEPS
exit_is 'by its name, too' 0
bot sh -c 'read line; echo "got $line"; exit 3' <<'STEPS'
send hello\r
expect got hello
STEPS
exit_is 'what is typed arrives' 3
bot cat <<'STEPS'
send a line\r\x04
expect a line
STEPS
exit_is 'and so does its end' 0

# A pause, because between its fork and its exec a shell may take a child's signal for itself.

# --- Ctrl-C, Ctrl-\ ------------------------------------------------------------------------

bot sh -c 'echo up; sleep 20' <<'STEPS'
expect up
pause 0.2
send \x03
STEPS
exit_is 'Ctrl-C ends the command' 130
nothing_left 'all of it'
bot bash -c 'trap "echo caught; exit 5" INT; echo up; while :; do sleep 0.05; done' <<'STEPS'
expect up
pause 0.2
send \x03
expect caught
STEPS
exit_is 'unless it handles it' 5
bot sh -c 'echo up; sleep 20' <<'STEPS'
expect up
pause 0.2
send \x1c
STEPS
exit_is 'so does Ctrl-\' 131
bot bash -c 'n=0; trap "n=\$((n+1))" INT; echo up; read line; echo "n=$n"' <<'STEPS'
expect up
send \x03
pause 0.1
send \x03
pause 0.1
send x\r
STEPS
like 'each Ctrl-C arrives once' "$out" 'n=2'

# --- Ctrl-Z, fg, bg, & ---------------------------------------------------------------------

# An interactive shell outside, which starts warder as a job.
# shellcheck disable=SC2016
shell=(env PS1='$ ' HISTFILE= bash --norc --noprofile -i)
start="\"\$WARDER\" run --agent bot --meta test=$T/ --"
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'echo u""p; read line; echo got \$line; exit 4'\\r
expect up
pause 0.2
send \\x1a
expect Stopped
send echo ou""tside\\r
expect outside
send fg\\r
pause 0.2
send hello\\r
expect got hello
send echo status \$?\\r
expect status 4
send exit\\r
STEPS
exit_is 'Ctrl-Z stops it, and fg goes on' 0
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'echo u""p; sleep 1; echo do""ne'\\r
expect up
pause 0.2
send \\x1a
expect Stopped
send bg\\r
expect done
send wait; exit\\r
STEPS
exit_is 'or in the background, with bg' 0
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'read line; echo got \$line' &\\r
pause 0.3
send jobs\\r
expect Stopped
send fg\\r
pause 0.2
send hi\\r
expect got hi
send exit\\r
STEPS
exit_is 'a job in the background that reads waits for fg' 0
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'sleep 0.2; exit 6' & wait \$!; echo status \$?\\r
expect status 6
send exit\\r
STEPS
exit_is 'one that does not read just runs' 0
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'kill -STOP \$\$; echo wo""ke'\\r
expect Stopped
send fg\\r
expect woke
send exit\\r
STEPS
exit_is 'a command that stops itself is stopped as a whole' 0

# An interactive shell inside has its own jobs.
bot env "PS1=in\$ " bash --norc --noprofile -i <<'STEPS'
expect in\$
send sleep 20\r
pause 0.2
send \x1a
expect Stopped
send jobs\r
expect Stopped.*sleep
send fg\r
expect sleep 20
pause 0.2
send \x03
expect in\$
send echo s""till\r
expect still
send exit 7\r
STEPS
exit_is 'a shell inside does job control of its own' 7

# A run that is stopped is not out of reach.
on_terminal "${shell[@]}" <<STEPS
expect \\$
send ${start/ --/ --wall 1500ms --} sh -c 'echo u""p; sleep 20'\\r
expect up
pause 0.2
send \\x1a
expect Stopped
pause 1.7
send echo; jobs; fg; echo status \$?\\r
expect status (124|1)
send exit\\r
STEPS
exit_is 'the time goes on while it is stopped' 0
nothing_left 'and ends it'
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'echo u""p; sleep 20'\\r
expect up
pause 0.2
send \\x1a
expect Stopped
send "\$WARDER" revoke bot; "\$WARDER" reinstate bot; echo do""ne\\r
expect ended
expect done
send exit\\r
STEPS
exit_is 'it can be revoked while it is stopped' 0
nothing_left 'and is gone'

# --- the window, the modes -----------------------------------------------------------------

bot bash -c 'trap "stty size" WINCH; echo up; for i in {1..40}; do sleep 0.05; done' <<'STEPS'
expect up
size 50 132
expect 50 132
STEPS
exit_is 'the window may change' 0
bot sh -c 'stty raw -echo; echo up; head -c 1; echo x; stty -raw echo' <<'STEPS'
expect up
modes
send y
expect yx
STEPS
like 'the command may set the terminal as it likes' "$out" 'modes:'$'\n'
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start sh -c 'stty raw -echo; kill -9 \$\$'\\r
expect \\$
modes
send stty sane; exit\\r
STEPS
unlike 'and one that dies is no catastrophe' "$out" 'did not come'
on_terminal sh -c '"$0" run --agent bot -- sh -c "stty raw -echo; kill -9 \$\$"; stty -a' "$WARDER" \
	</dev/null
like 'its modes go with it' "$out" '[^-]icanon .*[^-]echo '
on_terminal "${shell[@]}" <<STEPS
expect \\$
send $start true; echo th""en\\r
expect then
send cat\\r
pause 0.2
send mine\\r
expect mine
send \\x04
send exit\\r
STEPS
exit_is 'afterwards the terminal is the shell'"'"'s again' 0

# --- what it cannot ------------------------------------------------------------------------

cat >"$WS/type.py" <<'PY'
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_char_p]
for request in (0x5412, 0x5412 | 1 << 32):
    if libc.syscall(16, 0, request, b"x") == 0:
        print("has typed")
    else:
        print("errno", ctypes.get_errno())
PY
case $(uname -m) in
x86_64)
	bot /usr/bin/python3 type.py <<'STEPS'
expect errno 1
expect errno 1
STEPS
	exit_is 'it cannot type' 0
	unlike 'not one letter' "$out" 'has typed'
	denied 'and that it tried is on record' syscall ioctl:TIOCSTI EPERM
	on_terminal /usr/bin/python3 type.py <<<'expect has typed|errno 5'
	isnt 'which it could outside, where the kernel does not forbid it' "$status" 99
	;;
esac
bot sh -c 'echo up; sleep 20' <<'STEPS'
expect up
pause 0.2
close
STEPS
exit_is 'a terminal that goes away ends it' 129
nothing_left 'all of it'

# --- none at all ---------------------------------------------------------------------------

sandbox -- sh -c 'exec </dev/tty'
isnt 'where there is no terminal there is none inside' "$status" 0
on_terminal sh -c '"$0" run --agent bot -- sh -c "exec 3<>/dev/tty" </dev/null >/dev/null 2>&1;
	echo status $?' "$WARDER" </dev/null
unlike 'nor where there is one that it was not given' "$out" 'status 0'
run setsid "$WARDER" run --agent bot -- sh -c 'exit 8'
exit_is 'and none is needed' 8

done_testing
