"""Counts what passed, and prints what failed."""


class Report:
    def __init__(self, quiet=False):
        self.passed = 0
        self.failures = []
        self.quiet = quiet

    def check(self, passes, label, problem=""):
        """One check. `label` says what was looked at, `problem` what is wrong with it."""
        if passes:
            self.passed += 1
            return
        self.failures.append(f"{label}: {problem}" if problem else label)
        if not self.quiet:
            print(f"FAILED {self.failures[-1]}")

    def check_none(self, problems, label):
        """One check that passes when there are no problems; only the first few are printed."""
        problems = list(problems)
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        self.check(not problems, label, "; ".join(problems[:3]) + more)

    def last_line(self):
        return f"{self.passed} passed, {len(self.failures)} failed"
