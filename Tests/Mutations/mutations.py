#!/usr/bin/env python3
"""Seeded bugs of the real code: applied to a copy of the sources, built once, and each found by the simulation or a test.

    mutations.py [--copy FOLDER] [--seconds 60] [--limit 1800] [--only world|tests] [--list] [--self-test] [NAME...]

A bug is a file in Bugs: what is broken, in words; the test that finds it, as a filter of `swift test`, or nothing for the
simulation; and for each place the name of a file of Sources, the lines that are there, and the lines that take their
place, in which MUTATED is true while the bug is to show:

    # A sentence.
    # test: nameOfATest
    ---- StreamDelivery.swift
    lines that are there, exactly once
    ++++
    lines that take their place

All bugs are built into the programs of one build, which have none of them unless the variable MUTATION names one: without one nothing
may be found. `--self-test` only looks whether every bug can be applied, which takes no build. What was not tried when the
limit is reached counts as not found. README.md says which places the bugs are at.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# A test that waits in vain with its bug in is failed by its limit of time, which is shorter in the copy: there it has the
# machine nearly for itself. After so many seconds it counts as one that hangs, which is not to be found.
TEST_LIMIT = (re.compile(rb"\.timeLimit\(\.minutes\(\d+\)\)"), b".timeLimit(.minutes(2))")
TEST_SECONDS = 300
# All tests that find a bug, without one, beside each other.
ALL_TESTS_SECONDS = 900
# A program that could not judge: it ends so itself when its arguments are wrong.
UNDECIDED = 64
# A bug may hide from the simulation for some seconds of a processor; a program that waits for something uses none.
WORLD_SECONDS = 900
# How a program ends that has used its seconds of a processor, alone and below `prlimit`.
STOPPED = (-signal.SIGXCPU, -signal.SIGKILL, 128 + signal.SIGXCPU, 128 + signal.SIGKILL)
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
        lines = [line.removeprefix("# ") for line in head.strip().splitlines()]
        tests = [line.removeprefix("test: ") for line in lines if line.startswith("test: ")]
        self.summary = " ".join(line for line in lines if not line.startswith("test: "))
        self.test = tests[0] if tests else None
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
        imports = re.search(r"^(\w+ )?import AgentEvents$", text, flags=re.M)
        if "Sources/AgentEvents/" not in path.as_posix() and not imports:
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
        if name.startswith("Tests/") and name.endswith(".swift"):
            source = TEST_LIMIT[0].sub(TEST_LIMIT[1], source)
        if not target.is_file() or target.read_bytes() != source:
            target.write_bytes(source)


def run(program, name, arguments, seconds=None):
    """Runs the simulation up to the first violation, which it prints at once on a terminal; making it smaller takes long.

    After so many seconds of a processor it is stopped, however busy the machine is meanwhile."""
    environment = dict(os.environ, MUTATION=name)
    environment.pop("SWIFT_DETERMINISTIC_HASHING", None)
    command = [program, *arguments]
    if seconds:
        command = ["prlimit", f"--cpu={seconds}:{seconds + 5}", *command, "--seconds", str(WORLD_SECONDS)]
    start = time.monotonic()
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = ""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # The other end is closed.
            break
        if not part:
            break
        output += part.decode(errors="replace").replace("\r", "")
        if re.search(r"^violated: .*\n", output, flags=re.M):
            process.kill()
            break
    os.close(ours)
    return process.wait(), output, time.monotonic() - start


def run_tests(folder, name, filter, limit=TEST_SECONDS):
    environment = dict(os.environ, MUTATION=name)
    programs = list(folder.glob(".build/checks/debug/*PackageTests.xctest"))
    if len(programs) != 1:
        raise SystemExit(f"{folder}: {len(programs)} programs of tests")
    start = time.monotonic()
    command = [programs[0], "--testing-library", "swift-testing", "--filter", filter]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", timeout=limit)
    except subprocess.TimeoutExpired:
        return UNDECIDED, f"no end after {limit} s", time.monotonic() - start
    output = done.stdout + done.stderr
    if done.returncode >= 0 and not re.search(r"[1-9]\d* tests? ", output):
        return UNDECIDED, "no such test\n" + output, time.monotonic() - start
    return done.returncode, output, time.monotonic() - start


def found(code, output):
    """How a bug was found: an invariant or a test that failed, or a precondition that stopped the program."""
    for line in output.splitlines():
        if line.startswith("violated: "):
            return line[:200]
        if code and "recorded an issue" in line:
            return re.sub(r"^\W*", "", line)[:200]
        if "Fatal error" in line or "Precondition failed" in line:
            return line.strip()
    return f"the program ended with {code}" if code not in (0, 1, UNDECIDED, *STOPPED) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--copy", help="where the copy is, and stays; a temporary folder when it is not given")
    parser.add_argument("--seconds", type=int, default=60, help="how long a bug may hide, in seconds of a processor")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--limit", type=int, default=1800, help="how long the bugs of each kind may take, in seconds, without the build")
    parser.add_argument("--only", choices=["world", "tests"])
    parser.add_argument("--self-test", "--check", action="store_true", dest="check")
    options = parser.parse_args()
    bugs = [Bug(path) for path in sorted((HERE / "Bugs").glob("*.txt"))]
    if options.names:
        unknown = set(options.names) - {bug.name for bug in bugs}
        if unknown:
            raise SystemExit(f"no such bug: {', '.join(sorted(unknown))}")
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
        if options.names:
            bugs = [bug for bug in bugs if bug.name in options.names]
        world = [bug for bug in bugs if not bug.test and options.only != "tests"]
        tests = [bug for bug in bugs if bug.test and options.only != "world"]
        hidden = []
        build(folder)
        if world:
            hidden += judge_world(folder, world, options)
        if tests:
            hidden += judge_tests(folder, tests, options)
        print(f"{len(world) + len(tests) - len(hidden)} of {len(world) + len(tests)} bugs found")
        if hidden:
            print(f"not found: {', '.join(hidden)}")
        return 1 if hidden else 0
    finally:
        if not options.copy:
            shutil.rmtree(folder, ignore_errors=True)


def judge(bugs, limit, body):
    """The bugs that are not found, two of them tried beside each other: what they do depends on no time."""
    end = time.monotonic() + limit

    def try_one(bug):
        if time.monotonic() > end:
            print(f"{bug.name}: not tried, the time is over", flush=True)
            return False
        code, output, seconds = body(bug)
        how = found(code, output)
        print(f"{bug.name}: {f'{seconds:.1f} s, {how}' if how else 'NOT found'}", flush=True)
        return bool(how)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [bug.name for bug, is_found in zip(bugs, pool.map(try_one, bugs)) if not is_found]


def build(folder):
    """The build of `make test`: it is fast enough for the simulation, and its assertions see more."""
    environment = dict(os.environ, SWIFT_AGENT_EVENTS_OPTIMIZED="1", SWIFT_DETERMINISTIC_HASHING="1")
    command = ["swift", "build", "--scratch-path", ".build/checks", "--build-tests"]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)


def judge_world(folder, bugs, options):
    program = str(folder / ".build/checks/debug/agent-events-simulation")
    seed = ["--seed", str(options.seed)]
    code, output, seconds = run(program, "", ["--steps", "200000", *seed])
    if code != 0:
        print(output[-4000:])
        print("without a bug something is found")
        return [bug.name for bug in bugs]
    print(f"without a bug the simulation finds nothing ({seconds:.0f} s)")
    return judge(bugs, options.limit, lambda bug: run(program, bug.name, seed, options.seconds))


def judge_tests(folder, bugs, options):
    code, output, seconds = run_tests(folder, "", "|".join(sorted({bug.test for bug in bugs})), ALL_TESTS_SECONDS)
    if code != 0:
        print(output[-4000:])
        print("without a bug the tests do not pass")
        return [bug.name for bug in bugs]
    print(f"without a bug the tests pass ({seconds:.0f} s)")
    return judge(bugs, options.limit, lambda bug: run_tests(folder, bug.name, bug.test))


if __name__ == "__main__":
    sys.exit(main())
