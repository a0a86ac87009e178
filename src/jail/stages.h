/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the jail, each a function; private to jail/. */
#ifndef WARDER_JAIL_STAGES_H
#define WARDER_JAIL_STAGES_H

#include "jail/jail.h"

/* net.c: in the new network namespace, with CAP_NET_ADMIN in it. */
int net_open_tun(struct fault *f);             /* the descriptor, -1 with a fault */
int net_up(int tun, struct fault *f);          /* loopback up; device, addresses, default routes */
int net_dns_sockets(int *udp, int *tcp, struct fault *f);

/* caps.c: every capability set emptied, bounding and ambient included. */
int caps_drop_all(struct fault *f);

/* init.c: never returns. */
_Noreturn void init_run(const struct jail_plan *plan, int control);
/* command.c: never returns. */
_Noreturn void command_run(const struct jail_plan *plan, int control, bool tun);

#endif
