#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where a TCP connection may go, by the direct gateway: hosts, suffixes, addresses, networks,
# ports, in both families.  Each refusal stands beside the same attempt, allowed.
. "${0%/*}/network.sh"

start_origin 80 81 full:83
egress some '
	{"host": "origin.test", "port": 80, "decision": "allow"},
	{"host": "*.wild.test", "decision": "allow"},
	{"host": "sub.wild.test", "port": 81, "decision": "deny"},
	{"host": "192.0.2.10", "port": [80, 443], "decision": "allow"},
	{"cidr": "198.51.100.9", "decision": "deny", "reason": "not that one"},
	{"cidr": "198.51.100.0/24", "port": 80, "decision": "allow"},
	{"cidr": "2001:db8::/64", "port": 80, "decision": "allow"},
	{"host": "six.test", "decision": "allow"},
	{"host": "half.test", "decision": "allow"},
	{"host": "private.test", "decision": "allow"},
	{"host": "loop.test", "decision": "allow"},
	{"host": "both.test", "decision": "allow"}'
any='{"host": "*", "decision": "allow"}, {"cidr": "0.0.0.0/0", "decision": "allow"},
	{"cidr": "::/0", "decision": "allow"}'
egress open "$any"
egress host "$any,
	{\"host\": \"127.0.0.1\", \"port\": 80, \"decision\": \"allow\"},
	{\"host\": \"::1\", \"port\": 80, \"decision\": \"allow\"}"

# --- the control: outside everything answers -------------------------------------------------

attempts - net <<'ROWS'
tcp,192.0.2.10,81          ok  -  outside: a port
tcp,192.0.2.20,80          ok  -  outside: an address
tcp,198.51.100.9,80        ok  -  outside: an address in a network
tcp,2001:db8:1::20,80      ok  -  outside: an IPv6 address
mapped,192.0.2.20,80       ok  -  outside: an IPv4 address through an IPv6 socket
tcp,10.77.0.1,80           ok  -  outside: a private address
tcp,169.254.169.254,80     ok  -  outside: the metadata address
tcp,fd00:ec2::254,80       ok  -  outside: and in IPv6
tcp,127.0.0.1,80           ok  -  outside: the host's loopback
tcp,0.0.0.0,80             ok  -  outside: by the unspecified address
tcp,64:ff9b::7f00:1,80     ok  -  outside: and behind a translator
progress,192.0.2.10,83     ok  -  outside: to where nobody is let in
ROWS
before=$(wc -l <"$T/origin.log")

# --- what rules say --------------------------------------------------------------------------

attempts some net <<'ROWS'
tcp,192.0.2.10,80          ok      +connect:192.0.2.10:80          an address that is named
tcp,origin.test,80         ok      +connect:origin.test:80         a name that is named
nonblocking,192.0.2.10,80  ok      +connect:192.0.2.10:80          without blocking
epoll,192.0.2.10,80        ok      -                               in an event loop
many,192.0.2.10,80         ok      -                               a hundred at once
options,192.0.2.10,80      ok      -                               with its options kept
mapped,192.0.2.10,80       ok      +connect:192.0.2.10:80          an IPv4 address in IPv6 is IPv4
tcp,198.51.100.1,80        ok      +connect:198.51.100.1:80        an address of a network
tcp,2001:db8::10,80        ok      +connect:[2001:db8::10]:80      an IPv6 address of a network
nonblocking,2001:db8::10,80  ok    -                               and without blocking
tcp,six.test,80            ok      +connect:six.test:80            a name that has IPv6 only
tcp,sub.wild.test,80       ok      +connect:sub.wild.test:80       a suffix
tcp,deep.sub.wild.test,81  ok      +connect:deep.sub.wild.test:81  of any depth
tcp,half.test,80           ok      -                               the second address of a name, if need be
tcp,both.test,80           ok      -                               the public address of two
nonblocking,origin.test,80 ok      -                               a name without blocking
ROWS
isnt 'which the origin saw' "$(wc -l <"$T/origin.log")" "$before"
before=$(wc -l <"$T/origin.log")

attempts some net <<'ROWS'
tcp,192.0.2.10,81          EACCES  connect:192.0.2.10:81           another port of it
tcp,192.0.2.20,80          EACCES  connect:192.0.2.20:80           another address
nonblocking,192.0.2.20,80  EACCES  connect:192.0.2.20:80           without blocking
mapped,192.0.2.20,80       EACCES  connect:192.0.2.20:80           IPv4 in IPv6 is no way round
tcp,198.51.100.1,81        EACCES  connect:198.51.100.1:81         another port of the network
tcp,198.51.100.9,80        EACCES  connect:198.51.100.9:80         an address that an earlier rule denies
mapped,198.51.100.9,80     EACCES  connect:198.51.100.9:80         also in IPv6
tcp,64:ff9b::c633:6409,80  EACCES  connect:[64:ff9b::c633:6409]:80  or behind a translator
tcp,2001:db8:1::20,80      EACCES  connect:[2001:db8:1::20]:80     another IPv6 network
tcp,2001:db8::10,81        EACCES  connect:[2001:db8::10]:81       another port in IPv6
tcp,origin.test,81         EACCES  connect:origin.test:81          another port of a name
tcp,wild.test,80           EACCES  connect:wild.test:80            a suffix is not the name itself
tcp,other.test,80          EACCES  connect:other.test:80           another name
tcp,xwild.test,80          EACCES  connect:xwild.test:80           nor one that only ends so
tcp,198.18.0.200,80        EACCES  connect:198.18.0.200:80         an address that no name was given
tcp,10.77.0.1,80           EACCES  connect:10.77.0.1:80            a private address
tcp,private.test,80        EACCES  connect:private.test:80         an allowed name that leads to one
tcp,loop.test,80           EACCES  connect:loop.test:80            or to the host's loopback
nonblocking,private.test,80  EACCES  -                             also without blocking
ROWS
is 'none of which the origin saw' "$(wc -l <"$T/origin.log")" "$before"

attempts some net <<'ROWS'
tcp,sub.wild.test,81       ok      -                               the first rule that matches counts
ROWS

# --- addresses that are somebody's own -------------------------------------------------------

loopback_arrivals() { echo $(($(arrivals 127.0.0.1:80) + $(arrivals '[::1]:80') + $(arrivals '[64:ff9b::7f00:1]:80'))); }

before=$(arrivals 169.254.169.254:80) before_loopback=$(loopback_arrivals)
attempts open net <<'ROWS'
tcp,192.0.2.20,80          ok      +connect:192.0.2.20:80          allowed: the address that was refused
tcp,192.0.2.10,81          ok      +connect:192.0.2.10:81          and the port
tcp,198.51.100.9,80        ok      -                               and the one in a network
tcp,2001:db8:1::20,80      ok      -                               and in IPv6
mapped,192.0.2.20,80       ok      -                               and through an IPv6 socket
tcp,other.test,80          ok      +connect:other.test:80          and the name
tcp,10.77.0.1,80           ok      -                               a private address, by a cidr rule
tcp,private.test,80        ok      +connect:private.test:80        and a name that leads there
tcp,169.254.169.254,80     EACCES  connect:169.254.169.254:80      the metadata address, whatever the rules say
mapped,169.254.169.254,80  EACCES  connect:169.254.169.254:80      also in IPv6
tcp,fd00:ec2::254,80       EACCES  connect:[fd00:ec2::254]:80      and the IPv6 one
tcp,metadata.test,80       EACCES  connect:metadata.test:80        and a name that leads there
tcp,64:ff9b::a9fe:a9fe,80  EACCES  -                               and behind a translator
tcp,127.0.0.1,80           ECONNREFUSED  -                         loopback is the sandbox's own
tcp,::1,80                 ECONNREFUSED  -                         in IPv6, too
mapped,127.0.0.1,80        ECONNREFUSED  -                         or mapped
tcp,0.0.0.0,80             ECONNREFUSED  -                         and by the unspecified address
tcp,::,80                  ECONNREFUSED  -                         of either family
tcp,localhost,80           ECONNREFUSED  -                         and by name
tcp,loop.test,80           EACCES  connect:loop.test:80            a name does not lead to the host's
tcp,loop6.test,80          EACCES  connect:loop6.test:80           in IPv6
tcp,zero.test,80           EACCES  connect:zero.test:80            by the unspecified address
tcp,translated.test,80     EACCES  connect:translated.test:80      or behind a translator
nonblocking,loop.test,80   EACCES  -                               without blocking
tcp,64:ff9b::7f00:1,80     EACCES  connect:[64:ff9b::7f00:1]:80    nor does that address itself
self,127.0.0.1             ok      -                               where it may talk to itself
self,::1                   ok      -                               in both families
ROWS
is 'the metadata address was never reached' "$(arrivals 169.254.169.254:80)" "$before"
is "nor the host's loopback" "$(loopback_arrivals)" "$before_loopback"
# A port where nothing listens: one record a place and run, however often it is tried.
rule='{"cidr": "%s", "port": %d, "decision": "allow"}'
refusals='select(.tool == "connect" and .errno == "ECONNREFUSED")'
is 'loopback of its own is on record where nothing listened' \
	"$(records "$refusals | [.phase, .resource, .policy_decision, .result, .rule]" | sort)" \
'["decision","0.0.0.0:80","allowed","failure",null]
["decision","127.0.0.1:80","allowed","failure",null]
["decision","[::1]:80","allowed","failure",null]
["decision","[::]:80","allowed","failure",null]'
# shellcheck disable=SC2059
is 'with the rule that leads to the host' "$(records "$refusals | select(.resource == \"[::1]:80\") | .reason" | jq -r .)" \
	"nothing listens there inside; the host's loopback needs a rule: $(printf "$rule" ::1/128 80)"
like 'who, too' "$(records "$refusals | .process.exe" | head -n 1)" /net
like 'the record says that no rule could allow it' \
	"$(records 'select(.resource == "169.254.169.254:80") | .rule')" metadata

attempts host net <<'ROWS'
tcp,127.0.0.1,80           ok      +connect:127.0.0.1:80           the host's loopback, by a rule that names it
tcp,::1,80                 ok      +connect:[::1]:80               in IPv6, too
mapped,127.0.0.1,80        ok      -                               or mapped
tcp,loop.test,80           ok      +connect:loop.test:80           or by a name that leads there
tcp,loop6.test,80          ok      -                               in IPv6
tcp,loop.test,81           EACCES  connect:loop.test:81            but at no other port
tcp,zero.test,80           EACCES  connect:zero.test:80            and not by the unspecified address
tcp,127.0.0.1,81           ECONNREFUSED  -                         and only that port
tcp,0.0.0.0,80             ECONNREFUSED  -                         not by the unspecified address
self,127.0.0.1             ok      -                               its own goes on
ROWS

# --- what a program is told of it ------------------------------------------------------------

# shellcheck disable=SC2059
inside="warder: connect 127.0.0.1:81: nothing listens there inside; the host's loopback needs a rule: $(
	printf "$rule" 127.0.0.1/32 81)"
said() { grep ^warder: <<<"$err"; }
agent_runs host curl -sS http://127.0.0.1:81/
exit_is 'curl at a port of the loopback' 7
is 'learns whose loopback that is' "$(said)" "$inside"
agent_runs host curl -sS http://127.0.0.1:80/hello
is 'by that rule it gets there, without a word' "$status:$out:$(said)" 0:hello:
for mode in --quiet --observe; do
	RUN=("$mode")
	agent_runs host bash -c 'for i in {1..40}; do echo >/dev/tcp/127.0.0.1/81; done; true'
	is "$mode: who tries again and again is told once" "$(said)" "$inside"
	is "$mode: and has one record" "$(count_records '.resource == "127.0.0.1:81"')" 1
done
RUN=()
agent_runs some bash -c 'echo >/dev/tcp/127.0.0.1/81; echo >/dev/tcp/192.0.2.20/80; echo >/dev/tcp/192.0.2.10/443; true'
is 'another failure, of the other end itself, is not explained by an old one' "$(said)" \
"$inside
warder: denied connect 192.0.2.20:80: no rule allows it (egress.default)"
agent_runs open bash -c 'echo >/dev/tcp/nowhere.test/80; true'
like 'a name that the host does not know' "$(said)" \
	'^warder: connect nowhere\.test:80: cannot resolve nowhere\.test: [^'$'\n'']*$'
stop=${server_pids[0]}
stop_server "$stop"
agent_runs host bash -c 'echo >/dev/tcp/127.0.0.1/80; true'
is "the host's loopback, where nothing listens either" "$(said)" \
	'warder: connect 127.0.0.1:80: nothing listens there on the host'
is 'has its record as ever' "$(records 'select(.resource == "127.0.0.1:80") | "\(.phase) \(.result) \(.rule)"' |
	jq -r . | xargs)" 'decision pending egress[3] outcome failure egress[3]'
