# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The shell half of the tests: TAP, a place of its own for each test, warder and
# servers that can't outlive it.  Sourced first by every tests/*/*.t:
#
#	. "${0%/*}/../system/lib.sh"
#	run_warder version
#	exit_is 'version answers' 0
#	like 'with its name' "$out" '^warder [0-9]'
#	done_testing
#
# Given:  $T        a directory of this test's own, gone afterwards (WARDER_KEEP=1 keeps it)
#         $WS       a workspace in it; $HOME is in it, too
#         $WARDER   the program under test, and $PREFIX where it is installed
#         $status $out $err   what the last run_warder (or run) gave
# A test that must not be skipped on a fit machine asks skip_or_fail; WARDER_MUST_WORK=1
# says that this is such a machine.

set -u
umask 022

tap_count=0
tap_failed=0
tap_planned=no
server_pids=()
status=
out=
err=

# --- TAP -----------------------------------------------------------------------------------

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

pass() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s\n' "$tap_count" "$1"
}

# fail NAME [WHY...]
fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_count" "$1"
	shift
	[ $# -eq 0 ] || diag "$@"
	return 0
}

# ok NAME COMMAND...: the command succeeds.
ok() {
	local name=$1 said code
	shift
	if said=$("$@" 2>&1); then
		pass "$name"
	else
		code=$?
		fail "$name" "exit $code of: $*"$'\n'"$said"
	fi
}

# not_ok NAME COMMAND...: the command fails.
not_ok() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		fail "$name" "was expected to fail: $*"$'\n'"$said"
	else
		pass "$name"
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:    $2"$'\n'"wanted: $3"; fi
}

isnt() {
	if [ "$2" != "$3" ]; then pass "$1"; else fail "$1" "got what it must not be: $2"; fi
}

# like NAME GOT REGEX (extended, bash's)
like() {
	if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" "got:  $2"$'\n'"like: $3"; fi
}

unlike() {
	if [[ $2 =~ $3 ]]; then fail "$1" "got:    $2"$'\n'"unlike: $3"; else pass "$1"; fi
}

# exit_is NAME WANTED: of the last run_warder or run.
exit_is() {
	if [ "$status" = "$2" ]; then
		pass "$1"
	else
		fail "$1" "exit $status, wanted $2"$'\n'"stdout: $out"$'\n'"stderr: $err"
	fi
}

# skip NAME WHY: one test, which is another run's (root's, say) by design.
skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

done_testing() {
	tap_planned=yes
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}

# skip_all WHY: the rest of the file is another run's by design.
skip_all() {
	if [ "$tap_count" -eq 0 ]; then
		tap_planned=yes
		printf '1..0 # SKIP %s\n' "$1"
		exit 0
	fi
	skip 'the rest' "$1"
	done_testing
}

# skip_or_fail WHY: this machine can't.  Where it must, that is a failure.
skip_or_fail() {
	if [ "${WARDER_MUST_WORK:-0}" = 1 ]; then
		fail "this machine must be able to: $1"
		done_testing
	fi
	skip_all "$1"
}

needs_root() { [ "$(id -u)" -eq 0 ] || skip_all 'for root only'; }
needs_command() { command -v "$1" >/dev/null || skip_or_fail "no command $1"; }

# --- a place of its own --------------------------------------------------------------------

# The program under test: told by `make check` and ./check, else a build tree's, else PATH's.
find_warder() {
	local top candidate

	top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd) || exit 1
	WARDER_SOURCE=${WARDER_SOURCE:-$top}
	WARDER_PROBES=${WARDER_PROBES:-$top/build/tests}
	[ -z "${WARDER:-}" ] || return 0
	for candidate in "$top"/build/stage/usr/local/bin/warder "$(command -v warder)"; do
		[ -x "$candidate" ] || continue
		WARDER=$candidate
		return 0
	done
	echo 'Bail out! no warder: build it, or set WARDER'
	exit 1
}

cleanup() {
	local code=$? pid

	trap - EXIT
	for pid in ${server_pids[@]+"${server_pids[@]}"}; do
		kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	[ "$tap_planned" = yes ] || diag "ended early, with exit $code"
	if [ "${WARDER_KEEP:-0}" = 1 ]; then
		diag "kept: $T"
	else
		cd / && rm -rf "$T"
	fi
	[ "$tap_planned" = yes ] || [ "$code" -ne 0 ] || code=1
	exit "$code"
}

find_warder
PREFIX=${WARDER%/bin/warder}
PROBES=$WARDER_PROBES/system/probes
T=$(mktemp -d "${TMPDIR:-/tmp}/warder-test.XXXXXX") || exit 1
T=$(cd "$T" && pwd -P) || exit 1
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
WS=$T/work
export HOME=$T/home
mkdir -p "$WS" "$HOME" "$T/bin"
export WARDER_CONFIG_DIR=$T/config WARDER_STATE_DIR=$T/state
export WARDER_LOG_DIR=$T/log WARDER_RUNTIME_DIR=$T/run
export LC_ALL=C.UTF-8 WARDER PREFIX PROBES WARDER_SOURCE WARDER_PROBES
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR XDG_DATA_HOME LD_PRELOAD NO_COLOR
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy no_proxy NO_PROXY
# The leak checker needs ptrace(), which a confined process no longer has.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
cd "$WS" || exit 1

