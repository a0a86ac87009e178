#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` leaves behind: all of it under the prefix, and needing nothing else.
. "${0%/*}/lib.sh"

shim() { find "$1" -name libwarder-preload.so; }

run_warder version
exit_is 'warder version' 0
like 'says which' "$out" '^warder [0-9]+\.[0-9]+'

run env -i "$WARDER" version
exit_is 'with an empty environment too' 0

run "$WARDER" version 0<&- 2>&-
exit_is 'and with standard descriptors closed' 0

run_warder
exit_is 'no verb is a usage error' 2
is 'that says nothing on stdout' "$out" ''
like 'and the verbs on stderr' "$err" 'usage: warder VERB'
run_warder --help
exit_is '--help is none' 0
like 'and prints on stdout' "$out" 'usage: warder VERB'
run_warder versoin
exit_is 'an unknown verb is a usage error' 2
like 'with a suggestion' "$err" 'did you mean .warder version'
run_warder version --jsn
exit_is 'so is an unknown option' 2
like 'with a suggestion, too' "$err" 'did you mean --json'
run_warder version extra
exit_is 'and an argument too many' 2
run sh -c '"$1" version >/dev/full' sh "$WARDER"
exit_is 'an answer that could not be written is no success' 1

ok 'one shim is installed' test "$(shim "$PREFIX" | wc -l)" -eq 1
ok 'manual pages are installed' test -s "$PREFIX/share/man/man1/warder.1"
ok 'shipped profiles are installed' test -s "$PREFIX/share/warder/profiles/default.json"

if command -v readelf >/dev/null; then
	unlike 'the shim needs no library' "$(readelf -d "$(shim "$PREFIX")")" 'NEEDED'
	unlike 'nor the sanitizer or the stack protector' \
		"$(readelf -Ws "$(shim "$PREFIX")")" '__asan|__ubsan|__stack_chk|_chk'
	# What a run does not use is not loaded at its start.
	unlike 'libseccomp, SQLite and OpenSSL are not on the start path' \
		"$(readelf -d "$WARDER")" 'seccomp|sqlite|libpq|libssl|libcrypto'
	like 'the program can be loaded anywhere' "$(readelf -h "$WARDER")" 'DYN'
fi

# A prefix that was moved uses its own profiles and its own shim.
cp -R "$PREFIX" "$T/moved"
sed -i 's/"description": *"/&moved: /' "$T/moved/share/warder/profiles/default.json"
run "$T/moved/bin/warder" profile show default
exit_is 'a moved prefix finds its own profiles' 0
like 'and not those of where it was' "$out" 'moved: '

done_testing
