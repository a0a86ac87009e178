#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real programs, which know nothing of a proxy, through the real Squid: each reaches what it
# may, and each fails fast, and in its own words, where it may not.
. "${0%/*}/network.sh"

for command in curl wget git node go ssh dig squid; do
	PATH=$PATH:/usr/sbin needs_command "$command"
done
"$python" -c 'import requests' 2>/dev/null || skip_or_fail "no module requests for $python"

# --- the gateway, the origin, the repository -------------------------------------------------

start_origin 80
chmod 0755 "$T"
mkdir "$T/squid"
cat >"$T/squid.conf" <<CONF
http_port 127.0.0.1:3128
acl origin dstdomain -n origin.test
acl CONNECT method CONNECT
http_access allow CONNECT origin
http_access deny all
logformat who %rm %ru %>Hs agent=%{X-Agent-Id}>h run=%{X-Agent-Run-Id}>h by=%{X-Agent-Requested-By}>h
access_log stdio:$T/squid/access.log logformat=who
cache_log $T/squid/cache.log
pid_filename $T/squid/pid
coredump_dir $T/squid
visible_hostname gw.test
cache deny all
cache_mem 0 MB
pinger_enable off
logfile_rotate 0
max_filedescriptors 256
shutdown_lifetime 0 seconds
CONF
# Started by root it becomes "proxy", and has to write its logs as that.
[ "$(id -u)" -ne 0 ] || chown proxy: "$T/squid"
start_server env PATH="$PATH:/usr/sbin" squid -N -f "$T/squid.conf"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

git init -q -b main "$T/repository"
git -C "$T/repository" -c user.name=a -c user.email=a@b commit -q --allow-empty -m 'the only commit'
git -C "$T/repository" update-server-info
start_server "$python" -m http.server --directory "$T/repository/.git" --bind 192.0.2.10 8000
start_server "$python" -m http.server --directory "$T/repository/.git" --bind 192.0.2.20 8000

# Go's own resolver, poller and system calls; no libc, no loader, no shim.
cat >"$T/fetch.go" <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	io.Copy(os.Stdout, answer.Body)
}
GO
ok 'a static Go program is built' env CGO_ENABLED=0 GO111MODULE=off GOCACHE="$T/go-cache" \
	GOPATH="$T/go" GOFLAGS= go build -o "$T/bin/fetch" "$T/fetch.go"

wait_until 20 listens 3128 || skip_or_fail "start Squid: $(tail -n 5 "$T/squid/cache.log" 2>&1)"

profile door <<'JSON'
{"extends": ["base"], "filesystem": {"write": ["{workspace}"], "exec_writable": true},
 "egress": {"rules": [{"host": "origin.test", "decision": "allow"},
	{"host": "refused.test", "decision": "allow"}]},
 "gateway": {"url": "http://127.0.0.1:3128", "identity": ["headers"]}}
JSON
connects() { grep -Fc "CONNECT $1 200 agent=probe run=run_" "$T/squid/access.log"; }

# fetches NAME PATTERN COMMAND...: succeeds, its output is like PATTERN, and it came by Squid.
fetches() {
	local name=$1 pattern=$2 before
	shift 2
	before=$(connects origin.test:80)
	agent_runs door "$@"
	if [ "$status" -ne 0 ] || ! [[ $out =~ $pattern ]]; then
		fail "$name fetches" "exit $status"$'\n'"$out"$'\n'"$err"
	else
		is "$name fetches, through the gateway, as the agent" \
			"$(connects origin.test:80)" "$((before + 1))"
	fi
}
# refused NAME PATTERN COMMAND...: fails within two seconds, says so, and it is on record.
refused() {
	local name=$1 pattern=$2 began=${EPOCHREALTIME/./}
	shift 2
	agent_runs door "$@"
	if [ "$status" -eq 0 ] || ! [[ $err$out =~ $pattern ]]; then
		fail "$name is refused" "exit $status"$'\n'"$out"$'\n'"$err"
	elif ! decisions | grep -Eq '^denied (resolve|connect):'; then
		fail "$name is refused, and it is on record" "$(decisions)"
	else
		ok "$name is refused at once" test $((${EPOCHREALTIME/./} - began)) -lt 4000000
	fi
}
good=http://origin.test/hello
bad=http://other.test/hello

# --- fetching --------------------------------------------------------------------------------

