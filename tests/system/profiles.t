#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Profiles from outside: what is shipped is right, what is wrong is named by file, line and
# key, and every verb answers by its exit code.
. "${0%/*}/lib.sh"

shipped=$PREFIX/share/warder/profiles

# --- what is shipped -----------------------------------------------------------------------

for name in base default locked; do
	run_warder profile check "$shipped/$name.json"
	exit_is "$name is right" 0
	run_warder profile show "$name"
	exit_is "$name is found by its name" 0
	is "$name is shown as JSON" "$(jq -r .name <<<"$out")" "$name"
	cp "$T/stdout" "$T/$name.json"
	run_warder profile show "$T/$name.json"
	is "$name, shown, is a profile that shows the same" "$(jq -S . <<<"$out")" \
		"$(jq -S . "$T/$name.json")"
done
is 'locked allows no destination' \
	"$(jq -c '[.egress.default, .egress.rules, .unix.default, .listen.default]' "$T/locked.json")" \
	'["deny",[],"deny","deny"]'
is 'nor commands from the workspace' "$(jq .filesystem.exec_writable "$T/locked.json")" false
is 'default denies what it does not name' \
	"$(jq -r '[.egress, .unix, .tools | .default] | unique | join(" ")' "$T/default.json")" deny
run_warder profile show default --json
is 'one object on one line' "$(wc -l <"$T/stdout")" 1

# --- the schemas say the same as the program -----------------------------------------------

rows=
for name in base default locked; do
	rows+="fits profile $shipped/$name.json $name fits the schema"$'\n'
	rows+="fits profile $T/$name.json $name, shown, fits it too"$'\n'
done
cases=0

# refused, accepted NAME CONTENT: what the program says; and, at the end, the schema.
refused() {
	local file=$T/case$((cases += 1)).json

	printf '%s\n' "$2" >"$file"
	run_warder profile check "$file"
	exit_is "refused: $1" 1
	rows+="unfit profile $file refused by the schema, too: $1"$'\n'
}
accepted() {
	local file=$T/case$((cases += 1)).json

	printf '%s\n' "$2" >"$file"
	run_warder profile check "$file"
	exit_is "accepted: $1" 0
	rows+="fits profile $file accepted by the schema, too: $1"$'\n'
}
# unenforced KEY CONTENT: fits the schema and can be shown, but no run would have it.
unenforced() {
	local file=$T/case$((cases += 1)).json

	printf '%s\n' "$2" >"$file"
	run_warder profile check "$file"
	exit_is "not to be had in this version: $1" 1
	like 'which is said of the key, and how to mend it' "$err" \
		"^warder: profile case$cases: $1: .*"$'\n''warder: .*leave '
	rows+="fits profile $file accepted by the schema: $1"$'\n'
}
accepted 'nothing at all' '{}'
unenforced limits.cpu '{"limits":{"cpu":"150%"}}'
unenforced unix.datagram '{"unix":{"datagram":true}}'
unenforced gateway.identity '{"gateway":{"identity":["token"]}}'
unenforced tripwire '{"tripwire":{"denials":5}}'
unenforced approval.helper '{"approval":{"helper":["/bin/x"]}}'
unenforced filesystem '{"require":"kernel","filesystem":"inherit"}'
accepted 'everything else' '{"name":"example","description":"d","require":"kernel",
	"filesystem":{"read":["/usr","?/x"],"write":["{workspace}"],"hide":["~/.ssh"],
	"protect":["{workspace}/.git/hooks/"],"tmpfs":["/tmp"],"exec_writable":true},
	"exec":{"default":"allow","rules":[{"path":"/usr/bin/terraform","argv":["apply","**"],
	"decision":"ask","reason":"r"},{"path":"nc","decision":"deny"}],"memfd":false,"loader":false,
	"ptrace":true},"egress":{"default":"deny","rules":[{"host":"*.example.org","port":[80,443],
	"decision":"allow"},{"cidr":"192.0.2.0/24","decision":"deny"},{"host":"127.0.0.1","port":1,
	"decision":"observe"}]},"unix":{"default":"deny","datagram":false,"rules":[{"path":"@x",
	"decision":"allow"}]},"listen":{"default":"allow","rules":[{"port":80,"decision":"deny"}]},
	"tools":{"rules":[{"tool":"stripe.*","resource":"*","decision":"ask"}]},
	"gateway":{"url":"http://127.0.0.1:3128","identity":["headers"],"timeout":"10s"},
	"env":{"pass":["LC_*"],"set":{"CI":"1"}},"limits":{"wall":"2h","memory":"2G","pids":512,
	"open_files":4096},"approval":{"timeout":"5m","approvers":["group:sre"],
	"four_eyes":false},"audit":{"sync":"decision"}}'
accepted 'a tripwire switched off' '{"tripwire":null}'
refused 'an unknown key' '{"egres":{}}'
refused 'an unknown key of a rule' '{"egress":{"rules":[{"host":"a.b","decision":"allow","x":1}]}}'
refused 'a rule without a decision' '{"egress":{"rules":[{"host":"a.b"}]}}'
refused 'a rule with two destinations' \
	'{"egress":{"rules":[{"host":"a.b","cidr":"::/0","decision":"allow"}]}}'
