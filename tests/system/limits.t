#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limits: what one run can take of the machine.
. "${0%/*}/lib.sh"

life=$(probe life)
see=(--ro "$T/bin")
add_agent bot

sandbox "${see[@]}" -- "$life" limit
says 'descriptors are limited' open_files 4096
says 'core files are not written' core 0
profile few <<<'{"extends":["default"],"limits":{"open_files":32,"memory":"64M"}}'
sandbox --profile few "${see[@]}" -- "$life" limit
says 'as the profile says' open_files 32
sandbox --profile few -- bash -c 'ulimit -n 64'
isnt 'and cannot be raised' "$status" 0
sandbox --profile few "${see[@]}" -- "$life" memory 200
ok 'memory is limited' test "$(got megabytes)" -lt 64
ok 'but not to nothing' test "$(got megabytes)" -gt 16
sandbox "${see[@]}" -- "$life" memory 200
says 'where a profile says so' megabytes 200
(
	ulimit -n 40
	"$WARDER" run --agent bot "${see[@]}" -- "$life" limit </dev/null >"$T/out" 2>&1
)
out=$(cat "$T/out")
says 'a stricter limit of before stays' open_files 40

# Processes: the kernel counts those of one user in one user namespace, and never root's.
profile fork <<<'{"extends":["default"],"limits":{"pids":25}}'
who=()
if [ "$(id -u)" -eq 0 ]; then
	sandbox --profile fork -- true
	exit_is 'a limit that cannot be enforced is no limit, so it does not start' 125
	like 'and says why' "$err" 'uid 0'
	like 'and what to do' "$err" '--user'
	chmod 0755 "$T" && chown nobody "$WS"
	who=(--user nobody)
fi
sandbox "${who[@]}" --profile fork "${see[@]}" -- "$life" bomb
says 'a fork bomb ends' ended EAGAIN
ok 'where the profile says' test "$(got made)" -lt 25
ok 'not before' test "$(got made)" -gt 10
nothing_left 'and leaves nothing'
sandbox "${who[@]}" "${see[@]}" -- "$life" bomb
says 'which is not so without a limit' ended ok

# A real one, each process forking for ever; in namespaces of its own, should all else fail.
if [ "$(id -u)" -eq 0 ]; then
	began=$SECONDS
	run unshare -m -u -i -p -f --mount-proc --kill-child "$WARDER" run --agent bot "${who[@]}" \
		--profile fork --wall 500ms "${see[@]}" -- "$life" storm
	exit_is 'one that never stops runs out of time' 124
	ok 'and of nothing else' test $((SECONDS - began)) -lt 4
	nothing_left 'and is gone'
fi

profile cpu <<<'{"extends":["default"],"limits":{"cpu":"50%"}}'
sandbox --profile cpu -- true
exit_is 'a limit that this version cannot enforce is refused, too' 125
like 'and named' "$err" 'limits\.cpu'
profile wall <<<'{"extends":["default"],"limits":{"wall":"300ms"}}'
sandbox --profile wall -- sleep 20
exit_is 'the time limit of a profile' 124
sandbox --profile wall --wall 20s -- sleep 0.5
exit_is 'which the command line sets anew' 0

done_testing
