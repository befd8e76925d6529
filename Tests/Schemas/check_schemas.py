#!/usr/bin/env python3
"""Checks the schemas, their examples and the catalogue of event types; or what a running service sent.

Without options: every schema is valid and its references resolve; every example is valid and canonical; each schema
refuses values that it should; the AsyncAPI document is complete; the catalogue is the same everywhere.
"""

import argparse
import pathlib
import sys

import asyncapi
import catalogue
import drafts
import goldens
import recordings
import rejections
import self_test
from report import Report
from schema_set import SchemaSet

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check_all(root, report):
    schemas = SchemaSet(root / "Schemas")
    schemas.check(report)
    if schemas.unreadable:
        return
    goldens.check(schemas, report)
    rejections.check(schemas, report)
    drafts.check(schemas, report)
    asyncapi.check(schemas, report)
    catalogue.check(root, schemas, report)


def main():
    arguments = _arguments()
    # A problem may quote half of a surrogate pair.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    report = Report()
    if arguments.self_test:
        self_test.check(arguments.root, check_all, report)
    elif arguments.ndjson or arguments.messages:
        schemas = SchemaSet(arguments.root / "Schemas")
        for file in arguments.ndjson:
            recordings.check(schemas, file, report, exact=arguments.exact)
        for file in arguments.messages:
            recordings.check(schemas, file, report, messages=True, exact=arguments.exact)
    else:
        check_all(arguments.root, report)
    print(report.last_line())
    return 1 if report.failures or not report.passed else 0


def _arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit code 0: all passed; 1: something failed. The last line counts both.",
    )
    add = parser.add_argument
    add("--root", type=pathlib.Path, default=ROOT, help="the top folder of the repository (default: this one)")
    add("--ndjson", type=pathlib.Path, action="append", default=[], metavar="FILE",
        help="instead, validate each line of FILE as an event; may be repeated")
    add("--messages", type=pathlib.Path, action="append", default=[], metavar="FILE",
        help="instead, validate each line of FILE as a server message if it has op, else as an event; may be repeated")
    add("--exact", action="store_true", help="with those two: each line must also be the canonical bytes")
    add("--self-test", action="store_true", help="instead, prove on broken copies that each check can fail")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
