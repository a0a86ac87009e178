#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel's surface: what is not on the list is refused with the errno of the contract, and
# written down.  The control is the same probe outside, where the call is let through.
. "${0%/*}/lib.sh"

surface=$(probe surface)
see=(--ro "$T/bin")
add_agent bot

# The control: in namespaces of its own, so that nothing that succeeds does harm.
own=(unshare -m -u -i -p -n -f --mount-proc)
[ "$(id -u)" -eq 0 ] || own=(unshare -r -m -u -i -p -n -f --mount-proc)
run "${own[@]}" "$surface" 1 outside
exit_is 'the probe runs outside' 0
outside=$out

start_sandbox -- sh -c 'touch up; sleep 30'
host_pid=$server_pid
wait_until 5 test -e up
sandbox "${see[@]}" -- "$surface" "$host_pid"
exit_is 'and inside' 0
stop_server "$host_pid"
list=$(denials)

# ATTEMPT WANTED RECORD CONTROL: RECORD is the resource of tool `syscall`, or -.  CONTROL says
# who sees another answer outside: all, root, or - where this machine's kernel may lack it.
rows='io_uring_setup ENOSYS io_uring_setup -
io_uring_enter ENOSYS io_uring_enter -
io_uring_register ENOSYS io_uring_register -
clone3 ENOSYS - all
unshare_user EPERM unshare all
unshare_mount EPERM unshare all
unshare_net EPERM unshare all
unshare_pid EPERM unshare all
clone_user EPERM clone all
clone_user_high EPERM clone all
setns EPERM setns all
mount EPERM mount all
umount EPERM umount2 all
pivot_root EPERM pivot_root all
chroot EPERM chroot all
open_tree EPERM open_tree all
fsopen EPERM fsopen all
fspick EPERM fspick all
fsmount EPERM fsmount all
fsconfig EPERM fsconfig all
move_mount EPERM move_mount all
mount_setattr EPERM mount_setattr all
trace_me EPERM ptrace all
trace_victim EPERM ptrace all
own_memory_read EPERM process_vm_readv all
own_memory_write EPERM process_vm_writev all
memory_read EPERM process_vm_readv all
memory_write EPERM process_vm_writev all
kcmp EPERM kcmp all
takes_own_fd EPERM pidfd_getfd all
steals_fd EPERM pidfd_getfd all
process_madvise EPERM process_madvise all
process_mrelease EPERM process_mrelease all
migrate_pages EPERM migrate_pages all
move_pages EPERM move_pages all
memory_file EACCES - all
environment_file EACCES - all
root_of EACCES - all
kills_host ESRCH - -
limits_host ESRCH - -
owner_signal ESRCH - -
bpf EPERM bpf root
perf_event_open EPERM perf_event_open root
userfaultfd EPERM userfaultfd -
memfd_secret EPERM memfd_secret -
listener EBUSY - all
keyctl EPERM keyctl all
add_key EPERM add_key all
request_key EPERM request_key all
personality EPERM personality all
personality_high EPERM personality all
name_to_handle_at EPERM name_to_handle_at all
open_by_handle_at EPERM open_by_handle_at all
fanotify_init EPERM fanotify_init root
fanotify_mark EPERM fanotify_mark all
kexec_load EPERM kexec_load root
init_module EPERM init_module root
finit_module EPERM finit_module root
delete_module EPERM delete_module root
swapon EPERM swapon root
swapoff EPERM swapoff root
acct EPERM acct root
reboot EPERM reboot all
settimeofday EPERM settimeofday root
clock_settime EPERM clock_settime all
adjtimex EPERM adjtimex all
sethostname EPERM sethostname all
setdomainname EPERM setdomainname all
quotactl EPERM quotactl root
syslog EPERM syslog root
no_such_call ENOSYS syscall_470 -
TIOCSTI EPERM ioctl:TIOCSTI all
TIOCSTI_high EPERM ioctl:TIOCSTI all
TIOCLINUX EPERM ioctl:0x541c all
TIOCLINUX_high EPERM ioctl:0x541c all
TIOCCONS EPERM ioctl:0x541d all
TIOCSETD EPERM ioctl:0x5423 all
SIOCSIFFLAGS EPERM ioctl:0x8914 all
SIOCSIFFLAGS_high EPERM ioctl:0x8914 all
SIOCGSKNS EPERM ioctl:0x894c all
SIOCETHTOOL EOPNOTSUPP - all
SIOCGIWNAME EOPNOTSUPP - all
SIOCGIFCONF_file ENOTTY - -
SIOCATMARK_file ENOTTY - -
FIONCLEX ok - -
socket_tcp ok - -
socket_udp ok - -
socket_mptcp EPROTONOSUPPORT socket:inet/stream/262 -
socket_mptcp_high EPROTONOSUPPORT socket:inet6/stream/262 -
socket_sctp EPROTONOSUPPORT socket:inet/stream/132 -
socket_udplite EPROTONOSUPPORT socket:inet/dgram/136 all
socket_raw EAFNOSUPPORT socket:inet/raw all
socket_raw_high EAFNOSUPPORT socket:inet/raw all
socket_packet EAFNOSUPPORT socket:packet/raw all
socket_vsock EAFNOSUPPORT socket:vsock/stream -
socket_alg EAFNOSUPPORT socket:alg/seqpacket -
socket_diag EAFNOSUPPORT socket:netlink/raw all
kills_victim EALREADY - all
getpid ok - -
TIOCGWINSZ ENOTTY - -
socket_stream ok - -
socket_route ok - -'
case $(uname -m) in
x86_64)
	rows+='
