#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Commands: what a rule denies is not run, by whatever path, call or trick; what is allowed is,
# and every one of them is on record, static programs and posix_spawn included.
. "${0%/*}/lib.sh"
. "${0%/*}/attempts.sh"

bin=$T/bin
probe exec >/dev/null
for name in allowed forbidden interpreter; do
	cp "$PROBES/exec" "$bin/$name"
done
cp "$PROBES/exec" "$WS/mine"
ln -s forbidden "$bin/link"
ln -s "$bin/allowed" "$bin/good-link"
script() { # script FILE FIRST-LINE
	printf '%s\nexit 42\n' "$2" >"$1"
	chmod +x "$1"
}
script "$bin/script" '#!/bin/sh'
script "$bin/denied-script" '#!/bin/sh'
script "$bin/by-forbidden" "#!$bin/forbidden"
script "$bin/by-script" "#!$bin/by-forbidden"
script "$bin/by-nothing" '#!/nonexistent/interpreter'
script "$bin/endless" "#!$bin/endless"
cp "$PROBES/exec" "$bin/unreadable" && chmod 0111 "$bin/unreadable"
cp "$PROBES/exec" "$bin/private" && chmod 0500 "$bin/private"
script "$bin/unreadable-script" "#!$bin/interpreter" && chmod 0111 "$bin/unreadable-script"
if [ "$(id -u)" -eq 0 ]; then # of somebody whom the sandbox does not know
	chown nobody "$bin/unreadable" "$bin/unreadable-script"
fi
printf 'data\n' >"$bin/data"
{ printf '#!'; printf 'x%.0s' {1..300}; echo; } >"$bin/long" && chmod +x "$bin/long"

