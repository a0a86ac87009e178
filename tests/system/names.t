#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Names: answered by warder alone, with addresses of its own, whatever server is asked and in
# whatever way; what is no host name is none.
. "${0%/*}/network.sh"

start_origin 80
egress some '{"host": "origin.test", "port": 80, "decision": "allow"}'

# synthetic NAME...: an address of 198.18.0.0/15.
synthetic() { [[ $(got "$1") =~ ^198\.1[89]\.[0-9]+\.[0-9]+$ ]]; }
asks() { # asks udp|tcp SERVER NAME...
	agent_runs some "$(probe dns)" "$@"
	[ "$status" -eq 0 ] || diag "exit $status: $err"
}

asks udp 127.0.0.1 origin.test ORIGIN.Test origin.test. other.test 'origin.test%00.other.test' \
	'origin.test%00' 'a b.test' $'a\nb.test' 'origin..test' '[192.0.2.10]' 192.0.2.10 localhost \
	"$(printf 'x%.0s' {1..63}).test" 'xn--bcher-kva.test' 'bücher.test' _srv.origin.test
ok 'a name has an address of warder'"'"'s own' synthetic origin.test
is 'in any case' "$(got ORIGIN.Test)" "$(got origin.test)"
is 'with a final dot or not' "$(got origin.test.)" "$(got origin.test)"
isnt 'another name has another' "$(got other.test)" "$(got origin.test)"
is 'a NUL in a name: there is no such name' "$(got 'origin.test%00.other.test')" rcode:3
is 'nor behind it' "$(got 'origin.test%00')" rcode:3
is 'nor with a blank' "$(got 'a b.test')" rcode:3
is 'nor with brackets' "$(got '[192.0.2.10]')" rcode:3
is 'an address is no name' "$(got 192.0.2.10)" rcode:3
is 'letters beyond ASCII are none' "$(got 'bücher.test')" rcode:3
ok 'but as they are written in DNS' synthetic xn--bcher-kva.test
ok 'a long label is one' synthetic "$(printf 'x%.0s' {1..63}).test"
is 'localhost is the sandbox' "$(got localhost)" 127.0.0.1
is 'one record for a name that no rule allows' \
	"$(count_records '.tool == "resolve" and .resource == "other.test" and .result == "blocked"')" 1
is 'and none for one that a rule allows' \
	"$(count_records '.tool == "resolve" and .resource == "origin.test"')" 0

asks tcp 127.0.0.1 origin.test other.test origin.test
ok 'over TCP, too' synthetic origin.test
ok 'several on one connection' synthetic other.test
for server in 8.8.8.8 192.0.2.10 203.0.113.53; do
	asks udp "$server" origin.test
	ok "whatever server is asked: $server" synthetic origin.test
	asks tcp "$server" origin.test
	ok "and over TCP" synthetic origin.test
done
is 'not even one that the host could reach' "$(arrivals udp://192.0.2.10:53)" 0

# What a resolver of the C library makes of it, and the shim's hint.
agent_runs some getent ahostsv4 origin.test
exit_is 'glibc resolves it' 0
like 'to the same kind of address' "$out" '^198\.1[89]\.'
agent_runs some getent ahostsv4 ORIGIN.TEST.
exit_is 'in another spelling' 0
agent_runs some getent ahostsv6 six.test
is 'no IPv6 address is made up' "$(grep -v '^::ffff:198\.1[89]\.' <<<"$out")" ''
agent_runs some sh -c 'getent hosts 192.0.2.10; getent ahostsv4 other.test; exit 0'
like 'a denial is explained on stderr' "$err" 'warder: denied resolve other\.test: no rule allows it'
agent_runs some sh -c 'cat /etc/resolv.conf'
like 'resolv.conf says 127.0.0.1' "$out" 'nameserver 127\.0\.0\.1'
unlike 'and nothing else' "$out" 'nameserver [^1]'

# The name decides, not the address that somebody found for it: a synthetic address of a
# forbidden name stays forbidden, also when it is written as an address.
agent_runs some sh -c "a=\$(getent ahostsv4 other.test | awk '{print \$1; exit}')
	'$(probe net)' tcp,\$a,80 tcp,origin.test,80"
like "a forbidden name's address" "$out" '=EACCES'
like 'beside an allowed one' "$out" 'tcp,origin\.test,80=ok'
ok 'is on record by its name' decided 'denied connect:other.test:80'

done_testing
