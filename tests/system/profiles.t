#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Profiles and agents from outside: what is shipped is right, what is wrong is named by file,
# line and key, and every verb answers by its exit code.
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

python=
for candidate in /usr/bin/python3 python3; do
	"$candidate" -c 'import jsonschema' 2>/dev/null && python=$candidate && break
done
fits() { # fits SCHEMA FILE
	"$python" - "$shipped/$1.schema.json" "$2" <<-'PY'
	import json, sys
	import jsonschema
	schema, value = (json.load(open(name)) for name in sys.argv[1:])
	jsonschema.Draft202012Validator.check_schema(schema)
	jsonschema.Draft202012Validator(schema).validate(value)
	PY
}
if [ -n "$python" ]; then
	for name in base default locked; do
		ok "$name fits the schema" fits profile "$shipped/$name.json"
		ok "$name, shown, fits it too" fits profile "$T/$name.json"
	done
else
	skip 'the schemas' 'no python3-jsonschema'
fi

# both NAME FILE-CONTENT: program and schema refuse it.
refused() {
	printf '%s\n' "$2" >"$T/refused.json"
	run_warder profile check "$T/refused.json"
	exit_is "refused: $1" 1
	[ -z "$python" ] || not_ok "by the schema, too: $1" fits profile "$T/refused.json"
}
accepted() {
	printf '%s\n' "$2" >"$T/accepted.json"
	run_warder profile check "$T/accepted.json"
	exit_is "accepted: $1" 0
	[ -z "$python" ] || ok "by the schema, too: $1" fits profile "$T/accepted.json"
}
accepted 'nothing at all' '{}'
accepted 'everything' '{"name":"example","description":"d","require":"kernel",
	"filesystem":{"read":["/usr","?/x"],"write":["{workspace}"],"hide":["~/.ssh"],
	"protect":["{workspace}/.git/hooks/"],"tmpfs":["/tmp"],"exec_writable":true},
	"exec":{"default":"allow","rules":[{"path":"/usr/bin/terraform","argv":["apply","**"],
	"decision":"ask","reason":"r"},{"path":"nc","decision":"deny"}],"memfd":false,"loader":false,
	"ptrace":true},"egress":{"default":"deny","rules":[{"host":"*.example.org","port":[80,443],
	"decision":"allow"},{"cidr":"192.0.2.0/24","decision":"deny"},{"host":"127.0.0.1","port":1,
	"decision":"observe"}]},"unix":{"default":"deny","datagram":true,"rules":[{"path":"@x",
	"decision":"allow"}]},"listen":{"default":"allow","rules":[{"port":80,"decision":"deny"}]},
	"tools":{"rules":[{"tool":"stripe.*","resource":"*","decision":"ask"}]},
	"gateway":{"url":"http://127.0.0.1:3128","identity":["headers","token"],"timeout":"10s"},
	"env":{"pass":["LC_*"],"set":{"CI":"1"}},"limits":{"wall":"2h","memory":"2G","pids":512,
	"cpu":"150%","open_files":4096},"approval":{"timeout":"5m","approvers":["group:sre"],
	"four_eyes":false,"helper":["/usr/lib/x/ask"]},"tripwire":{"denials":50,"window":"60s",
	"same_action":10,"then":"kill"},"audit":{"sync":"decision"}}'
accepted 'a tripwire switched off' '{"tripwire":null}'
accepted 'a container as the wall' '{"require":"kernel","filesystem":"inherit"}'
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
(cd "$T" && run_warder profile check x.json && like 'a bare file name is a file' "$err" 'x\.json:7:')
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

# --- agents --------------------------------------------------------------------------------

run_warder agents list
exit_is 'no agents is no failure' 0
is 'and an empty answer' "$out" ''
run_warder agents add bot --owner alice@example.com --environment prod --profile default \
	--purpose 'refund tickets' --gateway http://127.0.0.1:3128 --model-provider OpenAI \
	--model gpt-4.1 --review-by 2099-06-30 --requester 'user:*'
exit_is 'an agent is registered' 0
file=$WARDER_CONFIG_DIR/agents.d/bot.json
is 'with the keys of the contract' "$(jq -r 'keys_unsorted | join(" ")' "$file")" \
	'agent_id owner environment purpose profile gateway model_provider model requesters review_by state'
[ -z "$python" ] || ok 'that fit the schema' fits agent "$file"
before=$(sha256sum "$file")
run_warder agents add bot --owner mallory --environment prod --profile default
exit_is 'not twice' 1
like 'and it says so' "$err" 'registered already'
is 'the first stays as it was' "$(sha256sum "$file")" "$before"
is 'and nothing else is left behind' "$(ls "$WARDER_CONFIG_DIR/agents.d")" bot.json
run_warder agents add zoe --owner bob --environment test --profile locked
run_warder agents list
is 'the list has a head and two rows' "$(wc -l <<<"$out")" 3
like 'which are aligned' "$out" 'AGENT  OWNER              ENVIRONMENT  PROFILE  STATE   REVIEW BY'
run_warder agents list --json
is 'or one object a line' "$(jq -r .agent_id <<<"$out" | xargs)" 'bot zoe'
run_warder agents show bot
exit_is 'one is shown' 0
like 'with its owner' "$out" 'owner +alice@example\.com'
run_warder agents show bot --json
is 'and as JSON' "$(jq -r .model <<<"$out")" gpt-4.1
run_warder agents show nobody
exit_is 'one that is not there is a negative answer' 1
like 'with the way to register it' "$err" 'warder agents add nobody --owner'
echo '{"agent_id":"torn"' >"$WARDER_CONFIG_DIR/agents.d/torn.json"
run_warder agents list
exit_is 'one that cannot be read is a failure' 1
like 'that is named' "$err" 'agents\.d/torn\.json:[0-9]+: not JSON'
like 'the others are still listed' "$out" 'zoe'

usage() { # usage NAME ARGUMENT...
	local name=$1
	shift
	run_warder agents "$@"
	exit_is "usage error: $name" 2
}
usage 'no action'
usage 'an unknown action' lst
like 'with a suggestion' "$err" 'did you mean list'
usage 'no id' add --owner o --environment e --profile p
usage 'no owner' add x --environment e --profile p
usage 'no environment' add x --owner o --profile p
usage 'no profile' add x --owner o --environment e
usage 'a bad id' add ../x --owner o --environment e --profile p
usage 'a bad date' add x --owner o --environment e --profile p --review-by tomorrow
usage 'a bad gateway' add x --owner o --environment e --profile p --gateway ftp://x
is 'none of which registered anything' "$(ls "$WARDER_CONFIG_DIR/agents.d" | xargs)" \
	'bot.json torn.json zoe.json'

done_testing