# --- running things ------------------------------------------------------------------------

# run COMMAND...: sets status, out, err.  Never longer than WARDER_TIMEOUT seconds (137 then).
run() {
	timeout -s KILL "${WARDER_TIMEOUT:-30}" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null
	status=$?
	out=$(tr -d '\000' <"$T/stdout")
	err=$(tr -d '\000' <"$T/stderr")
}

run_warder() { run "$WARDER" "$@"; }

# start_server COMMAND...: in the background, its pid in $server_pid, output in $T/server.PID.
start_server() {
	rm -f "$T/server.log" # who waits for a word in it must not find the last one's
	"$@" </dev/null >"$T/server.log" 2>&1 &
	server_pid=$!
	server_pids+=("$server_pid")
}

# stop_server PID [SIGNAL]: and waits for it.
stop_server() {
	local pid kept=()

	kill -"${2:-KILL}" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	for pid in "${server_pids[@]}"; do
		[ "$pid" = "$1" ] || kept+=("$pid")
	done
	server_pids=(${kept[@]+"${kept[@]}"})
	return 0
}

# wait_until SECONDS COMMAND...: polls; 1 when it never came true.
wait_until() {
	local left=$(($1 * 20))

	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.05
	done
}

# probe NAME: copies a static helper to where --ro "$T/bin" shows it to an agent; prints its path.
probe() {
	[ -e "$T/bin/$1" ] || cp "$PROBES/$1" "$T/bin/$1" || return 1
	printf '%s\n' "$T/bin/$1"
}

# against_schemas ROWS: see schema.py.  Each row is a test.
against_schemas() {
	local verdict name

	/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip_or_fail 'python3-jsonschema'
	while read -r verdict name; do
		if [ "$verdict" = ok ]; then pass "$name"; else fail "${name%%:*}" "$name"; fi
	done < <(/usr/bin/python3 "$WARDER_SOURCE/tests/system/schema.py" \
		"$PREFIX/share/warder/profiles" <<<"$1" 2>&1)
}

# --- warder's own things -------------------------------------------------------------------

# add_agent ID [PROFILE [OPTION...]]
add_agent() {
	local id=$1 profile=${2:-default}

	shift $(($# > 1 ? 2 : 1))
	"$WARDER" agents add "$id" --owner alice@example.com --environment test \
		--profile "$profile" "$@" >/dev/null
}

# profile NAME <<JSON: writes CONFIG/profiles.d/NAME.json
profile() {
	mkdir -p "$WARDER_CONFIG_DIR/profiles.d"
	cat >"$WARDER_CONFIG_DIR/profiles.d/$1.json"
}

# sandbox [OPTION...] -- COMMAND...: what the agent "bot" does.  $T stands in the command
# line of its supervisor, for left_behind.
sandbox() { run_warder run --agent bot --meta "test=$T/" "$@"; }

# start_sandbox [OPTION...] -- COMMAND...: the same in the background, as start_server; but
# without the signals ignored that a shell has its background jobs ignore.
start_sandbox() {
	start_server env --default-signal "$WARDER" run --agent bot --meta "test=$T/" "$@"
}

# Processes, whoever owns them, that have this test's directory in their command line.
left_behind() {
	grep -lsaF -f <(printf '%s/\n' "$T") /proc/[0-9]*/cmdline
}

# nothing_left NAME: what dies, dies; what lives after a second lives.
nothing_left() {
	local pids

	if wait_until 1 eval '[ -z "$(left_behind)" ]'; then
		pass "$1"
	else
		pids=$(left_behind | grep -o '[0-9]\+')
		# shellcheck disable=SC2086
		fail "$1" "$(ps -o pid,ppid,stat,args -p ${pids//$'\n'/,})"
	fi
}

# got ATTEMPT: what the probe of the last run said of it.
got() {
	awk -v name="$1" 'index($0, name "=") == 1 { print substr($0, length(name) + 2); exit }' \
		<<<"$out"
}

# says NAME ATTEMPT WANTED
says() { is "$1" "$(got "$2")" "$3"; }

# The journal of the last run that started.  Run ids sort by time.
journal() {
	local all=("$WARDER_LOG_DIR"/journal/run_*.jsonl)

	[ -e "${all[-1]}" ] && printf '%s\n' "${all[-1]}"
}

# records [FILTER]: the last journal through `jq -c`.
records() {
	local file

	file=$(journal) || return 1
	jq -c "${1:-.}" "$file"
}

# count_records CONDITION: how many of its lines are such.
count_records() { records "select($1)" | wc -l; }

# denials: each of the last run as `TOOL RESOURCE ERRNO`.
denials() {
	jq -r 'select(.policy_decision == "denied") | "\(.tool) \(.resource) \(.errno // "-")"' \
		"$(journal)"
}

# denied NAME TOOL RESOURCE ERRNO: it is on record.
denied() {
	local list

	list=$(denials)
	if grep -qxF -- "$2 $3 $4" <<<"$list"; then
		pass "$1"
	else
		fail "$1" "not on record: $2 $3 $4"$'\n'"$list"
	fi
}

# ledger [FILTER]
ledger() { jq -c "${1:-.}" "$WARDER_LOG_DIR/ledger.jsonl"; }
