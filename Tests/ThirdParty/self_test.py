"""Runs a table of broken inputs against the checks."""

from thread_reader import Fault


def check_broken(title, broken):
    """Each entry: a name, a word of the fault that is expected, and the attempt. Returns the exit code."""
    missed = 0
    for name, word, attempt in broken:
        try:
            attempt()
        except Fault as fault:
            if word in str(fault):
                continue
            print(f"self-test: {name} was refused for another reason: {fault}")
        else:
            print(f"self-test: {name} was not noticed")
        missed += 1
    print(f"{title}, self-test: {len(broken) - missed} of {len(broken)} faults noticed")
    return 1 if missed else 0
