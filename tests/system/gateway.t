#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The HTTP gateway: what it lets through, what it refuses, and what becomes of an agent whose
# gateway is away, silent, or talks rubbish. Who the agent is, warder alone tells it.
. "${0%/*}/network.sh"

start_origin 80 81
start_server "$python" "$servers/gateway.py" "$T/gateway.log" 3128
wait_until 10 grep -q ready "$T/gateway.log" || skip_or_fail 'start the gateway'
profile door <<'JSON'
{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": true},
 "egress": {"rules": [
	{"host": "forbidden.test", "decision": "deny"},
	{"host": "*", "decision": "allow"},
	{"host": "192.0.2.10", "port": 80, "decision": "allow"},
	{"cidr": "2001:db8::/32", "port": 80, "decision": "allow"},
	{"cidr": "127.0.0.1/32", "port": [81, 3128], "decision": "allow"}]},
 "gateway": {"url": "http://127.0.0.1:3128", "identity": ["headers"], "timeout": "700ms"}}
JSON
# asked TARGET: how often the gateway was asked for it; header NAME: of the last request.
asked() { grep -Fc "\"target\": \"$1\"" "$T/gateway.log"; }
header() {
	grep -v '^ready' "$T/gateway.log" | tail -n 1 |
		jq -r --arg name "$1" '[.headers[] | select(.[0] == $name) | .[1]] | join("|")'
}

# --- through it ------------------------------------------------------------------------------

attempts door net <<'ROWS'
tcp,origin.test,80         ok  +connect:origin.test:80      a name, which the gateway resolves
nonblocking,origin.test,80  ok  -                           without blocking
epoll,origin.test,80       ok  -                            in an event loop
many,origin.test,80        ok  -                            a hundred at once
options,origin.test,80     ok  -                            with its options kept
tcp,192.0.2.10,80          ok  +connect:192.0.2.10:80       an address
mapped,192.0.2.10,80       ok  -                            through an IPv6 socket
tcp,2001:db8::10,80        ok  +connect:[2001:db8::10]:80   an IPv6 address
nonblocking,2001:db8::10,80  ok  -                          without blocking
tcp,slow.test,80           ETIMEDOUT  +connect:slow.test:80  an answer that comes too late
tcp,forbidden.test,80      EACCES  connect:forbidden.test:80  what the profile denies
tcp,192.0.2.20,80          EACCES  connect:192.0.2.20:80    also by address
ROWS
is 'is not even asked for' "$(asked forbidden.test:80)$(asked 192.0.2.20:80)" 00
is 'the name is asked for by name' "$(asked origin.test:80)" 104
is 'the address by address' "$(asked 192.0.2.10:80)" 2
is 'IPv6 in brackets' "$(asked '[2001:db8::10]:80')" 2

# --- what it says no to ----------------------------------------------------------------------

attempts door net <<'ROWS'
tcp,refused.test,80        ECONNREFUSED  connect:refused.test:80   403
nonblocking,refused.test,80  ECONNREFUSED  -                       without blocking
tcp,busy.test,80           ECONNREFUSED  connect:busy.test:80      429
tcp,login.test,80          ECONNREFUSED  connect:login.test:80     407
tcp,nowhere.test,80        ECONNREFUSED  connect:nowhere.test:80   502
tcp,rubbish.test,80        ECONNRESET  +connect:rubbish.test:80    what is no HTTP
tcp,closed.test,80         ECONNRESET  +connect:closed.test:80     no answer, but an end
tcp,torn.test,80           ECONNRESET  +connect:torn.test:80       half an answer
tcp,silent.test,80         ETIMEDOUT   +connect:silent.test:80     nothing at all
nonblocking,silent.test,80  ETIMEDOUT  -                           without blocking
ROWS
refusal='select(.resource == "refused.test:80" and .phase == "outcome")'
is "the gateway's denial is its own" "$(records "$refusal | \"\(.policy_decision) \(.result) \(.via) \(.errno)\"" |
	sort -u)" '"denied blocked gateway ECONNREFUSED"'
like 'with what it said' "$(records "$refusal | .reason" | head -n 1)" '403 .*http_request_denied'
is 'and its status' "$(records "$refusal | .detail.status" | sort -u)" 403
is 'silence is a timeout' "$(records 'select(.resource == "silent.test:80" and .phase == "outcome") | .result' |
	sort -u)" '"timeout"'
is 'rubbish a failure' "$(records 'select(.resource == "rubbish.test:80" and .phase == "outcome")
	| "\(.policy_decision) \(.result) \(.errno)"')" '"allowed failure ECONNRESET"'
