# SPDX-License-Identifier: Apache-2.0
"""Samples in, Markdown out.

    report.py SAMPLES FACTS >RESULTS.md

SAMPLES has a line "METRIC VARIANT VALUE" for each measurement, in the order in which they
were made: the n-th value of one variant and the n-th of another are a pair.  FACTS is text.
"""
import collections
import statistics
import sys

NS, RATE, BYTES = "time", "rate", "bytes"

# metric, what it is, the variants (first: what it is compared with), unit
TABLES = [
    ("start", "Start of a confined `/bin/true`, to its end", ["plain", "bwrap", "warder"], NS),
    ("connect-direct", "TCP connection and one byte, gateway `direct:`", ["plain", "warder"], NS),
    ("connect-gateway", "TCP connection and one byte, through an HTTP CONNECT gateway; the "
     "plain program speaks CONNECT itself", ["plain", "warder"], NS),
    ("stream", "Throughput of a connection", ["plain", "warder"], RATE),
    ("exec-dynamic", "posix_spawn and wait, `/bin/true`", ["plain", "warder"], NS),
    ("exec-static", "posix_spawn and wait, the smallest static program", ["plain", "warder"], NS),
    ("getpid", "getpid()", ["plain", "warder"], NS),
    ("rw", "read() and write() of one byte", ["plain", "warder"], NS),
    ("stat", "stat()", ["plain", "warder"], NS),
    ("open", "open() and close()", ["plain", "warder"], NS),
    ("private-1", "Private memory of one idle sandbox", ["bwrap", "warder"], BYTES),
    ("private-100", "Private memory of each of 100 idle sandboxes", ["bwrap", "warder"], BYTES),
    ("pss-100", "Pss of each of 100 idle sandboxes", ["bwrap", "warder"], BYTES),
]

MIB = 1024 * 1024
# aim, bound in words, the best peer measured the same way, metric, (against or None), limit, up
AIMS = [
    ("start-up against bwrap doing the same work", "≤ 1.0 ×", "bwrap is 8 × a plain exec; "
     "floor 4", "start", "bwrap", 1.0, False),
    ("connect and one byte, direct", "≤ 1.3 ×", "2.3", "connect-direct", "plain", 1.3, False),
    ("connect and one byte, gateway", "≤ 1.3 ×", "2.3", "connect-gateway", "plain", 1.3, False),
    ("throughput of a connection", "≥ 0.95 ×", "0.43", "stream", "plain", 0.95, True),
    ("recorded and verified exec, dynamic", "≤ 1.15 ×", "1.27", "exec-dynamic", "plain", 1.15,
     False),
    ("recorded and verified exec, static", "≤ 1.15 ×", "misses them", "exec-static", "plain",
     1.15, False),
    ("getpid", "≤ 1.3 ×", "", "getpid", "plain", 1.3, False),
    ("read/write of a byte", "≤ 1.15 ×", "", "rw", "plain", 1.15, False),
    ("stat", "≤ 1.15 ×", "", "stat", "plain", 1.15, False),
    ("open and close", "≤ 1.15 ×", "", "open", "plain", 1.15, False),
    ("private memory, one idle run", "≤ 1 MiB", "", "private-1", None, 1 * MIB, False),
    ("private memory, each of 100", "≤ 0.4 MiB", "bwrap 0.27, srt 17", "private-100", None,
     0.4 * MIB, False),
]


def read_samples(path):
    samples = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path, encoding="ascii") as f:
        for line in f:
            metric, variant, value = line.split()
            samples[metric][variant].append(float(value))
    return samples


def shown(value, unit):
    if unit == RATE:
        return f"{value / 1e9:.2f} GB/s"
    if unit == BYTES:
        return f"{value / MIB:.2f} MiB"
    for size, name in ((1e6, "ms"), (1e3, "µs")):
        if value >= size:
            return f"{value / size:.2f} {name}"
    return f"{value:.0f} ns"


def ratio(samples, metric, variant, against):
    """The median of the pairs' ratios: what disturbs both halves of a pair cancels out."""
    pairs = zip(samples[metric][variant], samples[metric][against])
    return statistics.median(a / b for a, b in pairs)


def print_aims(samples):
    print("| aim | | measured | best peer | |")
    print("|---|---|---|---|---|")
    for what, bound, peer, metric, against, limit, up in AIMS:
        if not samples[metric]["warder"]:
            measured, met = "not measured", "?"
        else:
            if against:
                value = ratio(samples, metric, "warder", against)
                measured = f"{value:.2f} ×"
            else:
                value = statistics.median(samples[metric]["warder"])
                measured = f"{value / MIB:.2f} MiB"
            met = "met" if (value >= limit if up else value <= limit) else "**missed**"
        print(f"| {what} | {bound} | {measured} | {peer} | {met} |")


def print_table(samples, metric, title, variants, unit):
    base = variants[0]
    print(f"\n{title}:\n")
    print(f"| | median | min | max | against {base} | pairs |")
    print("|---|---|---|---|---|---|")
    for variant in variants:
        values = samples[metric][variant]
        if not values:
            print(f"| {variant} | not measured | | | | 0 |")
            continue
        against = "" if variant == base or not samples[metric][base] else \
            f"{ratio(samples, metric, variant, base):.2f} ×"
        cells = [shown(f(values), unit) for f in (statistics.median, min, max)]
        print(f"| {variant} | {' | '.join(cells)} | {against} | {len(values)} |")


def main():
    samples = read_samples(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as f:
        facts = f.read().strip()
    print("# What it costs\n")
    print("Made by `bench/run`; how each number comes about is said there.\n")
    print(facts + "\n")
    print("## Aims\n")
    print_aims(samples)
    print("\n## Measured\n")
    print("Pairs are measured in turn (A B A B); a ratio is the median of the pairs' ratios.")
    for metric, title, variants, unit in TABLES:
        print_table(samples, metric, title, variants, unit)


main()
