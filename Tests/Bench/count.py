#!/usr/bin/env python3
"""Counts the instructions and the allocations of single operations, and compares them with those that are known.

Times of a machine with others on it say little about a change of five percent; the number of instructions says it each time. The
counts are those of Callgrind, which runs the program on one processor, and of one build: `make test` has it in .build/checks. What is dearer is
counted twice more, and the lowest counts.

  count.py                counts, and fails when an operation has become dearer by more than five percent
  count.py --record       counts, and writes them down as what is known from now on
  count.py --show         counts, and compares with nothing: for other builds
  count.py --self-test    that work which is planted into operations is noticed
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import callgrind

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.json"
BOUNDARY = "*CountedSection?8boundary*"
TOLERANCE = 0.05
# What is counted, and what may be more whatever it was before: of few allocations each is much.
FIELDS = {"instructions": 0, "allocations": 0.05}


def count(binary, arguments=()):
    """The instructions and the allocations of one operation, for each of them."""
    copy = callgrind.without_debug_information(binary)
    counted = {}
    for name, operations, profile in callgrind.sections(copy, ["bench-count", *arguments], BOUNDARY):
        counted[name] = {
            "instructions": round(profile.instructions / operations),
            "allocations": round(profile.allocations / operations, 2),
        }
        dearest[name] = profile.own.most_common(12)
    return counted


# The functions with most instructions of their own, for an operation that has become dearer.
dearest = {}


def conditions():
    """What the counts depend on besides the code."""
    version = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=True).stdout
    return {"swift": re.search(r"Swift version (\S+)", version)[1], "machine": platform.machine()}


def change(now, then):
    return f", {(now / then - 1) * 100:+.1f} %" if then else ""


def judge(counted, known):
    """What has become dearer, as sentences."""
    for name, before in known.items():
        if name not in counted:
            yield f"{name} is not counted any longer"
            continue
        for field, slack in FIELDS.items():
            now, then = counted[name][field], before[field]
            if now > then * (1 + TOLERANCE) + slack:
                yield f"{name}: {now:,} {field} an operation, {then:,} before{change(now, then)}"
    for name in counted.keys() - known.keys():
        yield f"{name} has no counts to compare with (--record)"


def table(counted, known):
    print(f"{'operation':16} {'instructions':>14} {'allocations':>12}   since the counts that are known")
    for name, now in counted.items():
        changes = [change(now[field], known[name][field]).lstrip(", ") or "0" for field in FIELDS if name in known]
        print(f"{name:16} {now['instructions']:>14,} {now['allocations']:>12}   {', '.join(changes)}")


def check(options):
    if not callgrind.is_there():
        print("left out: counting instructions needs Valgrind")
        return 0
    here = conditions()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.is_file() else {"operations": {}}
    is_comparable = not options.show and all(baseline.get(name) == value for name, value in here.items())
    known = baseline["operations"] if is_comparable else {}
    counted = count(options.binary)
    # Threads that take turns in another order cost more, never less: of what is dearer, the lowest of three counts.
    for _ in range(2 if is_comparable and not options.record else 0):
        again = sorted({sentence.partition(":")[0] for sentence in judge(counted, known)} & counted.keys())
        if not again:
            break
        for name, counts in count(options.binary, again).items():
            counted[name] = {field: min(counted[name][field], counts[field]) for field in FIELDS}
    table(counted, known)
    if options.record:
        BASELINE.write_text(json.dumps({**here, "operations": counted}, indent=2) + "\n")
        print(f"recorded: {len(counted)} operations")
        return 0
    if not is_comparable:
        why = "as asked for" if options.show else (
            f"the known counts are of Swift {baseline.get('swift')} on {baseline.get('machine')}, and this is "
            f"{here['swift']} on {here['machine']}")
        print(f"{len(counted)} operations, compared with nothing: {why}")
        return 0
    dearer = list(judge(counted, known))
    for sentence in dearer:
        print(sentence)
    for name in {sentence.partition(":")[0] for sentence in dearer} & dearest.keys():
        print(f"\nmost instructions of {name}, in all:")
        for function, instructions in dearest[name]:
            print(f"  {instructions:>12,}  {function}")
    if dearer:
        print(f"{len(dearer)} counts are over {TOLERANCE:.0%} dearer; if that is meant, --record")
        return 1
    cheaper = [
        name for name, before in known.items()
        if counted[name]["instructions"] < before["instructions"] * (1 - TOLERANCE)]
    print(f"{len(counted)} operations, none over {TOLERANCE:.0%} dearer than known"
          + (f"; cheaper, to be recorded: {', '.join(cheaper)}" if cheaper else ""))
    return 0


def self_test(options):
    """Faults of which each is to be noticed."""
    known = {"one": {"instructions": 1000, "allocations": 2.0}}

    def sentences(instructions=1000, allocations=2.0, name="one"):
        return list(judge({name: {"instructions": instructions, "allocations": allocations}}, known))

    missed = []
    if sentences() or sentences(1049, 2.1) or sentences(900, 1.0):
        missed.append("what is as dear as before, or cheaper, is refused")
    for title, found in [
        ("6 % more instructions", sentences(1060)), ("an allocation in five operations", sentences(1000, 2.2)),
        ("an operation that is gone", sentences(name="other")),
    ]:
        if not found:
            missed.append(title)
    total = 4
    if callgrind.is_there():
        names = ["parse", "decode", "fold"]
        before = count(options.binary, names)
        planted = count(options.binary, [*names, "--planted", "1"])
        again = count(options.binary, names)
        for name in names:
            total += 2
            if not any("allocations" in sentence for sentence in judge({name: planted[name]}, {name: before[name]})):
                missed.append(f"an allocation that is planted into {name}")
            if list(judge({name: again[name]}, {name: before[name]})):
                missed.append(f"{name} costs the same each time")
    for title in missed:
        print(f"self-test: not noticed: {title}")
    print(f"count, self-test: {total - len(missed)} of {total} faults noticed")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    built = pathlib.Path(os.environ.get("BUILT", ROOT / ".build/checks/debug"))
    parser.add_argument("--binary", type=pathlib.Path, default=built / "agent-events")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    return self_test(options) if options.self_test else check(options)


sys.exit(main())