iopl EPERM iopl -
ioperm EPERM ioperm -
modify_ldt EPERM modify_ldt -
int80 EPERM i386:getpid -
x32 EPERM x32:39 -'
	;;
esac

# outside_is ATTEMPT WHO WANTED-INSIDE: empty where the control is as it must be.
control() {
	local seen

	case $2 in
	-) return 0 ;;
	root) [ "$(id -u)" -eq 0 ] || return 0 ;;
	esac
	seen=$(out=$outside got "$1")
	[ -n "$seen" ] && [ "$seen" != "$3" ] || echo "outside it is $seen, too"
}

while read -r attempt wanted resource who; do
	if [ "$(got "$attempt")" != "$wanted" ]; then
		says "$attempt" "$attempt" "$wanted"
	elif [ "$resource" != - ] && ! grep -qxF "syscall $resource $wanted" <<<"$list"; then
		fail "$attempt" "refused, but not on record as: syscall $resource $wanted"
	elif [ -n "$(control "$attempt" "$who" "$wanted")" ]; then
		fail "$attempt" "$(control "$attempt" "$who" "$wanted")"
	else
		pass "$attempt: $wanted"
	fi
done <<<"$rows"
is 'nothing was tried that the table does not name' \
	"$(comm -3 <(sed 's/=.*//' <<<"$out" | sort) <(cut -d' ' -f1 <<<"$rows" | sort) | xargs)" ''
is 'nor was anything killed' "$(grep -c '=signal:' <<<"$out")" 0
is 'the record says which wall it was' "$(records 'select(.resource == "mount" and
	.tool == "syscall") | [.policy_decision, .result, .errno, .rule, .via]')" \
	'["denied","blocked","EPERM","kernel","kernel"]'

# The profile opens what it can open, and no more.
profile debugs <<<'{"extends":["default"],"exec":{"ptrace":true}}'
sandbox --profile debugs "${see[@]}" -- "$surface" 1
says 'a profile that lets it trace lets it trace' trace_me ok
says 'read memory' own_memory_read ok
says 'write it' own_memory_write ok
says 'compare' kcmp ok
says 'and take descriptors' takes_own_fd ok
says 'its own: not of pid 1, which is warder' trace_victim EPERM
says 'whose memory stays closed' memory_read EPERM
says 'and its descriptors' steals_fd EPERM
says 'and its files' memory_file EACCES
says 'nothing else is opened by it' mount EPERM
says 'nothing at all' unshare_user EPERM

# No profile, and no --observe, opens the rest.
sandbox --observe "${see[@]}" -- "$surface" 1
says '--observe does not open the kernel' mount EPERM
says 'nor a namespace' unshare_user EPERM
says 'nor io_uring' io_uring_setup ENOSYS

# --- what it is left with ------------------------------------------------------------------

sandbox -- cat /proc/self/status
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	like "$set is empty" "$out" "$set:[[:space:]]*0000000000000000"
done
like 'no new privileges' "$out" 'NoNewPrivs:[[:space:]]*1'
like 'a filter' "$out" 'Seccomp:[[:space:]]*2'
unlike 'which are not so outside' "$(cat /proc/self/status)" 'NoNewPrivs:[[:space:]]*1'
like 'it is who it was' "$out" "Uid:[[:space:]]*$(id -u)[[:space:]]"
like 'without further groups' "$out" "Groups:[[:space:]]*((65534|$(id -g))[[:space:]]*)*"$'\n'
sandbox -- sh -c 'cat /proc/1/status'
like 'pid 1 has no capability either' "$out" 'CapEff:[[:space:]]*0000000000000000'
if grep -q __asan_init "$WARDER"; then
	skip 'and a filter' 'the sanitizer needs more calls than that has'
else
	like 'and a filter' "$out" 'Seccomp:[[:space:]]*2'
fi
sandbox -- bash -c 'readlink /proc/self/ns/{user,pid,mnt,net,ipc,uts,cgroup}'
is 'every namespace is its own' \
	"$(comm -12 <(sort <<<"$out") <(readlink /proc/self/ns/* | sort -u) | xargs)" ''
is 'all seven' "$(wc -l <<<"$out")" 7
suid=$(find /usr/bin -maxdepth 1 -perm /4000 -name passwd)
if [ -n "$suid" ] && [ "$(id -u)" -ne 0 ]; then
	sandbox -- sh -c 'passwd -S root; :' # what root may ask, and so a set-user-ID passwd
	unlike 'a set-user-ID program gives nothing' "$out" '^root '
fi
if [ "$(id -u)" -eq 0 ]; then
	profile nobody <<<'{"extends":["default"]}'
	mkdir -p "$T/theirs" && chmod 0755 "$T" && chown nobody "$T/theirs"
	sandbox --user nobody --workspace "$T/theirs" -- sh -c 'id -un; touch mine && stat -c %U mine;
		cat /etc/shadow'
	is '--user says who it is' "$out" $'nobody\nnobody'
	is 'outside, too' "$(stat -c %U "$T/theirs/mine")" nobody
fi

done_testing
