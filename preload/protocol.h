/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process inside the sandbox speaks to its supervisor: a prctl() with a
 * magic first argument, which the filter notifies.
 *
 *	prctl(WARDER_PRCTL, op, buffer, length, 0)
 *
 * No descriptor, no socket, works under both tiers.  Outside a sandbox the
 * kernel says EINVAL.  The result is a length or a number >= 0, or -1 with
 * errno: EINVAL for an op not known, EFAULT for a buffer that cannot be read or
 * written, EMSGSIZE for one that is too long.  What comes from inside is a
 * hint; nothing is granted because of it.  The header needs only the
 * preprocessor, so that the shim can use it without a C library.
 */
#ifndef WARDER_PRELOAD_PROTOCOL_H
#define WARDER_PRELOAD_PROTOCOL_H

#define WARDER_PRCTL 0x57415244 /* "WARD" */

/* buffer and length unused (0).  Returns WARDER_PROTOCOL_VERSION of the supervisor. */
#define WARDER_OP_VERSION 1
/* Fills buffer with the whole line of this process's (thread group's) last
 * denial, as `warder: denied connect evil.example:443: no rule allows it ...`,
 * without newline or NUL.  Returns its length, cut to the buffer; 0: none. */
#define WARDER_OP_WHY 2
/* In: a host name about to be resolved, NUL-terminated, in a buffer of length bytes
 * (WARDER_TEXT_MAX from the shim, whatever the name's length).  Out: as WHY, when
 * that name is denied.  Returns the line's length; 0: not denied. */
#define WARDER_OP_NAME 3

/* As WHY, of the last child that was denied: posix_spawn()'s is gone when its parent asks. */
#define WARDER_OP_WHY_CHILD 4

/* As WHY, of this process's last connect() that was allowed, or was its own, and failed all the
 * same: `warder: connect api.example:443: the gateway ... refused the connection`; or that the
 * gateway denied.  A line is given once; 0: none that was not given yet. */
#define WARDER_OP_FAILED 5

#define WARDER_PROTOCOL_VERSION 2
#define WARDER_TEXT_MAX 512 /* bytes of a line, the newline that the shim adds included */

/* Where the sandbox has the shim: what LD_PRELOAD names. */
#define WARDER_SHIM_PATH "/run/warder/lib/libwarder-preload.so"

#endif
