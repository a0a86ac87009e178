#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# No file that an agent leaves behind gives its owner's rights to whoever runs it.  Inside,
# such a file is nothing (nosuid); outside, as root, it would be the host.
. "${0%/*}/lib.sh"

add_agent bot
program=$(probe setid)
plain='open-plain fchmod-plain mkdir-plain open-junk-mode'
ways='fchmod chmod fchmodat fchmod-high open openat tmpfile creat mknod mknodat'

# The control: all of it works where nobody refuses it.
mkdir "$T/outside" && cd "$T/outside" || exit 1
run "$program"
for way in $plain $ways mkdir; do
	like "outside: $way" "$out" "(^|"$'\n'")$way=ok"
done
isnt 'and leaves such files' "$(find . -perm /6000 -type f | wc -l)" 0

cd "$WS" || exit 1
run_warder run --agent bot --ro "$T/bin" -- "$program"
for way in $plain; do
	like "inside: $way" "$out" "(^|"$'\n'")$way=ok"
done
for way in $ways mkdir; do
	like "refused: $way" "$out" "(^|"$'\n'")$way=EPERM"
done
like 'openat2 is not there: its mode stands in memory' "$out" $'\nopenat2=ENOSYS'
like 'and fchmodat2 is refused' "$out" $'\nfchmodat2=E(PERM|NOSYS)'
like 'nothing was set' "$out" $'\nmode=0'
is 'no such file is left' "$(find "$WS" -perm /6000)" ''
is 'each attempt is on record' \
	"$(count_records '.tool == "file" and .errno == "EPERM" and .policy_decision == "denied"')" \
	"$(wc -w <<<"$ways mkdir")"
is 'with the file that it was about' \
	"$(records 'select(.tool == "file").resource' | grep -cx "\"$WS/creat\"")" 1

done_testing
