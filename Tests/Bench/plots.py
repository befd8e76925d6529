#!/usr/bin/env python3
"""Measures what grows with what, and draws it: a curve that is flat costs the same however much there is.

Writes .build/plots/NAME.svg, and the numbers to .build/plots/measured.json. Of a release build, on a machine that does nothing else:
a quarter of an hour.

  plots.py                      measures everything, and draws it
  plots.py --only sizes         measures one of them anew, and draws all
  plots.py --draw               draws what is measured
  plots.py --publish            the same, and writes the pictures of the documentation
  plots.py --quick              with few and small values, to see that it works
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import curves
import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".build/plots"
PUBLISHED = ROOT / "Sources/AgentEventsServer/AgentEventsServer.docc/Resources"


def steps(*values, quick):
    """The values of a quick run, or all of them."""
    return values[:quick]


def bench(binary, *arguments):
    run = subprocess.run([binary, "bench", "--json", *map(str, arguments)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def subscribers(binary, quick):
    return [
        bench(binary, "subscribers", "--subscribers", count, "--seconds", 0.2 if quick else 1.5)[0]
        for count in steps(1, 10, 100, 1000, 10_000, quick=quick)]


def threads(binary, quick):
    return [
        bench(binary, "context", "--threads", count)[0]
        for count in steps(1000, 10_000, 100_000, 300_000, 1_000_000, quick=quick)]


def sizes(binary, quick):
    return [
        bench(binary, "emit", "--text-bytes", size, "--seconds", 0.2 if quick else 1.5)[0]
        for size in steps(50, 200, 1000, 4000, 16_000, 65_536, quick=quick)]


def stored(binary, quick):
    return [
        bench(binary, "replay", "--stored", count)[0]
        for count in steps(10_000, 100_000, 1_000_000, 10_000_000, quick=quick)]


def answers(binary, quick):
    return [
        bench(binary, "remote", "--answer", size)[0]
        for size in steps(65_536, 262_144, 1_048_576, 4_194_304, quick=quick)]


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(process):
    return int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def connections(binary, quick):
    """Idle connections to a service, each subscribed to a thread of its own."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    measured = []
    for count in steps(100, 1000, 3000, 10_000, quick=quick):
        if count + 100 > hard:
            print(f"connections: {count} are left out, a process may have {hard} files open here (ulimit -Hn)")
            continue
        service = subprocess.Popen(
            [binary, "serve", "--in-memory", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        opened = []
        try:
            port = wire.port_of(service)
            wire.open_connection(port, 10**6).close()
            memory, used, begun = resident_bytes(service.pid), processor_seconds(service.pid), time.monotonic()
            opened = [wire.open_connection(port, number) for number in range(count)]
            measured.append({
                "connections": count, "bytes": (resident_bytes(service.pid) - memory) / count,
                "cpu_us": (processor_seconds(service.pid) - used) / count * 1e6, "seconds": time.monotonic() - begun})
        finally:
            for connection in opened:
                connection.close()
            service.terminate()
            service.wait()
    return measured


MEASUREMENTS = {
    "subscribers": subscribers, "threads": threads, "sizes": sizes, "stored": stored, "answers": answers,
    "connections": connections,
}


def curve(values, x, y, factor=1):
    return [(value[x], value[y] * factor) for value in values if value[y] > 0]


def charts(measured):
    """The name of each chart, and the arguments of its drawing."""
    found = measured.get("subscribers")
    if found:
        yield "bench-subscribers", (
            "An event to its subscribers: processor time for each of them", "subscribers of the thread", "microseconds",
            [("each", curve(found, "subscribers", "each_cpu_us"))]), {"logarithmic_y": True}
    found = measured.get("threads")
    if found:
        yield "bench-threads-memory", (
            "Memory of an idle context", "contexts in memory", "bytes each", [("memory", curve(found, "contexts", "bytes"))]), {}
        yield "bench-threads-time", (
            "A context is opened, or built from the log again: processor time", "contexts", "microseconds each",
            [("opened", curve(found, "contexts", "open_cpu_us")), ("built from the log", curve(found, "contexts", "rebuild_cpu_us"))]), {}
    found = measured.get("sizes")
    if found:
        yield "bench-sizes", (
            "Emitting an event: processor time, with the writer's share", "bytes of text", "microseconds",
            [("emit", curve(found, "text_bytes", "cpu_us"))]), {"logarithmic_y": True}
    found = measured.get("stored")
    if found:
        yield "bench-stored-replay", (
            "Reading 1000 events of one thread", "events in the log", "milliseconds",
            [("median", curve(found, "stored", "replay_ms")), ("slowest of 50", curve(found, "stored", "slowest_ms"))]), {}
        yield "bench-stored-append", (
            "Committing one event more, 64 at a time: processor time", "events in the log", "microseconds",
            [("append", curve(found, "stored", "append_cpu_us"))]), {}
    found = measured.get("answers")
    if found:
        yield "bench-answers", (
            "A piece of 4 bytes of a long answer: processor time", "bytes of the answer", "microseconds",
            [("the first", curve(found, "answer_bytes", "first_cpu_us")),
             ("the last", curve(found, "answer_bytes", "last_cpu_us"))]), {}
    found = measured.get("connections")
    if found:
        yield "bench-connections", (
            "An idle connection with a subscription: memory", "connections", "kilobytes each",
            [("memory", curve(found, "connections", "bytes", 1 / 1024))]), {}


def draw(measured, folder):
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, arguments, options in charts(measured):
        (folder / f"{name}.svg").write_text(curves.svg(*arguments, **options))
        names.append(name)
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/agent-events")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="may be repeated")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("--publish", action="store_true", help="measure nothing, and write the pictures of the documentation")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    file = FOLDER / "measured.json"
    measured = json.loads(file.read_text()) if file.is_file() else {}
    if not options.draw and not options.publish:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in options.only or MEASUREMENTS:
            print(f"{name} …", flush=True)
            measured[name] = MEASUREMENTS[name](options.binary, 2 if options.quick else None)
            measured["made"] = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}"
            file.write_text(json.dumps(measured, indent=1) + "\n")
    folder = PUBLISHED if options.publish else FOLDER
    names = draw(measured, folder)
    if not names:
        sys.exit("plots: nothing is measured yet")
    print(f"plots: {len(names)} in {folder.relative_to(ROOT)}, measured {measured['made']}")


if __name__ == "__main__":
    main()
