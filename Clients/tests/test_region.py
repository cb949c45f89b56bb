"""The package and its examples against a Region that runs."""

import asyncio
import hashlib
import json
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portolan.permission.v1.permission_pb2 import (
    PRINCIPAL_TYPE_GROUP, Account, PermissionSet)
from portolan.directory.v1.directory_pb2 import Email, Group, User
from portolan_client import AsyncClient, Client, Code, Context, PortolanError, services
from portolan_client.identity import Identity, ServiceName

from .region import ACCOUNT, BINARY, Region

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@unittest.skipUnless(BINARY.exists(), "portolan is not built")
class RegionTests(unittest.TestCase):
    region: Region
    context: Context

    @classmethod
    def setUpClass(cls) -> None:
        cls.region = Region()
        cls.region.start()
        cls.addClassCleanup(cls.region.stop)
        cls.context = Context.load(cls.region.context)
        with cls.context.client("directory") as client, \
                cls.context.client("permission") as other:
            directory, permissions = services.Directory(client), services.Permissions(other)
            cls.users = [directory.CreateUser(user=User(
                user_name=f"person{n}@meridian.example", display_name=f"Person {n}",
                emails=[Email(value=f"person{n}@meridian.example", primary=True)],
                enabled=True)).user for n in range(5)]
            cls.group = directory.CreateGroup(
                group=Group(display_name="Readers"),
                member_user_ids=[u.user_id for u in cls.users[:3]]).group
            cls.empty = directory.CreateGroup(group=Group(display_name="Nobody")).group
            permissions.PutAccount(account=Account(
                account_id=ACCOUNT, name="Production", email="p@meridian.example"))
            role = permissions.CreatePermissionSet(permission_set=PermissionSet(
                name="ViewOnly", session_duration_seconds=3600)).permission_set
            permissions.CreateAccountAssignment(
                account_id=ACCOUNT, permission_set_arn=role.permission_set_arn,
                principal_type=PRINCIPAL_TYPE_GROUP, principal_id=cls.group.group_id)

    def example(self, name: str, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, EXAMPLES / f"{name}.py", "--context", self.region.context,
             *arguments], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done.stdout

    def refused(self, work) -> PortolanError:  # noqa: ANN001
        with self.assertRaises(PortolanError) as caught:
            work()
        return caught.exception

    def client(self, service: str, **changes: object) -> Client:
        context = self.context
        values = {"address": context.regions[context.region][service],
                  "target": ServiceName(context.trust_domain, context.region, service),
                  "identity": context.identity} | changes
        client = Client(**values)
        self.addCleanup(client.close)
        return client

    def test_another_service_than_the_one_named_is_refused(self) -> None:
        wrong = ServiceName(self.context.trust_domain, self.context.region, "keys")
        said = self.refused(lambda: services.Directory(
            self.client("directory", target=wrong)).GetStatus())
        self.assertEqual((said.code, said.reason), (Code.UNAUTHENTICATED, "WRONG_SERVER"))

    def test_a_server_under_another_root_is_refused(self) -> None:
        own = self.context.identity
        stranger = Identity(own.certificate, own.key, own.certificate)
        said = self.refused(lambda: services.Directory(
            self.client("directory", identity=stranger)).GetStatus())
        self.assertEqual(said.reason, "TLS_HANDSHAKE")

    def test_nobody_at_the_address_is_told_at_once(self) -> None:
        said = self.refused(lambda: services.Directory(
            self.client("directory", address="127.0.0.1:1")).GetStatus())
        self.assertEqual((said.code, said.reason), (Code.UNAVAILABLE, "CANNOT_CONNECT"))

    def test_a_refusal_carries_its_code_and_reason(self) -> None:
        said = self.refused(lambda: services.Directory(self.client("directory")).GetUser(
            user_id="00000000-0000-0000-0000-000000000000"))
        self.assertEqual((said.code, said.reason), (Code.NOT_FOUND, "USER_NOT_FOUND"))

    def test_an_unknown_method_is_refused(self) -> None:
        client = self.client("directory")
        said = self.refused(lambda: client.call("portolan.directory.v1.Directory/Nothing", b""))
        self.assertEqual(said.code, Code.UNIMPLEMENTED)

    def test_a_deadline_that_has_passed_ends_the_call_and_not_the_connection(self) -> None:
        client = self.client("coordinator")
        watch = services.InstanceAdministration(client)
        watch.GetInstance()

        def follow() -> None:
            for _ in watch.WatchInstance(timeout=0.3):
                pass

        self.assertEqual(self.refused(follow).code, Code.DEADLINE_EXCEEDED)
        self.assertTrue(watch.GetInstance().instance.name)

    def test_threads_share_a_connection(self) -> None:
        directory = services.Directory(self.client("directory"))
        with ThreadPoolExecutor(16) as pool:
            got = list(pool.map(
                lambda n: directory.GetUser(user_id=self.users[n % 5].user_id).user.user_name,
                range(300)))
        self.assertEqual(got, [self.users[n % 5].user_name for n in range(300)])

    def test_more_calls_than_the_server_allows_wait_for_room(self) -> None:
        async def ask() -> list[str]:
            async with self.context.async_client("directory") as client:
                directory = services.AsyncDirectory(client)
                return [answer.user.user_id for answer in await asyncio.gather(
                    *(directory.FindUser(user_name=self.users[n % 5].user_name)
                      for n in range(2500)))]

        self.assertEqual(asyncio.run(ask()), [self.users[n % 5].user_id for n in range(2500)])

    def test_a_cancelled_task_leaves_the_connection_usable(self) -> None:
        async def ask() -> str:
            async with self.context.async_client("coordinator") as client:
                administration = services.AsyncInstanceAdministration(client)

                async def follow() -> None:
                    async for _ in administration.WatchInstance():
                        started.set()

                started = asyncio.Event()
                task = asyncio.create_task(follow())
                async with asyncio.timeout(10):
                    await started.wait()
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                return (await administration.GetInstance()).instance.name

        self.assertEqual(asyncio.run(ask()), "Clients")

    def test_closing_ends_a_stream_that_another_thread_reads(self) -> None:
        client = self.client("coordinator")
        stream = services.InstanceAdministration(client).WatchInstance()
        next(stream)
        closer = threading.Timer(0.1, client.close)
        closer.start()
        self.assertEqual(self.refused(lambda: [*stream]).reason, "CHANNEL_CLOSED")
        closer.join()

    def test_a_long_streamed_answer_arrives_whole(self) -> None:
        directory = services.Directory(self.client("directory"))
        for number in range(40):
            group = directory.GetGroup(group_id=self.empty.group_id).group
            group.description = f"{number}" + "x" * 200
            directory.UpdateGroup(group=group)
        trail = services.Trail(self.client("coordinator"))
        events = [e for answer in trail.Export(timeout=30) for e in answer.events]
        self.assertGreater(len(events), 40)
        for before, event in zip(events, events[1:], strict=False):
            self.assertEqual(event.sequence, before.sequence + 1)
            self.assertEqual(event.hash, hashlib.sha256(
                before.hash + event.sequence.to_bytes(8, "big")
                + event.cloudtrail_json.encode()).digest())

    def test_a_restart_while_calls_run_cuts_none_and_loses_none(self) -> None:
        """SIGTERM drains: what the server has taken it answers, what it has not is sent again."""
        region, name = self.region, self.users[0].user_name
        cut: list[PortolanError] = []
        lost: list[PortolanError] = []
        stop = threading.Event()
        answered = [0] * 8
        client = self.client("directory")

        def call(number: int) -> None:
            directory = services.Directory(client)
            while not stop.is_set():
                given_up = time.monotonic() + 20
                while True:
                    try:
                        self.assertEqual(directory.FindUser(user_name=name).user.user_name, name)
                        answered[number] += 1
                        break
                    except PortolanError as failure:
                        if failure.reason == "CONNECTION_LOST" and not failure.unprocessed:
                            cut.append(failure)
                        if failure.code != Code.UNAVAILABLE or time.monotonic() > given_up:
                            lost.append(failure)
                            break
                        time.sleep(0.05)

        threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                time.sleep(0.3)
                before = sum(answered)
                region.restart("directory")
                deadline = time.monotonic() + 20
                while sum(answered) == before and time.monotonic() < deadline:
                    time.sleep(0.05)
                self.assertGreater(sum(answered), before)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        self.assertEqual((cut, lost), ([], []))

    def test_example_who_can_reach(self) -> None:
        lines = self.example("who_can_reach", ACCOUNT).splitlines()
        self.assertEqual(lines, [f"{u.user_name}\tViewOnly\tReaders" for u in self.users[:3]])
        self.example("who_can_reach", "210000000009", status=1)

    def test_example_disable_leaver(self) -> None:
        leaver = self.users[4]
        for _ in range(2):  # Again is harmless.
            self.assertIn("is disabled", self.example("disable_leaver", leaver.user_name))
        directory = services.Directory(self.client("directory"))
        self.assertFalse(directory.GetUser(user_id=leaver.user_id).user.enabled)
        self.example("disable_leaver", "nobody@meridian.example", status=2)

    def test_example_export_trail(self) -> None:
        lines = self.example("export_trail").splitlines()
        names = [json.loads(line)["eventName"] for line in lines]
        self.assertIn("CreateUser", names)
        later = self.example("export_trail", "--after", "3").splitlines()
        self.assertEqual(json.loads(later[0]), json.loads(lines[3]))

    def test_example_compare_key_policies(self) -> None:
        key = services.KeyManagement(self.client("keys")).CreateKey(
            multi_region=True).key_metadata.key_id
        self.assertIn("the same", self.example("compare_key_policies", key))
        self.example("compare_key_policies", key, "eu-west-1", status=2)  # Not in the context.

    def test_example_watch_replication(self) -> None:
        self.assertEqual(self.example("watch_replication"), "")  # No other Region.

    def test_example_empty_groups(self) -> None:
        lines = self.example("empty_groups", status=1).splitlines()
        self.assertEqual(lines, [f"{self.empty.group_id}\tNobody"])


class StubTests(unittest.TestCase):
    def test_a_stub_takes_the_client_of_its_kind(self) -> None:
        context = ServiceName("a", "b", "c")
        client = AsyncClient("127.0.0.1:1", context, Identity(Path(), Path(), Path()))
        with self.assertRaises(TypeError):
            services.Directory(client)
        with self.assertRaises(TypeError):
            services.AsyncDirectory(object())

    def test_a_field_that_does_not_exist_is_refused(self) -> None:
        client = AsyncClient("127.0.0.1:1", ServiceName("a", "b", "c"),
                             Identity(Path(), Path(), Path()))
        with self.assertRaises(ValueError):
            asyncio.run(services.AsyncDirectory(client).GetUser(user="x"))


if __name__ == "__main__":
    unittest.main()
