#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shim by itself, under a supervisor that only answers: each call that it takes the place
# of says why it was denied, and does otherwise just what the C library's own does.
. "${0%/*}/../system/lib.sh"

shim=$(find "$PREFIX" -name libwarder-preload.so)
host=$WARDER_PROBES/unit/shim_host
line='warder: denied a thing: no rule allows it (x[1])'
export SHIM_TEXT=$line
mkdir "$T/allowed" "$T/denied"
printf '#!/bin/sh\necho "$0: $*"\nexec /usr/bin/env\n' >"$T/allowed/x"
printf 'echo "a script without a first line: $*"\n' >"$T/allowed/plain"
cp "$T/allowed/x" "$T/denied/x"
chmod +x "$T"/*/x "$T/allowed/plain"

# with COMMAND...: under the supervisor and the shim; without: under the supervisor alone.
with() { run env SHIM_PRELOAD="$shim" "$host" "$@"; }
without() { run "$host" "$@"; }

# What the next program was given, but for what is different on purpose.
plain() { grep -Ev '^(LD|SHIM)_PRELOAD=' <<<"$1"; }

# Where the shim is said to be there is none outside of a sandbox: the loader says so.
without_loader() { grep -v 'ld\.so: object\|WARDER_' <<<"$1"; }

# same NAME COMMAND...: with the shim it gives the same output and status as without.
same() {
	local name=$1 wanted

	shift
	without "$@"
	wanted=$status:$out
	with "$@"
	is "$name: the same result" "$status:$(plain "$out")" "$(plain "$wanted")"
	is "$name: in silence" "$(without_loader "$err")" ''
}

# denied NAME COMMAND...: the same, but for one line on stderr.
denied() {
	local name=$1 wanted

	shift
	without "$@"
	wanted=$status:$out
	is "$name: nobody says why without the shim" "$err" ''
	with "$@"
	is "$name: the same result" "$status:$out" "$wanted"
	is "$name: why" "$(without_loader "$err")" "$line"
}

each_call() {
	local call

	for call in execve execv execvp execvpe execl execlp execle fexecve vfork posix_spawn posix_spawnp; do
		denied "$1 $call" "$probe" "$call" "$T/denied/x"
		like "$1 $call: EACCES" "$out" "^$call: -1 13$"
		same "$1 $call" "$probe" "$call" "$T/allowed/x"
		like "$1 $call: runs" "$out" "one two"
		[ "$call" = fexecve ] && continue # there is no descriptor of nothing
		same "$1 $call of nothing" "$probe" "$call" "$T/allowed/nothing"
		like "$1 $call: ENOENT" "$out" "^$call: -1 2$"
	done
}

searches() {
	local call

	for call in execvp execvpe execlp posix_spawnp; do
		denied "$1 $call by PATH" /usr/bin/env PATH="$T/denied" "$probe" "$call" x
		same "$1 $call past a denial" /usr/bin/env PATH="$T/denied:$T/nothing:$T/allowed:/bin" "$probe" "$call" x
		like "$1 $call: finds it" "$out" "^$T/allowed/x: one two"
		same "$1 $call of no name" "$probe" "$call" ''
		same "$1 $call of a long name" "$probe" "$call" "$(printf '%0256d' 0)"
		same "$1 $call without a PATH" /usr/bin/env -u PATH "$probe" "$call" nothing-of-this-name
	done
}

others() {
	denied "$1 connect" "$probe" connect 1
	like "$1 connect: EACCES" "$out" '^connect: -1 13$'
	denied "$1 connect, again and again" "$probe" connect 5
	with "$probe" getaddrinfo denied.example
	is "$1 a denied name" "$(head -n 1 <<<"$err")" "$line"
	with "$probe" getaddrinfo 127.0.0.1
	is "$1 another name" "$status$err" 0
}

# The environment of the next program names the shim, first and once, whatever it was given.
environments() {
	local at=/run/warder/lib/libwarder-preload.so

	with "$probe" execve "$T/allowed/x"
	is "$1 an environment that was made new" "$(grep '^LD_PRELOAD' <<<"$out")" "LD_PRELOAD=$at"
	like "$1 beside what is in it" "$out" 'ONLY=this'
	with "$probe" execv "$T/allowed/x"
	is "$1 one that has another" "$(grep '^LD_PRELOAD' <<<"$out")" "LD_PRELOAD=$at:$shim"
	shim=$at:$shim with "$probe" execv "$T/allowed/x"
	is "$1 one that has it" "$(grep '^LD_PRELOAD' <<<"$out")" "LD_PRELOAD=$at:$shim"
	without "$probe" execve "$T/allowed/x"
	unlike "$1 without the shim" "$out" LD_PRELOAD
}

# What a connect fails with as if the other end were at fault may have another reason; for
# anything else nobody is asked, and for no failure is there the line of a denial.
failures() {
	local no

	for no in 111 110 104 113 101; do # ECONNREFUSED ETIMEDOUT ECONNRESET EHOSTUNREACH ENETUNREACH
		SHIM_ERRNO=$no SHIM_FAILED='warder: it was the gateway' with "$probe" connect 5
		is "$1 connect, errno $no" "$status:$out" "1:connect: -1 $no"
		is "$1 connect, errno $no: why" "$err" 'warder: it was the gateway'
		SHIM_ERRNO=$no with "$probe" connect 1
		is "$1 connect, errno $no: no reason, no word" "$err" ''
	done
	for no in 115 98 1; do # EINPROGRESS EADDRINUSE EPERM
		SHIM_ERRNO=$no SHIM_FAILED='warder: it was the gateway' with "$probe" connect 1
		is "$1 connect, errno $no, is not its business" "$status:$out:$err" "1:connect: -1 $no:"
	done
	SHIM_FAILED='warder: it was the gateway' with "$probe" connect 1
	is "$1 connect, a denial all the same" "$err" "$line"
}

probe=$WARDER_PROBES/unit/shim_probe
each_call glibc
searches glibc
same 'a script without a first line' "$probe" execvp "$T/allowed/plain"
like 'is run by a shell' "$out" 'a script without a first line: one two'
others glibc
failures glibc
environments glibc

# --- what is said, and where -----------------------------------------------------------------

SHIM_TEXT=$'warder: a\e[2Jb\nc\xc2\x9bd\x7fe \xc3\xa9' with "$probe" connect 1
is 'what a terminal would obey is left out' "$err" $'warder: a[2Jbcde \xc3\xa9'
SHIM_TEXT=$(printf 'x%.0s' {1..2000}) with "$probe" connect 1
is 'a text without end ends' "${#err}" 511
SHIM_TEXT= with "$probe" connect 1
is 'nothing to say is not said' "$err" ''

mkfifo "$T/pipe"
exec 9<>"$T/pipe"
dd if=/dev/zero of="$T/pipe" bs=4096 count=64 oflag=nonblock 2>/dev/null
run bash -c 'SHIM_PRELOAD=$1 exec "$2" "$3" connect 1 2>&9' _ "$shim" "$host" "$probe"
is 'a pipe that is full holds nobody up' "$status:$out" '1:connect: -1 13'
exec 9>&-
run bash -c 'SHIM_PRELOAD=$1 "$2" "$3" connect 1 2> >(exec true) & sleep 0.2; wait $!' _ \
	"$shim" "$host" "$probe"
is 'a pipe that nobody reads kills nobody' "$status:$out" '1:connect: -1 13'
run bash -c 'SHIM_PRELOAD=$1 exec "$2" "$3" connect 1 2>&-' _ "$shim" "$host" "$probe"
is 'no stderr at all is fine' "$status:$out" '1:connect: -1 13'

# --- outside of any sandbox ------------------------------------------------------------------

chmod -x "$T/denied/x"
for call in execve execvp execle fexecve posix_spawn; do
	run env LD_PRELOAD="$shim" "$probe" "$call" "$T/allowed/x"
	is "outside $call runs" "$status$err" 0
	unlike "outside $call adds nothing" "$out" /run/warder
	[ "$call" = fexecve ] && continue
	run env LD_PRELOAD="$shim" "$probe" "$call" "$T/denied"
	is "outside $call of a directory: EACCES, in silence" "$status:$out:$err" "1:$call: -1 13:"
done

# --- another C library -----------------------------------------------------------------------

command -v musl-gcc >/dev/null || skip_or_fail 'musl-gcc'
probe=$T/bin/shim_probe
ok 'it builds with musl' musl-gcc -std=gnu17 -D_GNU_SOURCE= -o "$probe" \
	"$WARDER_SOURCE/tests/unit/shim_probe.c"
each_call musl
others musl
failures musl
environments musl

done_testing