start_origin 80 81 full:83
agent_runs open "$python" -c 'import socket
for port in range(1000, 1300):
	try:
		socket.create_connection(("127.0.0.1", port), 3)
	except ConnectionRefusedError:
		print(port)'
is 'a scan is refused to its end' "$(wc -l <<<"$out")" 300
is 'and told of each' "$(said | wc -l)" 300
is 'on record are the first' "$(records "$refusals | .resource" | jq -r . | sed -n '1p;$p' | xargs)" \
	'127.0.0.1:1000 127.0.0.1:1255'
is 'the last of which says so' "$(records "$refusals | select(.detail.further_unrecorded) | .resource")" '"127.0.0.1:1255"'

# --- what is there and does not answer -------------------------------------------------------

attempts open net <<'ROWS'
tcp,192.0.2.10,7           ECONNREFUSED  +connect:192.0.2.10:7     a port that nobody listens at
nonblocking,192.0.2.10,7   ECONNREFUSED  -                         also without blocking
progress,192.0.2.10,83     ok      +connect:192.0.2.10:83          a connection that takes its time
tcp,nowhere.test,80        EHOSTUNREACH  +connect:nowhere.test:80  a name that the host does not know
ROWS
is 'the outcome is on record' \
	"$(records 'select(.phase == "outcome" and .resource == "192.0.2.10:7" and .errno == "ECONNREFUSED") | .result' |
		sort -u)" '"failure"'
