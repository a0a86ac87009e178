#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own, and types.

typist.py COMMAND... <<STEPS, one step a line:
    expect REGEX    waits until the terminal shows it (after what was expected before)
    send TEXT       types it; Python's escapes, so \\x03 is Ctrl-C and \\r is Enter
    pause SECONDS   lets what was typed be read, before the terminal changes hands or modes
    size ROWS COLS  changes the window
    modes           prints which of icanon, echo, isig are on
    close           the terminal goes away

Prints all that was shown; exits as the command did (128 and the signal), or with 99 when
something expected did not come, 98 when it did not end.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 10  # seconds for each step
shown = b""
at = 0
ended = False


def read(master, seconds):
    global shown, ended
    ready, _, _ = select.select([master], [], [], seconds)
    if not ready:
        return
    try:
        data = os.read(master, 65536)
    except OSError:
        data = b""
    ended = ended or not data
    shown += data


def expect(master, pattern):
    global at
    limit = time.monotonic() + PATIENCE
    while True:
        found = re.search(pattern.encode(), shown[at:])
        if found:
            at += found.end()
            return True
        if ended or time.monotonic() > limit:
            return False
        read(master, 0.1)


def resize(master, rows, cols):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(cols), 0, 0))


def modes(master):
    flags = termios.tcgetattr(master)[3]
    names = [n for n in ("ICANON", "ECHO", "ISIG") if flags & getattr(termios, n)]
    return "modes:" + ",".join(names)


def wait(pid):
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 98


def main():
    global shown, ended
    steps = [line.rstrip("\n").partition(" ") for line in sys.stdin if line.strip()]
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    resize(master, 24, 80)
    failed = None
    for verb, _, rest in steps:
        if verb == "expect":
            if not expect(master, rest):
                failed = rest
                break
        elif verb == "send":
            os.write(master, rest.encode().decode("unicode_escape").encode("latin-1"))
        elif verb == "pause":
            limit = time.monotonic() + float(rest)
            while not ended and time.monotonic() < limit:
                read(master, 0.05)
        elif verb == "size":
            resize(master, *rest.split())
        elif verb == "modes":
            shown += (modes(master) + "\n").encode()
        elif verb == "close":
            os.close(master)
            ended = True
    limit = time.monotonic() + PATIENCE
    while not ended and not failed and time.monotonic() < limit:
        read(master, 0.1)
    sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
    if failed:
        print(f"\ntypist.py: did not come: {failed}")
        os.kill(pid, signal.SIGHUP)
        wait(pid)
        return 99
    return wait(pid)


sys.exit(main())