# gave HOST: the reason of the last outcome, and the gateway in it.
gave() { records "select(.resource == \"$1:80\" and .phase == \"outcome\") | .reason, .detail.gateway" |
	tail -n 2 | jq -r . | xargs -d '\n'; }
url=http://127.0.0.1:3128
is 'each says which gateway, and what it did: silence' "$(gave silent.test)" \
	"the gateway $url did not answer in time $url"
is 'rubbish' "$(gave rubbish.test)" "the gateway $url answered something that is not HTTP $url"
is 'an early end' "$(gave closed.test)" "the gateway $url closed the connection without an answer $url"

# The same is said to who has the shim: one line an attempt, in the program's own words too.
agent_runs door bash -c 'for h in refused silent rubbish closed; do echo >"/dev/tcp/$h.test/80"; done; true'
is 'and on stderr' "$(grep ^warder: <<<"$err")" \
"warder: denied connect refused.test:80: the gateway $url refused: 403 gw.test; error=http_request_denied (gateway)
warder: connect silent.test:80: the gateway $url did not answer in time
warder: connect rubbish.test:80: the gateway $url answered something that is not HTTP
warder: connect closed.test:80: the gateway $url closed the connection without an answer"

# What is still being dialled when the run ends has an end on record.
agent_runs door timeout -s KILL 0.2 "$(probe net)" tcp,silent.test,80
exit_is 'a command that is killed while it waits' 137
is 'leaves no connection without an outcome' \
	"$(records 'select(.resource == "silent.test:80") | "\(.phase) \(.result)"' | jq -r . | xargs)" \
	'decision pending outcome killed'

# --- identity --------------------------------------------------------------------------------

RUN=(--requested-by user:u_123)
attempts door net <<'ROWS'
tcp,origin.test,80         ok  -  a connection
ROWS
run_id=$(records .run_id | jq -r . | head -n 1)
action=$(records 'select(.resource == "origin.test:80" and .phase == "decision") | .action_id' | jq -r .)
is 'says who the agent is' "$(header X-Agent-Id)" probe
is 'in which run' "$(header X-Agent-Run-Id)" "$run_id"
is 'doing what' "$(header X-Agent-Action-Id)" "$action"
is 'for whom' "$(header X-Agent-Requested-By)" user:u_123
like 'and how to trace it' "$(header traceparent)" '^00-[0-9a-f]{32}-[0-9a-f]{16}-01$'
is 'and where to' "$(header Host)" origin.test:80
RUN=(--requested-by $'user:a\r\nX-Agent-Id: root')
attempts door net <<'ROWS'
tcp,origin.test,80         ok  -  a requester with a line of his own
ROWS
is 'is no second identity' "$(header X-Agent-Id)" probe
RUN=()

# What the agent sends is in the tunnel: the origin's, not the gateway's.
requests=$(wc -l <"$T/gateway.log")
agent_runs door curl -sS -m 10 -H 'X-Agent-Id: root' -H 'Proxy-Authorization: Bearer x' \
	http://origin.test/hello
exit_is 'a request with an identity of its own' 0
is 'is the origin'"'"'s' "$out" hello
is 'the gateway was asked once' "$(wc -l <"$T/gateway.log")" "$((requests + 1))"
is 'by the agent that it is' "$(header X-Agent-Id)" probe
is 'and no other header' "$(header Proxy-Authorization)" ''
agent_runs door "$(probe dns)" udp 127.0.0.1 $'origin.test\r\nX-Agent-Id: root\r\n\r\n'
like 'a name with lines in it is none' "$out" '=rcode:3'

