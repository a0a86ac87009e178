#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an agent can do to files: its workspace, and no others.  Each denial stands beside the
# same attempt where the profile allows it.
. "${0%/*}/lib.sh"

files=$(probe files)
see=(--ro "$T/bin")
add_agent bot

# attempts [OPTION...]: makes each ATTEMPT of the `WANTED ATTEMPT NAME...` rows of stdin, all
# in one sandbox.
attempts() {
	local wanted attempt name all=() rows

	rows=$(cat)
	while read -r wanted attempt name; do
		all+=("$attempt")
	done <<<"$rows"
	sandbox "${see[@]}" "$@" -- "$files" "${all[@]}"
	[ "$status" -eq 0 ] || fail 'the probe runs' "exit $status: $err"
	while read -r wanted attempt name; do
		says "$name" "$attempt" "$wanted"
	done <<<"$rows"
}

# --- the system is read-only, the workspace is not -----------------------------------------

mkdir -p "$T/other" "$T/ro"
echo mine >"$WS/mine"
attempts <<ROWS
ok write,$WS/new a file can be made in the workspace
ok write,mine and changed
ok mkdir,$WS/dir so can a directory
ok rename,$WS/new,$WS/dir/old and be moved
ok unlink,$WS/dir/old and be removed
ok rmdir,$WS/dir both of them
ok chmod,mine modes can be changed
ok touch,mine and times
ok fifo,pipe a pipe can be made
ok make-symlink,/usr/bin/env,link and a symlink
ok swap,mine,link which can change places
ok tmpfile,.,named a file can be given its name later
ok read,/etc/passwd the system can be read
EROFS write,/usr/bin/env but not written
EROFS write,/usr/lib/new nothing can be made in it
EROFS create,/etc/passwd nor emptied
EROFS truncate,/etc/passwd by its path either
EROFS unlink,/etc/passwd nor removed
EROFS rename,/etc/passwd,/etc/passwd2 nor renamed
EROFS mkdir,/usr/new nor a directory made
EEXIST mkdir,/usr one that is there is there
EEXIST make-symlink,x,/etc/passwd in whatever way
EBUSY rmdir,$WS the workspace stays where it is
EBUSY rename,$WS,/tmp/elsewhere whatever is done
EROFS rmdir,/usr/lib nor removed
EROFS chmod,/etc/passwd nor its mode changed
EROFS make-symlink,x,/etc/new nor a symlink made
EROFS touch,/etc/passwd nor a time
EROFS chown,/etc/passwd nor an owner
EROFS flags,/etc/passwd nor the flags of its file system
EROFS tmpfile,/usr/lib,/usr/lib/new nor a file given its name later
ENOSYS openat2,/etc/passwd a call whose flags are behind a pointer is not there
EROFS inside,/etc,passwd by its name where it stands
EROFS directory,/etc,passwd or beside a descriptor of its directory
EROFS inside,/etc,./../etc/passwd or in a roundabout way
EROFS write,/new nothing can be made at the top
EROFS write,/proc/sys/kernel/core_pattern the kernel's switches stay as they are
EROFS write,/proc/sysrq-trigger and its keyboard
ROWS
denied 'an attempt is on record, by the name of the file' file /usr/bin/env EROFS
denied 'also where there is none yet' file /usr/lib/new EROFS
denied 'also by a roundabout way' file /etc/passwd EROFS
is 'with the wall that refused it' "$(records 'select(.resource == "/usr/lib/new")
	| [.policy_decision, .result, .rule, .via]' | sort -u)" \
	'["denied","blocked","filesystem","kernel"]'
is 'repetitions are counted' "$(records 'select(.resource == "/etc/passwd") | .attempt' | sort -n |
	tail -n 1)" "$(denials | grep -c '^file /etc/passwd ')"
is 'what was allowed happened' "$(readlink "$WS/mine")" /usr/bin/env
is 'and is owned by who ran it' "$(stat -c %u "$WS/link")" "$(id -u)"

attempts --rw "$T/other" --ro "$T/ro" <<ROWS
ok write,$T/other/new --rw makes another directory writable
EROFS write,$T/ro/new --ro does not
ROWS
ok 'what it wrote is there' test -s "$T/other/new"
attempts <<ROWS
ENOENT list,$T/other without it, it is not to be seen
ENOENT write,$T/other/new2 let alone to be written
ROWS

# --- private places ------------------------------------------------------------------------

