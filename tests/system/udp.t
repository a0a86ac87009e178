#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Datagrams leave to nowhere, are refused at once and on record, with the catch-all device and
# without it; whatever the rules allow.
. "${0%/*}/network.sh"

start_origin 53 443 9999
egress open '{"host": "*", "decision": "allow"}, {"cidr": "0.0.0.0/0", "decision": "allow"},
	{"cidr": "::/0", "decision": "allow"},
	{"host": "127.0.0.1", "port": 9999, "decision": "allow"}'

attempts - net <<'ROWS'
connect,192.0.2.10,443      ok  -  outside: connect() and send()
sendto,192.0.2.10,9999      ok  -  outside: sendto()
high,192.0.2.10,9999        ok  -  outside: from an address whose lower half is 0
sendmsg,192.0.2.10,9999     ok  -  outside: sendmsg()
sendmmsg,192.0.2.10,9999    ok  -  outside: sendmmsg()
connect,2001:db8::10,443    ok  -  outside: in IPv6
sendto,2001:db8::10,9999    ok  -  outside: sendto() in IPv6
sendto,127.0.0.1,9999       ok  -  outside: to the loopback
ROWS
before=$(grep -c '^udp://' "$T/origin.log")

# What a refusal by ICMP is to a socket: icmp(7), linux/net/ipv4/icmp.c, net/ipv6/icmp.c.
if [ -w /dev/net/tun ]; then
	began=${EPOCHREALTIME/./}
	attempts open net <<-'ROWS'
	tcp,192.0.2.10,443        ok            +connect:192.0.2.10:443          TCP to there is allowed
	connect,192.0.2.10,443    EACCES        send:udp://192.0.2.10:443        connect()
	sendto,192.0.2.10,9999    EHOSTUNREACH  send:udp://192.0.2.10:9999       sendto()
	high,192.0.2.10,9998      EHOSTUNREACH  send:udp://192.0.2.10:9998       from an address whose lower half is 0
	sendmsg,192.0.2.10,9997   EHOSTUNREACH  send:udp://192.0.2.10:9997       sendmsg()
	sendmmsg,192.0.2.10,9996  EHOSTUNREACH  send:udp://192.0.2.10:9996       sendmmsg()
	connect,2001:db8::10,443  EACCES        send:udp://[2001:db8::10]:443    connect() in IPv6
	sendto,2001:db8::10,9999  EACCES        send:udp://[2001:db8::10]:9999   sendto() in IPv6
	sendmsg,2001:db8::10,9998  EACCES       send:udp://[2001:db8::10]:9998   sendmsg() in IPv6
	connect,origin.test,443   EACCES        send:udp://origin.test:443       to a name
	sendto,origin.test,9999   EHOSTUNREACH  send:udp://origin.test:9999      to a name, without connect()
	sendto,169.254.169.254,9999  EHOSTUNREACH  send:udp://169.254.169.254:9999  to the metadata address
	sendto,127.0.0.1,9999     ECONNREFUSED  -                                its loopback is its own
	self-udp,127.0.0.1        ok            -                                where it may talk to itself
	self-udp,::1              ok            -                                in both families
	ROWS
	ok 'all of it at once' test $((${EPOCHREALTIME/./} - began)) -lt 3000000
	is 'by the device' "$(records 'select(.resource == "udp://192.0.2.10:9999") | .via')" '"tun"'
else
	skip_or_fail 'no /dev/net/tun for this user'
fi

# A machine without the device, and a user who may not open it, are the same to warder.
namespaced --mount 'mount -t tmpfs none /dev/net'
attempts open net <<'ROWS'
tcp,192.0.2.10,443        ok            +connect:192.0.2.10:443          no device: TCP is what it was
connect,192.0.2.10,443    EACCES        send:udp://192.0.2.10:443        no device: connect()
sendto,192.0.2.10,9999    EACCES        send:udp://192.0.2.10:9999       no device: sendto()
high,192.0.2.10,9998      EACCES        send:udp://192.0.2.10:9998       no device: from an address whose lower half is 0
sendmsg,192.0.2.10,9997   EACCES        send:udp://192.0.2.10:9997       no device: sendmsg()
sendmmsg,192.0.2.10,9996  EACCES        send:udp://192.0.2.10:9996       no device: sendmmsg()
connect,2001:db8::10,443  EACCES        send:udp://[2001:db8::10]:443    no device: connect() in IPv6
sendto,2001:db8::10,9999  EACCES        send:udp://[2001:db8::10]:9999   no device: sendto() in IPv6
sendto,origin.test,9999   EACCES        send:udp://origin.test:9999      no device: to a name
sendto,127.0.0.1,9999     ECONNREFUSED  -                                no device: its loopback is its own
self-udp,127.0.0.1        ok            -                                no device: where it may talk to itself
tcp,origin.test,443       ok            +connect:origin.test:443         no device: names are answered
ROWS
is 'no datagram ever arrived' "$(grep -c '^udp://' "$T/origin.log")" "$before"

done_testing
