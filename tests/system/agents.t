#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may run at all: the inventory, and what takes an agent out of it.
. "${0%/*}/lib.sh"

# --- the inventory -------------------------------------------------------------------------

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
against_schemas "fits agent $file which fit the schema"
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
usage 'what an editor does' remove bot
like 'with the file to delete' "$err" "no such action: remove; .* delete $WARDER_CONFIG_DIR/agents.d/bot.json"
usage 'or changes' edit
like 'the file to edit' "$err" "edit $WARDER_CONFIG_DIR/agents.d/ID.json"
usage 'no id' add --owner o --environment e --profile p
usage 'no owner' add x --environment e --profile p
usage 'no environment' add x --owner o --profile p
usage 'no profile' add x --owner o --environment e
usage 'a bad id' add ../x --owner o --environment e --profile p
usage 'a bad date' add x --owner o --environment e --profile p --review-by tomorrow
usage 'a bad gateway' add x --owner o --environment e --profile p --gateway ftp://x
is 'none of which registered anything' "$(ls "$WARDER_CONFIG_DIR/agents.d" | xargs)" \
	'bot.json torn.json zoe.json'


rm "$WARDER_CONFIG_DIR/agents.d/torn.json"

# --- who may run ---------------------------------------------------------------------------

started=$WS/started

# agent ID MORE-MEMBERS: registers one by hand.
agent() {
	printf '{"agent_id":"%s","owner":"alice@example.com","environment":"prod","profile":"default"%s}\n' \
		"$1" "$2" >"$WARDER_CONFIG_DIR/agents.d/$1.json"
}
# stays_out NAME WHY ID OPTION...: no run, but a record in the ledger.
stays_out() {
	local name=$1 why=$2 id=$3 before

	shift 3
	before=$(ls "$WARDER_LOG_DIR/journal" 2>/dev/null | wc -l)
	run_warder run --agent "$id" "$@" -- touch "$started"
	exit_is "$name does not run" 125
	like "$name: it says why" "$err" "$why"
	is "$name: it is in the ledger" "$(ledger '[.phase, .agent_id, .tool, .resource,
		.policy_decision, .result, .run_id, .rule]' | tail -n 1)" \
		"[\"decision\",\"$id\",\"run\",\"touch\",\"denied\",\"blocked\",\"\",\"inventory\"]"
	like "$name: with the reason" "$(ledger .reason | tail -n 1)" "$why"
	is "$name: there is no journal" "$(ls "$WARDER_LOG_DIR/journal" 2>/dev/null | wc -l)" "$before"
	not_ok "$name: nothing has run" test -e "$started"
}

run_warder run --agent zoe -- touch "$started"
exit_is 'the control: a registered agent runs' 0
rm -f "$started"
stays_out 'an unregistered agent' 'no agent mallory is registered' mallory
is 'of whom nothing is known' "$(ledger '[.owner, .environment]' | tail -n 1)" '["",""]'
like 'and who would have it may be told how' "$err" 'warder agents add mallory'
for state in draft suspended retired; do
	agent "is-$state" ",\"state\":\"$state\""
	stays_out "a $state one" "$state" "is-$state"
done
agent old ',"review_by":"2020-01-01"'
stays_out 'one past its review' 'review' old
run_warder agents list
like 'which the list says' "$out" 'old .* expired +2020-01-01'
like 'also of one that is suspended' "$out" 'is-suspended .* suspended '
echo '{"extends":["default"]}' >rel.json
run_warder agents add rel --owner o --environment test --profile ./rel.json
is "a profile's file is kept by its whole path" \
	"$(jq -r .profile "$WARDER_CONFIG_DIR/agents.d/rel.json")" "$WS/rel.json"
cd / || exit 1
run_warder run --agent rel --workspace "$WS" -- true
exit_is 'so it is found from everywhere' 0
cd "$WS" || exit 1
rm rel.json
run_warder agents list
like 'where it is gone the list says so' "$out" 'rel .* no profile '
run_warder agents show rel
like 'and show says more' "$out" 'state +no profile'$'\n'' +cannot read .*rel.json: No such file'
agent due ",\"review_by\":\"$(date -u +%F)\""
run_warder run --agent due -- true
exit_is 'on the day itself it runs' 0
agent picky ',"requesters":["user:alice","ticket:*"]'
stays_out 'one that a stranger asks for' 'requesters|mallory' picky --requested-by user:mallory
run_warder run --agent picky --requested-by ticket:OPS-7 -- true
exit_is 'but not for those who may' 0
printf '{"agent_id":"torn"' >"$WARDER_CONFIG_DIR/agents.d/torn.json"
stays_out 'one that cannot be read' 'not JSON' torn
agent modelled ',"model_provider":"OpenAI","model":"gpt-4.1"'
run_warder run --agent modelled -- true
is 'every record says which model it is' \
	"$(records '[.agent_id, .owner, .environment, .model_provider, .model]' | sort -u)" \
	'["modelled","alice@example.com","prod","OpenAI","gpt-4.1"]'

# --- revoked -------------------------------------------------------------------------------

run_warder revoke zoe --why 'seen at night'
exit_is 'an agent is revoked' 0
stays_out 'a revoked one' 'revoked.*seen at night' zoe
is 'the revocation is in the ledger' "$(ledger 'select(.phase == "revocation") | .resource' | sort -u)" \
	'"zoe"'
run_warder reinstate zoe
exit_is 'and reinstated' 0
run_warder run --agent zoe -- true
exit_is 'it runs again' 0
while read -r name back; do
	mkdir -p "$WARDER_STATE_DIR/revoked.d" && touch "$WARDER_STATE_DIR/revoked.d/$name"
	stays_out "revoked by a touched file $name" 'revoked' zoe
	like "$name: what takes it back" "$err" "\`warder reinstate $back\` takes it back"
	rm "$WARDER_STATE_DIR/revoked.d/$name"
done <<'END'
zoe zoe
owner:bob --owner bob
environment:test --environment test
@all --all
END
touch "$WARDER_STATE_DIR/revoked.d/owner:alice" "$WARDER_STATE_DIR/revoked.d/zo"
run_warder run --agent zoe -- true
exit_is 'files of others do not matter' 0
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 "$WARDER_STATE_DIR/revoked.d"
	stays_out 'what cannot be told counts as revoked' 'revoked\.d' zoe
	chmod 0700 "$WARDER_STATE_DIR/revoked.d"
fi
rm -rf "$WARDER_STATE_DIR/revoked.d" && : >"$WARDER_STATE_DIR/revoked.d"
stays_out 'nor can it where something else is' 'revoked' zoe

done_testing
