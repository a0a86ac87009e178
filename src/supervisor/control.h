/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How other verbs find a run and reach its supervisor.  RUNTIME/runs/RUN_ID is
 * there from before the command starts until nothing of the run is left; a
 * supervisor that was killed leaves it behind.  Two files in it:
 *
 * state: one JSON object and a newline, written once, mode 0600:
 *
 *	{"schema":"warder.state/1","run_id":"run_…","agent_id":"…","owner":"…",
 *	 "environment":"…","requested_by":{"type":"user","id":"alice"},
 *	 "pid":9123,"start":1234567,"started":"2026-01-31T09:30:00.123456Z",
 *	 "command":"python","tier":"full","profile":"default","gateway":"direct:",
 *	 "observe":false,"wall_ms":0}
 *
 *	pid and start name the supervisor: start is the 22nd field of
 *	/proc/PID/stat, so a number that was used again is told apart
 *	(control_is_alive()).  wall_ms is absent where there is no limit.
 *
 * control: a SOCK_SEQPACKET socket, mode 0600; only the supervisor's own uid and
 * root are answered.  One packet asks, a verb and, after one blank, its text;
 * one packet answers, a JSON object:
 *
 *	"status"    {"ok":true,"run_id":"run_…","pid":9130,"records":12,"denials":2}
 *	            pid: the command's, as the supervisor sees it
 *	"kill WHY"  {"ok":true,"run_id":"run_…"}
 *	anything    {"ok":false,"error":"…"}
 *
 * Several requests may follow one another on a connection.  After "kill" it stays
 * open until no process of the run is left: end of file is the confirmation.
 */
#ifndef WARDER_SUPERVISOR_CONTROL_H
#define WARDER_SUPERVISOR_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

#define CONTROL_STATE "state"
#define CONTROL_SOCKET "control"
#define CONTROL_SCHEMA "warder.state/1"

#define CONTROL_STATUS "status"
#define CONTROL_KILL "kill"

enum {
	CONTROL_REQUEST_MAX = 512,     /* bytes, terminated; the text of a longer one is cut */
	CONTROL_ANSWER_MAX = 4096,     /* bytes, terminated */
	CONTROL_STATE_MAX = 64 * 1024, /* bytes of a state file; a longer one is not one */
	CONTROL_TIMEOUT_MS = 5 * 1000, /* for an answer; a supervisor is never busy that long */
};

/* Whether the supervisor that a state file names still lives. */
bool control_is_alive(pid_t pid, uint64_t start);

/*
 * Connects to the supervisor of run_dir, asks, waits for the answer (at most
 * CONTROL_TIMEOUT_MS).  Returns the connected socket, CLOEXEC, or -1 with a fault
 * and errno: ENOENT (no such run), ECONNREFUSED (its supervisor is dead), EACCES
 * (not yours), ETIMEDOUT.  text may be NULL.
 */
int control_ask(const char *run_dir, const char *verb, const char *text,
		char answer[CONTROL_ANSWER_MAX], struct fault *f);

#endif