# rules NAME JSON: more of a profile in which the workspace can be run from.
rules() {
	profile "$1" <<-JSON
	{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": true}, $2}
	JSON
}
deny="{\"path\": \"$bin/forbidden\", \"decision\": \"deny\"},
	{\"path\": \"$bin/denied-script\", \"decision\": \"deny\"}"
rules some "\"exec\": {\"rules\": [$deny]}"
rules every '"exec": {"memfd": true, "loader": true}'
rules list "\"exec\": {\"default\": \"deny\", \"rules\": [
	{\"path\": \"$bin/exec\", \"decision\": \"allow\"},
	{\"path\": \"$bin/allowed\", \"argv\": [\"r*\"], \"decision\": \"allow\"},
	{\"path\": \"$bin/script\", \"decision\": \"allow\"}]}"
rules words '"exec": {"rules": [
	{"path": "echo", "argv": ["destroy", "**"], "decision": "deny"},
	{"path": "echo", "argv": ["*", "--force"], "decision": "deny"},
	{"path": "sh", "argv": ["-c", "rm *"], "decision": "deny"},
	{"path": "/usr/bin/dat?", "decision": "deny"}]}'
profile noexec <<<'{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": false}}'

# --- the control -----------------------------------------------------------------------------

attempts - exec <<ROWS
plain,$bin/forbidden     ok      -  outside: execve()
fexecve,$bin/forbidden   ok      -  outside: fexecve()
proc-fd,$bin/forbidden   ok      -  outside: /proc/self/fd
root,$bin/forbidden      ok      -  outside: /proc/self/root
execveat,$bin/forbidden  ok      -  outside: execveat()
thread,$bin/forbidden    ok      -  outside: from a thread
vfork,$bin/forbidden     ok      -  outside: after vfork()
spawn,$bin/forbidden     ok      -  outside: posix_spawn()
plain,$bin/link          ok      -  outside: by a link
plain,$bin/by-forbidden  ok      -  outside: as an interpreter
plain,$bin/denied-script  ok     -  outside: a script
memory,$bin/allowed      ok      -  outside: from memory
deleted,$bin/allowed     ok      -  outside: without a name
plain,$WS/mine           ok      -  outside: from the workspace
plain,$bin/unreadable    ok      -  outside: what may be run and not be read
plain,$bin/private       ok      -  outside: what only its owner may
bad-arguments,$bin/allowed  EFAULT  -  outside: with arguments that are none
ROWS

# --- by path ---------------------------------------------------------------------------------

attempts some exec <<ROWS
plain,$bin/allowed       ok      +exec:$bin/allowed    what is allowed: execve()
fexecve,$bin/allowed     ok      -                     fexecve()
proc-fd,$bin/allowed     ok      -                     /proc/self/fd
root,$bin/allowed        ok      -                     /proc/self/root
execveat,$bin/allowed    ok      -                     execveat()
thread,$bin/allowed      ok      -                     from a thread
vfork,$bin/allowed       ok      -                     after vfork()
spawn,$bin/allowed       ok      -                     posix_spawn()
parallel,$bin/allowed    20      -                     twenty at once
plain,$bin/good-link     ok      -                     by a link
plain,$bin/script        ok      +exec:$bin/script     a script
plain,$WS/mine           ok      +exec:$WS/mine        from the workspace
plain,$bin/forbidden     EACCES  exec:$bin/forbidden   what is forbidden: execve()
fexecve,$bin/forbidden   EACCES  exec:$bin/forbidden   fexecve()
proc-fd,$bin/forbidden   EACCES  exec:$bin/forbidden   /proc/self/fd
root,$bin/forbidden      EACCES  exec:$bin/forbidden   /proc/self/root
execveat,$bin/forbidden  EACCES  exec:$bin/forbidden   execveat()
thread,$bin/forbidden    EACCES  exec:$bin/forbidden   from a thread
vfork,$bin/forbidden     EACCES  exec:$bin/forbidden   after vfork()
spawn,$bin/forbidden     EACCES  exec:$bin/forbidden   posix_spawn()
parallel,$bin/forbidden  0       exec:$bin/forbidden   twenty at once
plain,$bin/link          EACCES  exec:$bin/forbidden   by a link
plain,$bin/../bin/./forbidden  EACCES  exec:$bin/forbidden  by a roundabout path
plain,$bin/by-forbidden  EACCES  exec:$bin/by-forbidden  as an interpreter
plain,$bin/by-script     EACCES  exec:$bin/by-script   as an interpreter's interpreter
plain,$bin/denied-script  EACCES  exec:$bin/denied-script  a script that may run its interpreter
memory,$bin/allowed      EACCES  -                     from memory
deleted,$bin/allowed     EACCES  -                     without a name
plain,/nonexistent/x     ENOENT  -                     what does not exist
plain,$bin/data          EACCES  -                     what is not executable
plain,/usr               EACCES  -                     a directory
plain,$bin/by-nothing    ENOENT  -                     a script without an interpreter
plain,$bin/endless       ELOOP   -                     one that is its own
plain,$bin/long          ENOENT  -                     a line that is too long
bad-arguments,$bin/allowed  EFAULT  -                  arguments that are none
ROWS
is 'what does not exist is not on record' "$(count_records '.resource == "/nonexistent/x"')" 0
is 'what has no name is' \
	"$(count_records '.rule == "exec.memfd" and .result == "blocked"')" 2
is 'a denial has one line' \
	"$(count_records ".resource == \"$bin/denied-script\"")" 1
is 'with its rule' "$(records "select(.resource == \"$bin/denied-script\") | .rule")" '"exec[1]"'
is 'what ran has two: the decision, and that it was what was decided' "$(records "
	select(.resource == \"$WS/mine\") | \"\(.phase) \(.result)\"" | jq -r . | xargs)" \
	'decision pending outcome success'
is 'with its arguments' "$(records "select(.resource == \"$WS/mine\" and .phase == \"decision\")
	| .process.argv | join(\" \")")" '"probe ran"'
is 'the interpreter of a script is named' \
	"$(records "select(.resource == \"$bin/script\" and .phase == \"decision\") | .detail.interpreter")" \
	"\"$(readlink -f /bin/sh)\""
is 'repetitions are counted' "$(records "select(.resource == \"$bin/forbidden\") | .attempt" | sort -n | tail -n 1)" \
	"$(count_records ".resource == \"$bin/forbidden\"")"

attempts every exec <<ROWS
plain,$bin/forbidden     ok      +exec:$bin/forbidden  allowed: what was forbidden
plain,$bin/by-forbidden  ok      -                     also as an interpreter
plain,$bin/denied-script  ok     -                     and the script
memory,$bin/allowed      ok      -                     from memory
deleted,$bin/allowed     ok      -                     without a name
ROWS

attempts list exec <<ROWS
plain,$bin/allowed       ok      +exec:$bin/allowed    only a list: what is on it
plain,$bin/forbidden     EACCES  exec:$bin/forbidden   what is not
plain,$WS/mine           EACCES  exec:$WS/mine         a copy of it
plain,$bin/script        EACCES  exec:$bin/script      a script whose interpreter is not
ROWS

attempts noexec exec <<ROWS
plain,$bin/allowed       ok      +exec:$bin/allowed    nothing that it can write: what it cannot
plain,$WS/mine           EACCES  exec:$WS/mine         a file of the workspace
deleted,$bin/allowed     EACCES  -                     one without a name
memory,$bin/allowed      EACCES  -                     nor from memory
ROWS
agent_runs noexec sh -c "cp '$bin/allowed' /tmp/x && exec /tmp/x ran"
exit_is 'nor from its /tmp' 126
agent_runs some sh -c "cp '$bin/allowed' /tmp/x && exec /tmp/x ran"
exit_is 'which could be run from otherwise' 42

# Ways round by /proc, where a path is another one to each that follows it.
for file in allowed forbidden; do
	wanted=42
	[ "$file" = allowed ] || wanted=126
	agent_runs some sh -c "cd '$bin' && exec /proc/self/cwd/$file ran"
	exit_is "by /proc/self/cwd: $file" "$wanted"
	agent_runs some sh -c "exec 3<'$bin/$file' && exec /dev/fd/3 ran"
	exit_is "by /dev/fd: $file" "$wanted"
	agent_runs some sh -c "exec /proc/\$\$/root$bin/$file ran"
	exit_is "by its own number: $file" "$wanted"
done
agent_runs some sh -c "exec /proc/1/root$bin/forbidden ran"
exit_is 'nor by what another process has for a root' 126

RUN=(--observe)
attempts some exec <<ROWS
plain,$bin/forbidden     ok      -                     --observe lets pass what is denied
ROWS
RUN=()
is 'and has it on record' "$(records "select(.resource == \"$bin/forbidden\" and .phase == \"decision\")
	| \"\(.policy_decision) \(.rule)\"")" '"observed exec[0]"'

# What the agent may not read the kernel shows to nobody once it runs: it is not verified, and so
# refused before, not killed for an escape that it was not.
attempts every exec <<ROWS
plain,$bin/unreadable    EACCES  exec:$bin/unreadable  what may be run and not be read
plain,$bin/unreadable-script  EACCES  exec:$bin/unreadable-script  also a script
plain,$bin/private       ok      +exec:$bin/private    what only its owner may read
ROWS
like 'for that reason' "$(records 'select(.rule == "exec.verify").reason' | head -n 1)" 'cannot be read'
is 'and is no finding' "$(count_records '.phase == "finding"')" 0
RUN=(--observe)
attempts every exec <<ROWS
plain,$bin/unreadable    EACCES  exec:$bin/unreadable  nor does --observe let it pass
ROWS
RUN=()

# --- the dynamic loader ----------------------------------------------------------------------

loader=$(readelf -l /bin/true | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
cp /bin/true "$WS/dynamic"
agent_runs every sh -c "'$loader' /bin/true && '$loader' ./dynamic"
exit_is 'the loader as a command, where it is allowed' 0
agent_runs some sh -c "'$loader' ./dynamic"
exit_is 'and where it is not' 126
is 'by its own rule' "$(count_records '.rule == "exec.loader" and .result == "blocked"')" 1
agent_runs some "$loader" /bin/true
exit_is 'also as the first command' 126

# --- by arguments ----------------------------------------------------------------------------

agent_runs words bash -c '/bin/echo apply; /bin/echo destroy; /bin/echo destroy all; /bin/echo x --force
	/bin/echo x --forced; /bin/echo --force; exec -a destroy /bin/echo fine'
is 'arguments are told apart' "$out" 'apply
x --forced
--force
fine'
is 'and are on record' "$(records 'select(.result == "blocked") | .process.argv[1:] | join(" ")' | jq -r .)" \
	'destroy
destroy all
x --force'
agent_runs words sh -c 'rm x'
exit_is 'a command line is an argument, too' 126
agent_runs words sh -c 'echo rm x'
exit_is 'and only the one' 0
agent_runs words date
exit_is 'a pattern denies what it matches' 126

# --- as the first command --------------------------------------------------------------------

agent_runs some "$bin/allowed" ran
exit_is "a command's own status" 42
agent_runs some "$bin/forbidden" ran
exit_is 'denied: 126' 126
like 'with the reason' "$err" "denied exec $bin/forbidden: a rule denies it"
agent_runs some "$bin/data"
exit_is 'not executable: 126' 126
agent_runs some "$bin/nothing"
exit_is 'not there: 127' 127
agent_runs some no-such-command-anywhere
exit_is 'nor in PATH: 127' 127
agent_runs some "$WS"
exit_is 'a directory: 126' 126
agent_runs some sh -c "'$bin/forbidden' ran"
exit_is 'a shell says the same of what it may not run' 126
like 'and the shim why' "$err" "warder: denied exec $bin/forbidden"

# --- bounds ----------------------------------------------------------------------------------

agent_runs some sh -c '/bin/true $(seq 70000)'
exit_is 'more arguments than can be looked at' 126
is 'are refused and on record' "$(count_records '.rule == "exec.bounds" and .result == "blocked"')" 1
agent_runs some sh -c '/bin/true $(seq 20000)'
exit_is 'many are fine' 0
agent_runs some sh -c 'i=0; while [ $i -lt 200 ]; do /bin/true || exit 1; i=$((i + 1)); done'
exit_is 'two hundred in a row' 0
is 'are two hundred on record' \
	"$(count_records ".tool == \"exec\" and .resource == \"$(readlink -f /bin/true)\" and .phase == \"outcome\"
		and .result == \"success\"")" 200

# What is traced cannot be verified.
if command -v strace >/dev/null; then
	rules traced '"exec": {"ptrace": true}'
	agent_runs traced strace -o /dev/null /bin/true
	isnt 'a command under a tracer is not run' "$status" 0
	is 'and on record' "$(count_records '.rule == "exec.verify" and .result == "blocked"')" 1
	agent_runs traced strace -o /dev/null -e trace=none -V
	exit_is 'the tracer itself is' 0
fi

# Another loader than the one of this machine's programs.
# musl's is a link to its C library: what it is counts, not what it is called.
musl=/lib/ld-musl-$(uname -m).so.1
[ -e "$musl" ] || skip_or_fail 'musl'
ln -s "$musl" "$WS/library"
for path in "$musl" "$(readlink -f "$musl")" ./library; do
	agent_runs every "$path"
	exit_is "another loader, where it is allowed: $path" 1
	like 'and runs' "$err" 'musl libc'
	agent_runs some "$path"
	exit_is 'and where it is not' 126
	is 'by the rule for loaders' "$(count_records '.rule == "exec.loader" and .result == "blocked"')" 1
done

done_testing