# The gateway itself is spoken to by nobody else, not even through it, or where a rule says so.
attempts door net <<'ROWS'
tcp,127.0.0.1,81           ok      +connect:127.0.0.1:81    a port of the host's loopback that a rule names
tcp,127.0.0.1,3128         EACCES  connect:127.0.0.1:3128   but not the gateway's
mapped,127.0.0.1,3128      EACCES  connect:127.0.0.1:3128   also in IPv6
ROWS
is 'the loopback is not asked of the gateway' "$(asked 127.0.0.1:81)$(asked 127.0.0.1:3128)" 00
RUN=(--gateway http://gw.test:3128)
attempts door net <<'ROWS'
tcp,origin.test,80         ok      +connect:origin.test:80  a gateway that has a name
tcp,gw.test,3128           EACCES  connect:gw.test:3128     is not to be had by it
tcp,GW.test,3128           EACCES  -                        in any spelling
tcp,gw.test,81             ok      -                        another port is another thing
ROWS

# Nor by another address of the host, where it listens at all of them.
start_server "$python" "$servers/gateway.py" "$T/wide.log" 3130 0.0.0.0
wait_until 10 grep -q ready "$T/wide.log" || skip_or_fail 'start another gateway'
profile wide <<'JSON'
{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": true},
 "egress": {"rules": [
	{"host": "*", "decision": "allow"},
	{"cidr": "127.0.0.0/8", "port": [81, 3130], "decision": "allow"},
	{"cidr": "192.0.2.0/24", "decision": "allow"}]},
 "gateway": {"url": "http://127.0.0.1:3128", "identity": ["headers"]}}
JSON
spoken_to() { grep -Fc '"target": "/hello"' "$T/wide.log"; } # past warder
RUN=()
attempts wide net <<'ROWS'
tcp,127.0.0.2,3130         ENODATA  +connect:127.0.0.2:3130   somebody else's gateway
tcp,192.0.2.10,3130        ENODATA  +connect:192.0.2.10:3130  by all its addresses
tcp,192.0.2.20,3130        ENODATA  -                         is a service as any other
ROWS
is 'which the agent speaks to' "$(spoken_to)" 3
for url in http://127.0.0.1:3130 http://gw.test:3130 http://origin.test:3130 http://192.0.2.10:3130; do
	RUN=(--gateway "$url")
	attempts wide net <<-ROWS
	tcp,origin.test,80         ok      -                         its own: $url
	tcp,127.0.0.1,3130         EACCES  connect:127.0.0.1:3130    is not to be had by loopback
	tcp,127.0.0.2,3130         EACCES  connect:127.0.0.2:3130    another one
	mapped,127.0.0.2,3130      EACCES  -                         in IPv6
	tcp,192.0.2.10,3130        EACCES  connect:192.0.2.10:3130   by its address
	tcp,192.0.2.20,3130        EACCES  connect:192.0.2.20:3130   or another address of its host
	nonblocking,192.0.2.20,3130  EACCES  -                       without blocking
	tcp,127.0.0.2,81           ok      -                         another port of loopback is another thing
	tcp,192.0.2.20,81          ok      -                         also beyond the gateway
	ROWS
done
is 'nor through itself' "$(spoken_to)" 3
is 'nor has it a record as another thing' \
	"$(count_records '.phase == "outcome" and .resource == "192.0.2.20:3130" and .result == "success"')" 0

# --- away ------------------------------------------------------------------------------------

RUN=(--gateway http://127.0.0.1:9)
before=$(arrivals 192.0.2.10:80)
attempts door net <<'ROWS'
tcp,origin.test,80         ECONNREFUSED  +connect:origin.test:80  a gateway that is away
nonblocking,origin.test,80  ECONNREFUSED  -                       without blocking
tcp,192.0.2.10,80          ECONNREFUSED  -                        by address
ROWS
is 'and which' "$(records 'select(.phase == "outcome" and .tool == "connect") | .detail.gateway' | sort -u)" '"http://127.0.0.1:9"'
agent_runs door curl -sS http://origin.test/
exit_is 'a program that does not wait' 7
is 'learns it, too' "$(grep ^warder: <<<"$err")" \
	'warder: connect origin.test:80: the gateway http://127.0.0.1:9 refused the connection'
agent_runs door bash -c 'for i in 1 2; do echo >/dev/tcp/192.0.2.20/80; echo >/dev/tcp/origin.test/80; done; true'
is 'a denial before is not said again' "$(grep -o '^warder: [a-z]* [a-z]*' <<<"$err" | xargs -d '\n')" \
	'warder: denied connect warder: connect origin warder: denied connect warder: connect origin'
is 'nothing goes past it' "$(arrivals 192.0.2.10:80)" "$before"
like 'the record says that it was the gateway' \
	"$(records 'select(.phase == "outcome" and .tool == "connect") | .reason' | head -n 1)" \
	'^"the gateway http://127\.0\.0\.1:9 refused the connection"$'
RUN=(--gateway http://nowhere.test:3128)
attempts door net <<'ROWS'
tcp,origin.test,80         EHOSTUNREACH  +connect:origin.test:80  a gateway whose name leads nowhere
ROWS
like 'is on record as such' "$(records 'select(.phase == "outcome") | .reason')" \
	'"the gateway http://nowhere\.test:3128 has a name that cannot be resolved: '
RUN=(--gateway "http://[2001:db8::10]:80")
attempts door net <<'ROWS'
tcp,origin.test,80         ECONNRESET  +connect:origin.test:80    a gateway that is none
ROWS

done_testing