refused 'a port that is none' '{"egress":{"rules":[{"host":"a.b","port":65536,"decision":"allow"}]}}'
refused 'no port at all' '{"egress":{"rules":[{"host":"a.b","port":[],"decision":"allow"}]}}'
refused 'a relative path' '{"filesystem":{"read":["usr"]}}'
refused 'a pattern that would hide nothing' '{"filesystem":{"hide":["~/.ssh/*"]}}'
refused 'a wrong type' '{"limits":{"pids":"512"}}'
refused 'a duration of nothing' '{"limits":{"wall":"0s"}}'
refused 'a control character' '{"description":"a\u001b[2J"}'
refused 'an unknown gateway' '{"gateway":{"url":"ftp://x"}}'
against_schemas "${rows%$'\n'}"

# --- the example of the manual -------------------------------------------------------------

sed -n '/^\.Bd -literal$/,/^\.Ed$/{/^\./!p}' "$WARDER_SOURCE/doc/warder-profile.5" >"$T/refunds.json"
run_warder profile check "$T/refunds.json"
exit_is "the manual's example is right" 0
add_agent bot
sandbox --profile "$T/refunds.json" -- true
exit_is 'and runs, wherever it is tried' 0

# --- complaints ----------------------------------------------------------------------------

cat >"$T/x.json" <<'JSON'
{
  "egress": {
    "rules": [
      {"host": "one.example", "decision": "allow"},
      {"host": "two.example", "decision": "allow"},
      {"host": "three.example",
       "prot": 443, "decision": "allow"}
    ]
  }
}
JSON
run_warder profile check "$T/x.json"
exit_is 'a profile that is wrong is a negative answer' 1
is 'the key is named by file and line, with the one that was meant' "${err%%$'\n'*}" \
	"warder: $T/x.json:7: egress.rules[2].prot: unknown key; did you mean \"port\"?"
is 'and nothing is on stdout' "$out" ''
cd "$T" || exit 1
run_warder profile check x.json
like 'a bare file name is a file' "$err" 'x\.json:7:'
cd "$WS" || exit 1
cat >"$T/door.json" <<'JSON'
{
  "gateway": {
    "url": "socks5h://127.0.0.1:1080"
  }
}
JSON
run_warder profile check "$T/door.json"
exit_is 'a gateway that is not to be had' 1
like 'is named by file, line, key and kind' "$err" \
	"^warder: $T/door.json:3: gateway\.url: .*socks5h gateways are not yet available"
echo '{"gateway":{"url":"http://127.0.0.1:99999"}}' >"$T/door.json"
run_warder profile check "$T/door.json"
like 'and what is wrong with a URL' "$err" 'door\.json:1: gateway\.url: .*is no port'
echo '{"gateway":{"url":"http://me:hunter2@127.0.0.1:1"}}' >"$T/door.json"
run_warder profile check "$T/door.json"
like 'also with a password in it' "$err" 'door\.json:1: gateway\.url: '
unlike 'which is not repeated' "$err" hunter2
run_warder profile check nowhere.json
exit_is 'a bare file name that is not there' 1
like 'is one of a file, too' "$err" 'cannot read \./nowhere\.json: No such file'
run_warder profile check "$T/nowhere.json"
exit_is 'a file that is not there' 1
like 'is named' "$err" "$T/nowhere.json: No such file"
run_warder profile show nowhere
exit_is 'a profile that is not there' 1
like 'and where it was looked for' "$err" 'profiles\.d/nowhere\.json'

profile a <<<'{"extends":["b"]}'
profile b <<<'{"extends":["a"]}'
run_warder profile show a
exit_is 'profiles that extend each other' 1
like 'are named as a chain' "$err" 'extends itself: a -> b -> a'

profile default <<<'{"extends":["default"],"description":"ours","limits":{"pids":7}}'
run_warder profile show default
is 'one of ours may extend the shipped one that it replaces' \
	"$(jq -c '[.description, .limits.pids, .limits.open_files]' <<<"$out")" '["ours",7,4096]'

profile child <<'JSON'
{"extends": ["locked"], "egress": {"rules": [{"host": "a.example", "decision": "allow"}]},
 "exec": {"rules": [{"path": "nc", "decision": "deny"}]}}
JSON
run_warder profile show child
is "a child's rules come first" "$(jq -c '[.exec.rules[0].path, .exec.rules[1].path]' <<<"$out")" \
	'["nc","sudo"]'
is 'sets are united' "$(jq '.filesystem.read | index("/usr")' <<<"$out")" 0

run_warder profile
exit_is 'no action is a usage error' 2
run_warder profile chek x
exit_is 'so is an unknown one' 2
like 'with a suggestion' "$err" 'did you mean check'
run_warder profile check
exit_is 'and no file' 2
run_warder profile check a b
exit_is 'or two' 2

done_testing
