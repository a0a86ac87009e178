#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dependencies go one way (doc/design.md, "The house"): each folder of src/ includes only
# what this table lets it.
. "${0%/*}/lib.sh"

# folder, then the folders or single headers that it may use besides itself.  record needs
# the profile's sync policy; a supervisor starts the jail, and speaks the shim's protocol.
rules='base
policy base
inventory base
record base policy/profile.h
jail base policy preload/protocol.h
gateway base
supervisor base policy gateway record jail/jail.h jail/filter.h preload/protocol.h
cli base policy inventory record jail gateway supervisor'

# violations SRC: one line for each #include "..." that the table has no room for.
violations() {
	(cd "$1" && grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' ./*/*.[ch]) |
		awk -v rules="$rules" '
		BEGIN {
			n = split(rules, line, "\n")
			for (i = 1; i <= n; i++) {
				m = split(line[i], word, " ")
				known[word[1]] = 1
				for (k = 1; k <= m; k++)
					may[word[1], word[k]] = 1
			}
		}
		{
			split($0, at, ":")
			split(at[1], part, "/")
			folder = part[2]
			header = $0
			sub(/^[^"]*"/, "", header)
			sub(/".*/, "", header)
			sub(/^(\.\.\/)+/, "", header)
			slash = index(header, "/")
			if (slash == 0)
				next
			if (!known[folder] ||
			    !may[folder, substr(header, 1, slash - 1)] && !may[folder, header])
				print at[1] ":" at[2] ": " header
		}'
}

is 'every folder includes only what lies below it' "$(violations "$WARDER_SOURCE/src")" ''

# The check itself, on a house with one fault of each kind.
mkdir -p "$T"/src/{base,policy,record,stray}
echo '#include "policy/judge.h"' >"$T/src/base/up.c"
printf '#include <stdio.h>\n# include "base/mem.h"\n#include "policy/glob.h"\n' >"$T/src/policy/fine.c"
printf '#include "policy/profile.h"\n  #include  "policy/judge.h"\n' >"$T/src/record/past.h"
echo '#include "base/mem.h"' >"$T/src/stray/new.c"
is 'and a breach is seen' "$(violations "$T/src")" './base/up.c:1: policy/judge.h
./record/past.h:2: policy/judge.h
./stray/new.c:1: base/mem.h'

# What is outside of any folder is main() alone.
is 'src/ itself holds main.c only' "$(cd "$WARDER_SOURCE/src" && echo ./*.[ch])" './main.c'

done_testing
