"""What producers were told and what clients saw, written down for `agent-events validate --history`."""

import json
import shutil
import subprocess
import tempfile

from thread_reader import Fault

# A history is written of so many clients that it stays below this.
MOST_BYTES = 128 * 1024 * 1024


class History:
    """Records, one a line, in a file that is gone afterwards unless it is broken. Events stand in it as text, byte for byte.

    For one thread of execution at a time: Python's files are not for several.
    """

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8", newline="\n")
        self.count = 0
        self.size = 0

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.file.close()

    def attempt(self, name, thread, events, key=None):
        self._write("attempt", attempt=name, thread_id=thread, events=events, **({"key": key} if key else {}))

    def acknowledged(self, name, thread, cursors):
        self._write("acknowledged", attempt=name, thread_id=thread, cursors=cursors)

    def refused(self, name):
        self._write("refused", attempt=name)

    def logged(self, raw):
        self._write("logged", event=raw)

    def subscribed(self, client, thread, after):
        self._write("subscribed", client=client, thread_id=thread, after=after)

    def seen(self, client, raw):
        self._write("seen", client=client, event=raw)

    def left(self, client):
        self._write("left", client=client)

    def reader(self, client, reader, begin=None):
        """All that a reader saw of its thread, as one subscription."""
        self.subscribed(client, reader.thread, begin)
        for raw in reader.raw:
            self.seen(client, raw)

    def _write(self, record, **members):
        line = json.dumps({"record": record, **members}, ensure_ascii=False) + "\n"
        self.file.write(line)
        self.count += 1
        self.size += len(line)
        if self.size > MOST_BYTES:
            raise RuntimeError(f"a history of more than {MOST_BYTES} bytes: write it of fewer clients")

    def check(self, binary, seconds=600):
        """Has the program check it. Returns what it says of a good history, in a few words."""
        self.file.flush()
        done = subprocess.run(
            [str(binary), "validate", "--history", self.file.name],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            kept = shutil.copy(self.file.name, tempfile.gettempdir() + "/broken-history.ndjson")
            raise Fault(f"the history is broken ({kept}): {done.stdout[-3000:]} {done.stderr[-1000:]}")
        return f"history {done.stdout.strip().splitlines()[-1]}"
