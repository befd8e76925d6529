#!/usr/bin/env python3
"""Seeded bugs of the real code: applied to a copy of the sources, built once, and each found by the simulation.

    mutations.py [--copy FOLDER] [--seconds 60] [--list] [--check] [NAME...]

A bug is a file in Bugs: what is broken, in words; and for each place the name of a file of Sources, the lines that are
there, and the lines that take their place, in which MUTATED is true while the bug is to show:

    # A sentence.
    ---- StreamDelivery.swift
    lines that are there, exactly once
    ++++
    lines that take their place

All bugs are built into one program, which has none of them unless the variable MUTATION names one: the program without
one has to find nothing. `--check` only looks whether every bug can be applied, which takes no build.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SWITCH = """\
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

package enum Mutation {
    package static let name = getenv("MUTATION").map { String(cString: $0) } ?? ""
}
"""


class Bug:
    def __init__(self, path):
        self.name = path.stem
        text = path.read_text()
        head, *places = re.split(r"^---- (.*)\n", text, flags=re.M)
        self.summary = head.strip().removeprefix("# ")
        self.places = []
        for file, body in zip(places[::2], places[1::2]):
            before, separator, after = body.partition("++++\n")
            if not separator:
                raise SystemExit(f"{path}: a place without ++++")
            self.places.append((file.strip(), before.removesuffix("\n"), after.removesuffix("\n")))


def find(root, name):
    """The file of that name in Sources, with its folder where there are two: files move, their names stay."""
    found = list((root / "Sources").rglob(name))
    if len(found) != 1:
        raise LookupError(f"{len(found)} files are named {name}")
    return found[0]


def apply(root, bug):
    for name, before, after in bug.places:
        path = find(root, name)
        text = path.read_text()
        count = text.count(before)
        if count != 1:
            raise LookupError(f"{name} has its lines {count} times")
        after = after.replace("MUTATED", f'(Mutation.name == "{bug.name}")')
        text = text.replace(before, after)
        if "Sources/AgentEvents/" not in path.as_posix() and "import AgentEvents\n" not in text:
            text = "import AgentEvents\n" + text
        path.write_text(text)


def copy_to(folder):
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    wanted = {name for name in files.decode().split("\0") if name and (ROOT / name).is_file()}
    for path in (folder / "Sources").rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in wanted:
            path.unlink()
    for name in wanted:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = (ROOT / name).read_bytes()
        if not target.is_file() or target.read_bytes() != source:
            target.write_bytes(source)


def run(program, name, arguments):
    environment = dict(os.environ, MUTATION=name)
    environment.pop("SWIFT_DETERMINISTIC_HASHING", None)
    start = time.monotonic()
    done = subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - start


def found(code, output):
    """How a bug was found: an invariant that was violated, or a precondition that stopped the program."""
    for line in output.splitlines():
        if line.startswith("violated: "):
            return line
        if "Fatal error" in line or "Precondition failed" in line:
            return line.strip()
    return f"the program ended with {code}" if code not in (0, 1, 64) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--copy", help="where the copy is, and stays; a temporary folder when it is not given")
    parser.add_argument("--seconds", type=int, default=60, help="how long a bug may hide")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--configuration", default="release", choices=["debug", "release"])
    options = parser.parse_args()
    bugs = [Bug(path) for path in sorted((HERE / "Bugs").glob("*.txt"))]
    if options.names:
        bugs = [bug for bug in bugs if bug.name in options.names]
    if options.list:
        for bug in bugs:
            print(f"{bug.name}: {bug.summary}")
        return 0
    folder = pathlib.Path(options.copy or tempfile.mkdtemp(prefix="mutations-"))
    try:
        copy_to(folder)
        wrong = []
        for bug in bugs:
            try:
                apply(folder, bug)
            except LookupError as error:
                wrong.append(f"{bug.name} cannot be applied: {error}")
        print("\n".join(wrong), file=sys.stderr)
        if options.check or wrong:
            print(f"{len(bugs) - len(wrong)} of {len(bugs)} bugs can be applied")
            return 1 if wrong else 0
        (folder / "Sources/AgentEvents/Mutation.swift").write_text(SWITCH)
        build = ["swift", "build", "-c", options.configuration, "--product", "agent-events-simulation"]
        subprocess.run(build, cwd=folder, check=True, stdout=sys.stderr)
        program = str(folder / ".build" / options.configuration / "agent-events-simulation")
        return judge(program, bugs, options)
    finally:
        if not options.copy:
            shutil.rmtree(folder, ignore_errors=True)


def judge(program, bugs, options):
    code, output, seconds = run(program, "", ["--steps", "200000", "--seed", str(options.seed)])
    if code != 0:
        print(output[-4000:])
        print("without a bug something is found")
        return 1
    print(f"without a bug nothing is found ({seconds:.0f} s)")
    hidden = []
    for bug in bugs:
        code, output, seconds = run(program, bug.name, ["--seconds", str(options.seconds), "--seed", str(options.seed)])
        how = found(code, output)
        print(f"{bug.name}: {f'{seconds:.1f} s, {how}' if how else 'NOT found'}", flush=True)
        if not how:
            hidden.append(bug.name)
    print(f"{len(bugs) - len(hidden)} of {len(bugs)} bugs found")
    return 1 if hidden else 0


if __name__ == "__main__":
    sys.exit(main())