mark=$(mktemp /tmp/warder-mark.XXXXXX)
echo mark >"$mark"
attempts <<ROWS
ENOENT read,$mark the host's /tmp is not the agent's
ok write,/tmp/inside it has its own
ok write,/var/tmp/inside and more than one
ok write,/dev/shm/inside and memory to share
ok write,/dev/null there is a /dev/null
ok read,/dev/zero and a /dev/zero
ok read,/dev/urandom and a /dev/urandom
ENOENT read,/dev/mem but no memory
ENOENT read,/dev/kmsg nor the kernel's messages
ENOENT list,/dev/disk nor disks
ENOENT list,/run/systemd nor what runs outside
ROWS
rm -f "$mark"
not_ok 'what it puts there is gone' test -e /tmp/inside
sandbox -- sh -c 'ls -d /proc/[0-9]* | wc -l; ls -A /dev | grep -cE "^(sd|vd|nvme|loop|mem|kvm|tun)"'
ok 'of processes it sees its own' test "$(head -n 1 <<<"$out")" -lt 8
is 'and no device that it could harm' "$(tail -n 1 <<<"$out")" 0
sandbox -- cat /proc/self/mounts
unlike 'nor any mount of the host' "$out" '(^|\s)/(boot|mnt|media)\s|/\.old'
like 'all that it can write to is nosuid and nodev' \
	"$(awk '$4 ~ /(^|,)rw(,|$)/ && $2 !~ "^/(proc|dev)" &&
		($4 !~ /nosuid/ || $4 !~ /nodev/)' <<<"$out")|" '^\|$'

# --- what is masked ------------------------------------------------------------------------

mkdir -p "$HOME/.ssh" "$HOME/.aws" "$HOME/.config/gh" "$HOME/notes"
for file in .ssh/id_ed25519 .aws/credentials .netrc .config/gh/hosts.yml notes/todo .bash_history; do
	echo secret >"$HOME/$file"
done
profile home <<<'{"extends":["default"],"filesystem":{"read":["{home}"]}}'
profile open-home <<'JSON'
{"filesystem": {"read": ["/usr", "/etc", "?/bin", "?/lib", "?/lib64", "{home}"],
                "write": ["{workspace}"], "tmpfs": ["/tmp"]},
 "exec": {"default": "allow"}}
JSON
ln -s "$HOME/.ssh" "$WS/keys"
attempts --profile home <<ROWS
ok read,$HOME/notes/todo the home directory is readable where a profile says so
ENOENT read,$HOME/.ssh/id_ed25519 but no key
ENODATA list,$HOME/.ssh their directory is empty
ENOENT read,$WS/keys/id_ed25519 also by another way
ENOENT read,/proc/self/root$HOME/.ssh/id_ed25519 or a roundabout one
EROFS write,$HOME/.ssh/authorized_keys and takes none
EROFS rename,$HOME/.ssh,$HOME/.ssh2 it cannot be moved away
EROFS rmdir,$HOME/.ssh nor removed
ENOENT read,$HOME/.aws/credentials nor a password
EACCES read,$HOME/.netrc in whatever file
ENOENT read,$HOME/.config/gh/hosts.yml however deep
EACCES read,$HOME/.bash_history nor what was typed
EACCES read,/etc/shadow nor the passwords of the host
EROFS hard-link,$HOME/.netrc,$HOME/notes/copy a second name is none either
ROWS
denied 'a write to ~/.ssh is on record' file "$HOME/.ssh/authorized_keys" EROFS
attempts --profile open-home <<ROWS
ok read,$HOME/.ssh/id_ed25519 a profile that masks nothing shows them
ok list,$HOME/.ssh all of them
ok read,$HOME/.netrc and passwords
ROWS
if [ "$(id -u)" -eq 0 ]; then
	attempts --profile open-home <<-ROWS
	ok read,/etc/shadow even those of the host, to root
	ROWS
fi
profile hides <<'JSON'
{"extends": ["default"], "filesystem": {"hide": ["{workspace}/.env", "{workspace}/private"]}}
JSON
mkdir -p "$WS/private"
echo secret | tee "$WS/.env" >"$WS/private/file"
attempts --profile hides <<ROWS
EACCES read,$WS/.env what is masked in the workspace is masked
ENOENT read,$WS/private/file directories too
EROFS rename,$WS/private,$WS/p and stays where it is
EROFS unlink,$WS/.env so do files
EXDEV link,$WS/.env,$WS/env2 a second name is none
EROFS write,$WS/private/new nor is it a place for secrets of its own
ROWS
is 'and unharmed' "$(cat "$WS/.env" "$WS/private/file" | xargs)" 'secret secret'

