# SPDX-License-Identifier: Apache-2.0
"""What idle sandboxes cost in private memory.

    memory.py COUNT IDLE-PROGRAM COMMAND [ARGUMENT...]

Starts the command COUNT times; prints "PRIVATE PSS", bytes each, of all processes that it
needs to keep IDLE-PROGRAM confined (supervisor, init, helpers), without that program itself.
Private is what would be gone with it; Pss adds its share of what several map.
"""
import os
import signal
import subprocess
import sys
import time

PATIENCE = 60  # seconds for all of them to be idle


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
            found += [int(child) for child in f.read().split()]
    return found


def tree(pid):
    """The process and everything beneath it, as far as it is still there."""
    try:
        found = [pid]
        for child in children(pid):
            found += tree(child)
        return found
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_idle_program(pid, name):
    """By its name: what a sandboxed process executes has another path in there."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            return f.read().strip() == name[:15]
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory(pid):
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f.read().splitlines()[1:]:
            key, value = line.split(":")
            fields[key] = int(value.split()[0]) * 1024
    return fields["Private_Clean"] + fields["Private_Dirty"], fields["Pss"]


def settled(runs, name):
    return all(any(is_idle_program(p, name) for p in tree(run.pid)) for run in runs)


def end(runs):
    for run in runs:
        run.send_signal(signal.SIGTERM)
    for run in runs:
        try:
            run.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()


def main():
    count, name, command = int(sys.argv[1]), os.path.basename(sys.argv[2]), sys.argv[3:]
    runs = []
    try:
        for _ in range(count):
            runs.append(subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL))
        until = time.monotonic() + PATIENCE
        while not settled(runs, name):
            if time.monotonic() > until or any(r.poll() is not None for r in runs):
                sys.exit("memory.py: not all of them came up: " + " ".join(command))
            time.sleep(0.1)
        time.sleep(0.5)  # start-up's last pages
        private = pss = 0
        for run in runs:
            for pid in tree(run.pid):
                if not is_idle_program(pid, name):
                    one = memory(pid)
                    private, pss = private + one[0], pss + one[1]
        print(private // count, pss // count)
    finally:
        end(runs)


main()