like 'and whose fault it was' "$(records 'select(.resource == "nowhere.test:80" and .phase == "outcome") | .reason')" \
	'^"cannot resolve nowhere\.test: [^"]+"$'
is "or was not the host's" "$(records 'select(.phase == "outcome" and .errno == "ECONNREFUSED") | .reason' | sort -u)" \
	'"the destination refused the connection"'

# --- what is neither allowed nor denied ------------------------------------------------------

egress asks '{"host": "192.0.2.20", "decision": "ask"}, {"host": "192.0.2.10", "decision": "observe"}'
attempts asks net <<'ROWS'
tcp,192.0.2.20,80          EACCES  connect:192.0.2.20:80           what must be asked for, where nobody can be
tcp,192.0.2.10,80          ok      -                               what is only observed
ROWS
is 'is on record as such' "$(records 'select(.resource == "192.0.2.10:80" and .phase == "decision") | .policy_decision')" \
	'"observed"'
RUN=(--observe)
attempts some net <<'ROWS'
tcp,192.0.2.20,80          ok      -                               --observe lets pass what is denied
tcp,169.254.169.254,80     EACCES  connect:169.254.169.254:80      but for the metadata address
ROWS
RUN=()
is 'and has it on record' "$(records 'select(.resource == "192.0.2.20:80" and .phase == "decision")
	| "\(.policy_decision) \(.rule)"')" '"observed egress.default"'

# --- listening -------------------------------------------------------------------------------

attempts open net <<'ROWS'
listen,127.0.0.1,8080  ok      +listen:127.0.0.1:8080        it may listen
listen,0.0.0.0,8081    ok      -                             anywhere in its own network
ROWS
profile quiet <<<'{"extends": ["base"], "filesystem": {"write": ["{workspace}"]}, "listen": {"default": "deny", "rules":
	[{"port": 8080, "decision": "allow"}]}}'
attempts quiet net <<'ROWS'
listen,127.0.0.1,8080  ok      +listen:127.0.0.1:8080        a port to listen at, by rule
listen,127.0.0.1,8081  EACCES  listen:127.0.0.1:8081         and another
self,127.0.0.1         EACCES  -                             or any
ROWS

done_testing
