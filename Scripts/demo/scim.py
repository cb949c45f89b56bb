"""What both SCIM clients share: HTTPS with keep-alive, bounded retries, statistics."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import requests


class ScimError(Exception):
    """The server refused a request; status and the whole answer, which holds no secret."""

    def __init__(self, method: str, url: str, status: int, body: str) -> None:
        super().__init__(f"{method} {url}: {status} {body[:500]}")
        self.status = status
        self.body = body


@dataclass
class ScimClient:
    """One worker's connection. Not shared between threads."""

    base: str
    token: str
    verify: str | bool
    user_agent: str
    content_type: str = "application/scim+json"
    counts: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.verify
        self.session.headers.update({
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/scim+json",
            "User-Agent": self.user_agent,
        })

    def send(self, method: str, path: str, body: dict | None = None, **parameters: object) -> dict:
        """One request; 429 and 503 are tried again as real clients do, at most five times."""
        url = f"{self.base}{path}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": self.content_type} if data else {}
        for attempt in range(5):
            answer = self.session.request(
                method, url, data=data, headers=headers, params=parameters or None, timeout=30)
            self.counts[f"{method} {path.split('/')[1]}"] += 1
            if answer.status_code not in (429, 503):
                break
            time.sleep(0.2 * 2**attempt)
        if not answer.ok:
            raise ScimError(method, url, answer.status_code, answer.text)
        return answer.json() if answer.content else {}


def in_parallel(
    items: Iterable, workers: int, make: Callable[[], ScimClient],
    work: Callable[[ScimClient, object], None], progress: Callable[[int], None] | None = None,
) -> Counter:
    """Runs work for each item over a few connections; the first failure stops all and is raised."""
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    failures: list[BaseException] = []
    total: Counter = Counter()
    done = 0
    lock = threading.Lock()

    def run() -> None:
        nonlocal done
        client = make()
        try:
            while not failures:
                try:
                    item = waiting.get_nowait()
                except queue.Empty:
                    break
                work(client, item)
                with lock:
                    done += 1
                    if progress and done % 50 == 0:
                        progress(done)
        except BaseException as failure:  # noqa: BLE001 - handed to the caller
            failures.append(failure)
        finally:
            with lock:
                total.update(client.counts)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return total
