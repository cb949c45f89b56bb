"""Clients that write, read and delete all the time, at whatever Region takes it."""

from __future__ import annotations

import random
import threading
import time

from Scripts.demo.cluster import ALL_REGIONS, TRUST_DOMAIN
from Scripts.demo.rpc import Connection, Directory, RPCError, messages

from .history import History
from .regions import Regions

TIMEOUT = 6.0
EXPECTED = {"UNAVAILABLE", "NOT_REPLICATED_YET", "STATE_LOADING", "POSITION_LOST", "NOT_PRIMARY",
            "REGION_NOT_ENABLED", "PROMOTION_UNDER_WAY", "DEADLINE_EXCEEDED", "STORAGE_FULL",
            "STORAGE_FAILED", "STORAGE_READ_ONLY", "LOG_BUSY", "KEYS_UNREACHABLE", "SHUTTING_DOWN",
            "DOMAIN_ADVANCED", "RECORD_NOT_AUTHENTIC", "WRITE_QUEUE_FULL", "LOG_CLOSED",
            "CHECKSUM_MISMATCH"}


class Client(threading.Thread):
    """One thread with a connection per Region, made anew when it breaks."""

    def __init__(self, regions: Regions, history: History, seed: int) -> None:
        super().__init__(daemon=True)
        self.regions, self.history = regions, history
        self.chance = random.Random(seed)
        self.ending = threading.Event()
        self.connections: dict[str, Connection] = {}
        self.types = messages("directory.v1.directory")

    def call(self, region: str, method: str, request, answer):  # noqa: ANN001, ANN201
        connection = self.connections.get(region)
        if connection is None:
            operator = self.regions.pki / "operators" / "alice"
            connection = Connection(
                self.regions.address(region, "directory"), operator,
                self.regions.pki / "root.pem",
                f"spiffe://{TRUST_DOMAIN}/region/{region}/service/directory", timeout=TIMEOUT)
            connection.socket.settimeout(TIMEOUT)
            self.connections[region] = connection
        try:
            return connection.call(f"directory.v1.Directory/{method}", request, answer)
        except RPCError:
            raise
        except Exception:
            connection.socket.close()
            del self.connections[region]
            raise

    def expected(self, refusal: RPCError) -> None:
        if refusal.reason not in EXPECTED and refusal.status not in (1, 4, 14):
            self.history.violation(f"unexpected refusal: {refusal}")

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                self.step()
            except RPCError as refusal:
                self.expected(refusal)
                time.sleep(0.05)
            except OSError:
                time.sleep(0.1)


class Writer(Client):
    """Makes people, and deletes some of them again."""

    def __init__(self, regions: Regions, history: History, seed: int) -> None:
        super().__init__(regions, history, seed)
        self.number = seed * 1_000_000
        self.region = ALL_REGIONS[0]
        self.own: list[str] = []

    def step(self) -> None:
        try:
            if self.own and self.chance.random() < 0.2:
                self.delete(self.own.pop(self.chance.randrange(len(self.own))))
            else:
                self.create()
        except RPCError as refusal:
            self.region = refusal.metadata.get("primary-region", self.elsewhere())
            raise
        except OSError:
            self.region = self.elsewhere()
            raise
        time.sleep(0.01)

    def elsewhere(self) -> str:
        return self.chance.choice(ALL_REGIONS)

    def create(self) -> None:
        self.number += 1
        request = self.types.CreateUserRequest()
        request.user.user_name = f"person{self.number}@chaos.example"
        request.user.display_name = f"Person {self.number}"
        answer = self.call(self.region, "CreateUser", request, self.types.CreateUserResponse())
        position = (answer.position.epoch, answer.position.sequence)
        self.history.created(answer.user.user_id, self.region, position)
        self.own.append(answer.user.user_id)

    def delete(self, user_id: str) -> None:
        write = self.history.writes[user_id]
        write.in_doubt = True
        try:
            answer = self.call(
                self.region, "DeleteUser", self.types.DeleteUserRequest(user_id=user_id),
                self.types.DeleteUserResponse())
        except RPCError as refusal:
            if refusal.reason in ("NOT_PRIMARY", "STATE_LOADING", "PROMOTION_UNDER_WAY"):
                write.in_doubt = False
                self.own.append(user_id)
            elif refusal.reason == "USER_NOT_FOUND":
                return  # It was made by a primary that is fenced by now; the end will tell.
            raise
        self.history.deleted(user_id, self.region, (
            answer.position.epoch, answer.position.sequence))
        write.in_doubt = False


class Reader(Client):
    """Demands what it knows to be written, in any Region."""

    def step(self) -> None:
        writes = list(self.history.writes.values())
        if not writes:
            time.sleep(0.1)
            return
        write = self.chance.choice(writes[-200:])
        was_deleted = write.deleted
        epoch, sequence = was_deleted or write.created
        region = self.chance.choice(ALL_REGIONS)
        request = self.types.GetUserRequest(user_id=write.user_id)
        request.at_least.stream, request.at_least.epoch = "control", epoch
        request.at_least.sequence = sequence
        try:
            self.call(region, "GetUser", request, self.types.GetUserResponse())
            self.history.read("found")
            if was_deleted:
                self.history.violation(
                    f"{write.user_id}, deleted at {was_deleted}, was read in {region}")
        except RPCError as refusal:
            self.history.read(refusal.reason)
            if refusal.reason != "USER_NOT_FOUND":
                raise
            if not (was_deleted or write.deleted or write.in_doubt):
                self.history.violation(
                    f"{write.user_id}, acknowledged by {write.region} at {write.created}, was not "
                    f"found in {region} at that position")
        time.sleep(0.005)


def directory(regions: Regions, region: str) -> Connection:
    operator = regions.pki / "operators" / "alice"
    return Connection(regions.address(region, "directory"), operator, regions.pki / "root.pem",
                      f"spiffe://{TRUST_DOMAIN}/region/{region}/service/directory")


def users(regions: Regions, region: str) -> dict[str, str]:
    """The names of all users of a Region, by their IDs."""
    with directory(regions, region) as connection:
        return {key: user.user_name for key, user in Directory(connection).users().items()}


def status(regions: Regions, region: str):  # noqa: ANN201
    """What the directory service of a Region says of itself."""
    with directory(regions, region) as connection:
        return Directory(connection).status()
