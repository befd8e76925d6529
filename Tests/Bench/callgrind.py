"""Runs programs under Valgrind's Callgrind, and reads what it has counted."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / ".build/bench-count"
# What gives out memory, as the C library has it.
ALLOCATORS = {
    prefix + name
    for prefix in ("", "__libc_", "__")
    for name in ("malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign")
}


def is_there():
    return shutil.which("valgrind") is not None


def command(out, *options):
    """The words before a program and its arguments."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-line=no", "--quiet", *options]


def environment():
    """Each run the same: hashes that depend on nothing. With it comes what Valgrind needs to live with libdispatch."""
    library = FOLDER / "sigsuspend.so"
    source = pathlib.Path(__file__).resolve().parent / "sigsuspend.c"
    if not library.is_file() or library.stat().st_mtime < source.stat().st_mtime:
        FOLDER.mkdir(parents=True, exist_ok=True)
        compiler = next(name for name in ("cc", "clang") if shutil.which(name))
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    return dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1", LD_PRELOAD=str(library))


def on_one_processor():
    """For `preexec_fn`: tasks have one thread then, and take turns in the same order each time."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def without_debug_information(binary):
    """A copy with its symbols only: Valgrind reads all there is before it begins."""
    copy = FOLDER / binary.parent.name / binary.name
    if not copy.is_file() or copy.stat().st_mtime < binary.stat().st_mtime:
        copy.parent.mkdir(parents=True, exist_ok=True)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-debug", "-o", copy, binary], check=True)
        else:
            shutil.copy2(binary, copy)
    return copy


class Profile:
    """One part of what was counted: instructions of each function, and its calls of others."""

    def __init__(self, path):
        self.trigger = ""
        # Each function's own instructions.
        self.own = collections.Counter()
        # For each caller and callee: how often, and the instructions of these calls with all that they call.
        self.calls = collections.defaultdict(lambda: [0, 0])
        names = {}
        function = callee = None
        count = 0
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("desc: Trigger:"):
                    self.trigger = line.partition("Trigger:")[2].strip()
                    continue
                key, separator, value = line.rstrip("\n").partition("=")
                if not separator:
                    if line.startswith("desc: Trigger:"):
                        self.trigger = line.partition("Trigger:")[2].strip()
                    elif line[:1].isdigit() or line[:1] in "+-*":
                        cost = int(line.split()[1])
                        if callee is None:
                            self.own[function] += cost
                        else:
                            call = self.calls[function, callee]
                            call[0] += count
                            call[1] += cost
                            callee = None
                elif key == "fn":
                    function = self.name(value, names)
                elif key == "cfn":
                    called = self.name(value, names)
                elif key == "calls":
                    callee, count = called, int(value.split()[0])

    @staticmethod
    def name(text, names):
        number, _, name = text.partition(" ")
        if name:
            # A function that calls itself has names of its own for each depth.
            names[number] = re.sub(r"'\d+$", "", name)
        return names.get(number, number)

    @property
    def instructions(self):
        return sum(self.own.values())

    @property
    def allocations(self):
        return sum(count for (_, callee), (count, _) in self.calls.items() if callee in ALLOCATORS)


def profiles(out):
    """The parts that were written to a name, in their order."""
    out = pathlib.Path(out)
    numbered = [(int(path.suffix[1:]), path) for path in out.parent.glob(out.name + ".*") if path.suffix[1:].isdigit()]
    return [Profile(path) for _, path in sorted(numbered)]


def sections(binary, arguments, boundary):
    """Runs a program that says when each of its sections begins and ends.

    - boundary: the function that it calls there, with its text, as a pattern of Callgrind.

    Returns for each section its name, the number of its operations, and what was counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        run = subprocess.run(
            [*command(out, f"--dump-before={boundary}"), binary, *arguments], env=environment(), text=True,
            preexec_fn=on_one_processor, capture_output=True, check=False)
        if run.returncode:
            raise RuntimeError(f"{' '.join(arguments)} under Callgrind: exit {run.returncode}\n{run.stdout}{run.stderr}")
        marks = [line.split() for line in run.stdout.splitlines() if line.startswith(("begin ", "end "))]
        parts = [part for part in profiles(out) if part.trigger.startswith("--dump-before")]
    if [mark[0] for mark in marks] != ["begin", "end"] * (len(marks) // 2) or len(parts) != len(marks) or not marks:
        raise RuntimeError(f"{len(marks)} marks, and {len(parts)} parts of what was counted")
    # A part ends where the function is called: what comes before `end` is the section.
    return [(begin[1], int(begin[2]), parts[2 * number + 1]) for number, begin in enumerate(marks[::2])]
