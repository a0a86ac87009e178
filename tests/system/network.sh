# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced instead of lib.sh by a test that needs a network with addresses and names of its
# choice.  The test starts itself again in a network and a mount namespace, where lo has
#
#	192.0.2.10, 2001:db8::10         the origin that agents may want
#	192.0.2.20, 2001:db8:1::20       another place
#	198.51.100.1, 198.51.100.9       a network, and one address of it
#	10.77.0.1                        a private one
#	169.254.169.254, fd00:ec2::254   what clouds tell their secrets at
#	64:ff9b::7f00:1                  127.0.0.1 behind a translator
#
# every port may be bound by everybody, /etc/hosts is the table below and /dev/shm is empty.
# Servers that the test starts and warder itself live there: it is "the host".  Root stays
# root, an ordinary user an ordinary user without capabilities.

hosts_table='127.0.0.1 localhost loop.test gw.test
192.0.2.10 origin.test wild.test sub.wild.test deep.sub.wild.test half.test both.test
192.0.2.20 other.test
192.0.2.99 half.test
10.77.0.1 private.test both.test
0.0.0.0 zero.test
::1 loop6.test
64:ff9b::7f00:1 translated.test
169.254.169.254 metadata.test
2001:db8::10 six.test'
host_addresses='192.0.2.10/32 192.0.2.20/32 198.51.100.1/32 198.51.100.9/32 10.77.0.1/32
169.254.169.254/32 2001:db8::10/128 2001:db8:1::20/128 fd00:ec2::254/128 64:ff9b::7f00:1/128'

# namespaced FLAGS SETUP: sets BEFORE to words that run a command in new namespaces, prepared
# by the shell commands SETUP, which have the capabilities that the command has not.
namespaced() {
	BEFORE=(unshare)
	[ "$(id -u)" -eq 0 ] || BEFORE+=(--map-current-user --keep-caps)
	# shellcheck disable=SC2206
	BEFORE+=($1 -- sh -ec "$2"$'\nexec setpriv --inh-caps=-all --ambient-caps=-all -- "$@"' sh)
}

# shellcheck disable=SC2016
if [ "${WARDER_TEST_NETWORK:-}" != "$$" ]; then
	export WARDER_TEST_HOSTS=$hosts_table WARDER_TEST_ADDRESSES=$host_addresses
	namespaced '--net --mount' '
		ip link set lo up
		for address in $WARDER_TEST_ADDRESSES; do
			case $address in *:*) nodad=nodad ;; *) nodad= ;; esac
			ip address add "$address" dev lo $nodad
		done
		echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
		mount -t tmpfs none /dev/shm
		mount -t tmpfs none /mnt
		echo "$WARDER_TEST_HOSTS" >/mnt/hosts
		mount --bind /mnt/hosts /etc/hosts
		umount -l /mnt'
	if why=$("${BEFORE[@]}" true 2>&1); then
		WARDER_TEST_NETWORK=$$ exec "${BEFORE[@]}" bash "$0"
	fi
	. "${BASH_SOURCE[0]%/*}/lib.sh"
	skip_or_fail "make a network of its own: $why"
fi
. "${BASH_SOURCE[0]%/*}/lib.sh"
. "${BASH_SOURCE[0]%/*}/attempts.sh"
