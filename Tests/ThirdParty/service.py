"""The real service as a process: started on a free port, stopped or killed by its process id."""

import http.client
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where the programs are: `make test` has a build of its own.
BUILT = Path(os.environ.get("BUILT", ROOT / ".build" / "debug"))
DEFAULT_BINARY = BUILT / "agent-events"
STREAM_PATH = "/v1/stream"
SUBPROTOCOL = "agent-events.v1"
# Deadlines are for what hangs, and not for what is slow: the machine may be busy with other things.
START_SECONDS = STOP_SECONDS = ANSWER_SECONDS = 180


def add_binary_option(parser):
    parser.add_argument(
        "--binary", type=Path, default=DEFAULT_BINARY, help="the agent-events program (default: %(default)s)"
    )


class Answer:
    """An HTTP answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error's code, or None when the body is no error."""
        try:
            return self.json()["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Service:
    """`agent-events serve` on a data folder, or in memory (None), and on a free port unless told otherwise."""

    def __init__(self, binary, data, *arguments, start_seconds=START_SECONDS, before_start=None, port=0,
                 environment=None):
        self.output = tempfile.TemporaryFile()
        place = ["--in-memory"] if data is None else ["--data", str(data)]
        self.process = subprocess.Popen(
            [str(binary), "serve", "--port", str(port), *place, *arguments],
            stdout=subprocess.PIPE,
            stderr=self.output,
            stdin=subprocess.DEVNULL,
            preexec_fn=before_start,
            env=None if environment is None else {**os.environ, **environment},
        )
        self.port = None
        # That of the listener for operators, where the arguments ask for one.
        self.internal_port = None
        self.has_internal_port = "--internal-listen" in arguments
        self.was_killed = False
        self.start_seconds = start_seconds

    def wait_until_listening(self):
        """Reads the port from the first line that names one."""
        deadline = time.monotonic() + self.start_seconds
        text = b""
        descriptor = self.process.stdout.fileno()
        while True:
            match = re.search(rb"(?:https?|wss?)://[^\s/]*?:(\d+)[^\n]*\n", text)
            internal = re.search(rb"for operators: http://[^\s/]*?:(\d+)[^\n]*\n", text)
            if match and (internal or not self.has_internal_port):
                self.port = int(match.group(1))
                self.internal_port = int(internal.group(1)) if internal else None
                return self
            left = deadline - time.monotonic()
            if left <= 0:
                self.kill()
                raise RuntimeError(f"the service named no port within {self.start_seconds} s: {text!r} {self.errors()}")
            readable, _, _ = select.select([descriptor], [], [], left)
            if readable:
                piece = os.read(descriptor, 65536)
                if not piece:
                    code = self.process.wait()
                    raise RuntimeError(f"the service ended with {code} before it listened: {text!r} {self.errors()}")
                text += piece

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}{STREAM_PATH}"

    def errors(self):
        """The end of what the service wrote to its standard error."""
        self.output.seek(0)
        return self.output.read()[-4000:].decode("utf-8", "replace")

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL: nothing is finished, nothing is said."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.was_killed = True
        self._reap()

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM. Raises when the service does not end well, and in time; one that was killed is left at that."""
        if self.was_killed:
            return
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the service did not stop within {seconds} s: {self.errors()}") from None
        self._reap()
        if code != 0:
            raise RuntimeError(f"the service ended with {code}: {self.errors()}")

    def _reap(self):
        self.process.wait()
        self.process.stdout.close()

    # For what hangs, not for what is slow.
    answer_seconds = ANSWER_SECONDS

    def request(self, method, path, body=None, headers=None, seconds=None, port=None):
        """One HTTP request on a connection of its own."""
        seconds = self.answer_seconds if seconds is None else seconds
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=seconds)
        try:
            if isinstance(body, str):
                body = body.encode()
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def pages(self, thread, limit=1000):
        """All committed events of a thread as the bytes of each, and the bytes of the pages they came in."""
        events, pages, after = [], [], None
        while True:
            query = f"?limit={limit}" + (f"&after={after}" if after else "")
            answer = self.request("GET", f"/v1/threads/{thread}/events{query}")
            if answer.status == 404 and answer.code == "thread.unknown":
                return events, pages
            if answer.status != 200:
                raise RuntimeError(f"GET events of {thread}{query}: {answer}")
            page = split_events(answer.body)
            events += page
            pages.append(answer.body)
            after = answer.json()["next"]
            if after is None or not page:
                return events, pages

    def __enter__(self):
        return self.wait_until_listening()

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()


def split_events(page):
    """The bytes of each event of a page `{"events":[…],…}`, untouched."""
    text = page.decode("utf-8")
    prefix = '{"events":['
    if not text.startswith(prefix):
        raise RuntimeError(f"no page of events: {text[:200]!r}")
    decoder = json.JSONDecoder()
    events, position = [], len(prefix)
    while text[position] != "]":
        _, end = decoder.raw_decode(text, position)
        events.append(text[position:end].encode("utf-8"))
        position = end
        if text[position] == ",":
            position += 1
    return events


class DataFolder:
    """A data folder that is gone afterwards."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="agent-events-"))
        return self.path

    def __exit__(self, kind, error, trace):
        shutil.rmtree(self.path, ignore_errors=True)