# The home directory as the workspace: the masks stand in a writable tree.
attempts --workspace "$HOME" <<ROWS
ok write,$HOME/notes/todo the home directory may be the workspace
ENOENT read,$HOME/.ssh/id_ed25519 keys are masked there, too
EROFS write,$HOME/.ssh/authorized_keys and cannot be added
EROFS rename,$HOME/.ssh,$HOME/.ssh2 nor their directory be moved
EROFS unlink,$HOME/.netrc nor what is masked be replaced
EBUSY replace,$HOME/.config,$HOME/.config/gh/hosts.yml nor by its parent
ROWS
is 'and all is as it was' "$(cat "$HOME/.ssh/id_ed25519" "$HOME/.netrc" "$HOME/.config/gh/hosts.yml" |
	sort -u)" secret

mv "$HOME/.aws" "$HOME/aws" && ln -s aws "$HOME/.aws"
sandbox --workspace "$HOME" -- true
exit_is 'what is masked through a symlink that could be replaced is not masked' 125
like 'and says so' "$err" 'filesystem\.hide: .*/\.aws is a symlink'
sandbox --profile home -- true
exit_is 'but where it cannot' 0

# --- other ways to a file ------------------------------------------------------------------

echo outside >"$T/ro/file"
touch "$WS/own"
chmod 0777 "$T/ro" && chmod 0666 "$T/ro/file"
ln -sf "$T/other" "$WS/out"
attempts --ro "$T/ro" <<ROWS
EROFS write,$T/ro/file what is readable only
EROFS symlink,$T/ro/file,$WS/s1 stays so through a symlink
EXDEV hard-link,$T/ro/file,$WS/h1 or a hard link
EROFS own-root,$T/ro/file or the process's root
EACCES init-root,$T/ro/file or that of pid 1
EACCES init-cwd,$T/ro/file or where that stands
EROFS descriptor,$T/ro/file or a descriptor without rights
EPERM handle,$T/ro/file,/ or a handle
EROFS mapping,$T/ro/file or memory
EPERM namespace,$T/ro/file or a namespace of its own
EPERM unmount,$T/ro or without the mount
EPERM remount,$T/ro or with another one
ok flip,$T/ro/file,$WS/mine2 or by a symlink that changes meanwhile
ENOENT write,$WS/out/new a symlink out of the workspace leads nowhere
EACCES device,$WS/sda a device cannot be made
EACCES null,$WS/null of any kind
EPERM caps,$WS/link nor capabilities given
EPERM setuid,$WS/own nor the rights of its owner
EPERM setgid,$WS/own or of its group
EPERM setuid-held,$WS/own through a descriptor
EPERM setuid-new,$WS/new-own or from the beginning
EPERM setuid-node,$WS/new-own by whatever call
ROWS
is 'it has not changed' "$(cat "$T/ro/file")" outside
is 'nor given rights' "$(find "$WS" -perm /6000)" ''
denied 'which is on record' file "$WS/own" EPERM
attempts --rw "$T/ro" <<ROWS
ok write,$T/ro/file where it is writable all of these write
ok symlink,$T/ro/file,$WS/s1 through a symlink
ok own-root,$T/ro/file the process's root
ok descriptor,$T/ro/file a descriptor without rights
ok mapping,$T/ro/file memory
ok flip,$T/ro/file,$WS/mine2 and a symlink that changes meanwhile
ROWS
ok 'and it has' test "$(wc -l <"$T/ro/file")" -gt 5

# What it is given it may use as it was given.
out=$("$WARDER" run --agent bot "${see[@]}" -- "$files" read,/dev/stdin write,/dev/stdin \
	truncate,/proc/self/fd/0 <"$T/other/new")
says 'a file that it was given for reading' read,/dev/stdin ok
says 'cannot be opened again for writing' write,/dev/stdin EACCES
says 'nor emptied by its other name' truncate,/proc/self/fd/0 EACCES
out=$("$WARDER" run --agent bot "${see[@]}" -- "$files" write,/dev/stdin <>"$T/other/new")
says 'one that it was given for both can' write,/dev/stdin ok

done_testing