cat >"$WS/urllib.py" <<'PY'
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
PY
mv "$WS/urllib.py" "$WS/by_urllib.py"
cat >"$WS/by_requests.py" <<'PY'
import sys, requests
print(requests.get(sys.argv[1], timeout=20).text)
PY
cat >"$WS/by_asyncio.py" <<'PY'
import asyncio, sys, urllib.parse

async def fetch(url):
    reader, writer = await asyncio.open_connection(urllib.parse.urlsplit(url).hostname, 80)
    writer.write(b"GET /hello HTTP/1.0\r\n\r\n")
    return (await reader.read()).decode()

print(asyncio.run(asyncio.wait_for(fetch(sys.argv[1]), 20)))
PY
cat >"$WS/fetch.mjs" <<'JS'
const answer = await fetch(process.argv[2]);
console.log(await answer.text());
JS
cat >"$WS/tcp.sh" <<'SH'
exec 3<>"/dev/tcp/$1/80" && printf 'GET /hello HTTP/1.0\r\n\r\n' >&3 && cat <&3
SH

fetches curl '^hello$' curl -sS -m 20 "$good"
fetches 'curl, with a final dot' '^hello$' curl -sS -m 20 http://ORIGIN.test./hello
fetches wget '^hello$' wget -q -T 20 -t 1 -O - "$good"
fetches bash 'hello$' bash tcp.sh origin.test
fetches 'Python (urllib)' '^hello' "$python" by_urllib.py "$good"
fetches 'Python (requests)' '^hello' "$python" by_requests.py "$good"
fetches 'Python (asyncio)' 'hello' "$python" by_asyncio.py "$good"
fetches 'Node (fetch)' '^hello' node fetch.mjs "$good"
fetches 'a static Go program' '^hello$' "$T/bin/fetch" "$good"

like 'for whom, Squid knows, too' "$(tail -n 1 "$T/squid/access.log")" ' by=user:[^ ]+$'

refused curl 'Permission denied|denied|connect' curl -sS -m 20 "$bad"
refused 'curl, to an address' 'denied|onnect' curl -sS -m 20 http://192.0.2.20/hello
refused wget 'Permission denied' wget -T 20 -t 1 -O - "$bad"
refused bash 'Permission denied' bash tcp.sh other.test
refused 'Python (urllib)' 'Permission denied' "$python" by_urllib.py "$bad"
refused 'Python (requests)' 'Permission denied' "$python" by_requests.py "$bad"
refused 'Python (asyncio)' 'Permission denied' "$python" by_asyncio.py "$bad"
refused 'Node (fetch)' 'EACCES' node fetch.mjs "$bad"
refused 'a static Go program' 'permission denied' "$T/bin/fetch" "$bad"
refused "curl, by Squid's refusal" 'onnection refused|connect' curl -sS -m 20 http://refused.test/hello
like 'which is its own denial' "$(records 'select(.via == "gateway") | "\(.policy_decision) \(.reason)"')" \
	'denied .*403.*ERR_ACCESS_DENIED'

# --- git, ssh, dig ---------------------------------------------------------------------------

agent_runs door git clone -q http://origin.test:8000/ clone
exit_is 'git clones over http' 0
is 'what is there' "$(git -C clone log --format=%s)" 'the only commit'
ok 'through the gateway' test "$(connects origin.test:8000)" -ge 1
ok 'by helpers that are on record' eval 'decisions | grep -q "^allowed exec:.*git-remote-http"'
rm -rf clone
agent_runs door git clone -q http://other.test:8000/ clone
isnt 'git does not clone from elsewhere' "$status" 0
like 'and says why' "$err" 'denied|ermission'
ok 'nothing is left of it' test ! -e clone

agent_runs door ssh -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=no other.test true
exit_is 'ssh to another host is refused' 255
like 'in its own words' "$err" 'Permission denied'
ok 'and on record' decided 'denied connect:other.test:22'
agent_runs door ssh -o BatchMode=yes -o ConnectTimeout=20 192.0.2.20 true
exit_is 'and to an address' 255
ok 'on record, too' decided 'denied connect:192.0.2.20:22'

for how in '' +tcp '@8.8.8.8' '@8.8.8.8 +tcp'; do
	# shellcheck disable=SC2086
	agent_runs door dig +short +time=5 +tries=1 $how origin.test
	like "dig $how is answered" "$out" '^198\.1[89]\.'
done
agent_runs door dig +short +time=5 +tries=1 -x 8.8.8.8
is 'of an address it learns no name' "$out" ''

done_testing
