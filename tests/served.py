"""A real server on loopback that resumes, breaks off, fails, and asks for credentials as the hosts of data do."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote


class Site:
    """What is served.

    Attributes:
        content: by path, with the leading slash; the query is not looked at.
        breaks: how many bytes of a path are sent before the connection ends, once for each number.
        fails: answers of a path instead of its content, once for each number; the last one of a tuple stays for good.
        slow: seconds before a path answers.
        login: what the Authorization of a path must be.
        asked: paths and ranges so far.
        whole: do not understand ranges.
        links: the address of the next page of a path.
    """

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.breaks: dict[str, list[int]] = {}
        self.fails: dict[str, list[int] | tuple[int, ...]] = {}
        self.slow: dict[str, float] = {}
        self.login: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.whole = False
        self.links: dict[str, str] = {}
        self.base = ""

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return [asked for asked, _ in self.asked].count(path)

    def hugging_face(self, repo: str, files: dict[str, bytes], *, prefix: str = "", pages: int = 1) -> None:
        """A dataset's repository, listed in some pages; files that are not text have checksums."""
        entries: list[dict[str, object]] = [{"type": "directory", "oid": "0", "size": 0, "path": "images"}]
        for path, data in files.items():
            self.content[f"/datasets/{repo}/resolve/main/{path}"] = data
            entry: dict[str, object] = {"type": "file", "oid": "0", "size": len(data), "path": path}
            if not path.endswith(".md"):
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 132}
            entries.append(entry)
        tree = f"/api/datasets/{repo}/tree/main{'/' * bool(prefix)}{prefix}"
        for page in range(pages):
            self.content[f"{tree}{f'/page{page}' * bool(page)}"] = json.dumps(entries[page::pages]).encode()
            if page + 1 < pages:
                self.links[f"{tree}{f'/page{page}' * bool(page)}"] = f"{tree}/page{page + 1}"

    def zenodo(self, record: int, files: dict[str, bytes]) -> None:
        """A record."""
        api, listed = f"/api/records/{record}", []
        for key, data in files.items():
            self.content[f"{api}/files/{key}/content"] = data
            listed.append({"key": key, "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}"})
        self.content[api] = json.dumps({"id": record, "files": listed}).encode()


@contextmanager
def serving() -> Iterator[Site]:
    """A site that is served while the block runs."""
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            path = unquote(self.path.partition("?")[0])
            if path not in site.content:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(site.content[path])))
            self.end_headers()

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            site.asked.append((path, self.headers.get("Range", "")))
            time.sleep(site.slow.get(path, 0))
            if failures := site.fails.get(path):
                self.send_error(failures[-1] if isinstance(failures, tuple) else failures.pop(0))
                return
            if site.login.get(path, self.headers.get("Authorization", "")) != self.headers.get("Authorization", ""):
                self.send_error(401)
                return
            if path not in site.content:
                self.send_error(404)
                return
            data = site.content[path]
            first, last = 0, len(data) - 1
            if not site.whole and (match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))):
                first, last = int(match[1]), min(int(match[2] or last), last)
                if first >= len(data):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(data)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(last + 1 - first))
            if path in site.links:
                self.send_header("Link", f'<{site.base}{site.links[path]}>; rel="next"')
            self.end_headers()
            body = data[first : last + 1]
            if site.breaks.get(path):
                body = body[: site.breaks[path].pop(0)]
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
