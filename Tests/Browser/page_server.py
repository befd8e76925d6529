"""Serves the page beside a service, as one origin: files of the repository for the page, everything else handed on byte for byte."""

import asyncio
import threading
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "Sources" / "AgentEventsServer" / "Page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ndjson": "application/x-ndjson"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def asset(path):
    """The file for a path of the page, or None."""
    path = path.split("?")[0]
    if path == "/":
        file = PAGE / "inspector" / "index.html"
    elif path.startswith("/inspector/"):
        file = PAGE / path[1:]
    elif path.startswith("/client/"):
        file = PAGE / path[len("/client/"):]
    else:
        return None
    file = file.resolve()
    return file if file.is_file() and PAGE in file.parents else None


class PageServer:
    """Listens on a free port of the loopback. The port of the service may change, when it is started again."""

    def __init__(self, service_port, replaced=None):
        """`replaced` breaks files of the page, for checks that have to notice it: `{name: (old, new)}`."""
        self.service_port = service_port
        self.replaced = replaced or {}
        for name in self.replaced:  # At once: a page that is not served at all would be noticed, too.
            self.body(PAGE / name)
        self.is_cut = False
        self.writers, self.tasks = set(), set()
        self.loop = asyncio.new_event_loop()
        self.port = None
        ready = threading.Event()

        def run():
            asyncio.set_event_loop(self.loop)
            server = self.loop.run_until_complete(asyncio.start_server(self.begin, "127.0.0.1", 0, limit=1 << 20))
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            self.loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        ready.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cut(self, is_cut=True):
        """Closes what is handed on, and refuses more until it is called with False."""
        self.is_cut = is_cut

        def close():
            for writer in list(self.writers):
                writer.transport.abort()

        if is_cut:
            self.loop.call_soon_threadsafe(close)

    def stop(self):
        async def end():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.is_cut = True
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)

    def begin(self, reader, writer):
        task = self.loop.create_task(self.serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def body(self, file):
        body = file.read_bytes()
        name = str(file.relative_to(PAGE))
        if name in self.replaced:
            old, new = self.replaced[name]
            if old not in body.decode():
                raise RuntimeError(f"{name} has no {old!r}")
            body = body.decode().replace(old, new).encode()
        return body

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            file = asset(first.split(" ")[1])
            if file:
                body = self.body(file)
                answer = [
                    "HTTP/1.1 200 OK", f"content-type: {TYPES.get(file.suffix, 'text/plain')}; charset=utf-8", f"content-length: {len(body)}",
                    f"content-security-policy: {POLICY}", "x-content-type-options: nosniff", "cache-control: no-cache", "connection: close",
                ]
                writer.write("\r\n".join(answer).encode() + b"\r\n\r\n" + body)
                await writer.drain()
            elif not self.is_cut:
                await self.hand_on(first, lines, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass
        finally:
            writer.close()

    async def hand_on(self, first, lines, reader, writer):
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self.service_port)
        is_upgrade = any(line.lower().startswith("upgrade:") for line in lines)
        kept = [line for line in lines if line and (is_upgrade or not line.lower().startswith("connection:"))]
        if not is_upgrade:
            kept.append("Connection: close")
        upstream.write("\r\n".join([first, *kept, "", ""]).encode("latin-1"))
        self.writers |= {writer, upstream}

        async def pipe(source, target):
            try:
                while piece := await source.read(65536):
                    target.write(piece)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        back = asyncio.ensure_future(pipe(upstream_reader, writer))
        forth = asyncio.ensure_future(pipe(reader, upstream))
        await back
        forth.cancel()
        self.writers -= {writer, upstream}


if __name__ == "__main__":
    import sys
    import time

    server = PageServer(int(sys.argv[1]))
    print(server.url, flush=True)
    while True:
        time.sleep(3600)
