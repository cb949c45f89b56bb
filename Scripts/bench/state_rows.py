"""The rows of writes, the log, start-up and memory."""

from __future__ import annotations

import time

from ..demo.cluster import Cli, Cluster, Ports
from ..demo.rpc import messages
from .rows import Results
from .system import System

GROUP_SIZE = 1_000
ACCOUNTS, SETS = 40, 5


def empty(system: System, results: Results) -> None:
    """Ten services without an instance."""
    def memory() -> None:
        sizes = {f"{service} in {region}": system.resident_mb(service, region)
                 for region, service in system.cluster.processes}
        name = max(sizes, key=lambda each: sizes[each])
        own = {each: system.resident_mb(service, region, "RssAnon")
               for each, (region, service) in zip(sizes, system.cluster.processes, strict=True)}
        results.put("memory.idle-service", sizes[name],
                    f"the largest of ten: {name}, {own[name]:.1f} MB of them its own")

    def start() -> None:
        times = []
        for _ in range(5):
            system.kill("directory")
            began = time.monotonic()
            system.cluster.start(system.world.primary, ("directory",))
            while system.status(system.world.primary) is None:
                time.sleep(0.002)
            times.append((time.monotonic() - began) * 1e3)
        results.put("start.empty", sorted(times)[2],
                    "directory, start of the process to its first answered call, median of 5")

    results.measure("memory.idle-service", by=memory)
    results.measure("start.empty", by=start)


def create_users(system: System, results: Results) -> None:
    def by() -> None:
        done = system.load("fill", "--first", 5_000_000)
        system.people += done["calls"]
        results.put("directory.create-user", done["perSecond"],
                    f"64 callers, durable, one Region; p99 {done['p99Microseconds'] / 1e3:.1f} ms")

    results.measure("directory.create-user", by=by)


def fill(system: System, users: int) -> None:
    """So many people, and groups of 1,000 so that each is in two on average."""
    began = time.monotonic()
    done = system.load("fill", "--users", users, timed=False, timeout=1200)
    system.people += done["calls"]
    print(f"{done['calls']:,} users in {time.monotonic() - began:.0f} s "
          f"({done['perSecond']:,.0f}/s)", flush=True)
    began = time.monotonic()
    groups = system.load("fill", "--users", users, "--groups", 2 * users // GROUP_SIZE,
                         "--in-flight", 1, timed=False, timeout=1200)
    print(f"{groups['calls']:,} groups of {GROUP_SIZE:,} in {time.monotonic() - began:.0f} s",
          flush=True)


def restart(system: System, results: Results) -> None:
    def by() -> None:
        snapshot = system.wait_for_snapshot()
        system.kill("directory")
        began = time.monotonic()
        system.cluster.start(system.world.primary, ("directory",))
        system.wait_open(system.world.primary, system.people)
        took = time.monotonic() - began
        results.put("restart-1m", took, f"{system.people:,} users, kill -9 of the directory, "
                    f"from its snapshot of {snapshot / 2**20:,.0f} MB")
        results.measure("memory.directory-1m", by=lambda: results.put(
            "memory.directory-1m", system.resident_mb("directory"),
            f"{system.people:,} users, after a start"))

    results.measure("restart-1m", "memory.directory-1m", by=by)


def access(system: System, results: Results) -> None:
    """A person in 200 groups, each with a role in one of 40 accounts."""
    def by() -> None:
        user = _person_with_groups(system)
        done = system.load("calls", "access", "--user", user)
        results.put("permission.access", done["perSecond"],
                    f"200 groups, {ACCOUNTS} accounts with {SETS} roles each, answers of "
                    f"{done['bytesPerAnswer']:,.0f} bytes")

    results.measure("permission.access", by=by)


def _person_with_groups(system: System) -> str:
    directory = messages("directory.v1.directory")
    types = messages("permission.v1.permission")
    with system.connection("directory") as connection:
        user = connection.call(
            "directory.v1.Directory/CreateUser", directory.CreateUserRequest(user=directory.User(
                user_name="joiner@bench.example", display_name="Joiner", enabled=True,
                name=directory.Name(given_name="J", family_name="R"))),
            directory.CreateUserResponse()).user.user_id
        groups = [
            connection.call(
                "directory.v1.Directory/CreateGroup", directory.CreateGroupRequest(
                    group=directory.Group(display_name=f"Access {number}"),
                    member_user_ids=[user]), directory.CreateGroupResponse()).group.group_id
            for number in range(ACCOUNTS * SETS)]
    with system.connection("permission") as connection:
        def call(name: str, request: object, answer: object) -> object:
            return connection.call(f"permission.v1.Permissions/{name}", request, answer)

        sets = [call("CreatePermissionSet", types.CreatePermissionSetRequest(
            permission_set=types.PermissionSet(name=f"Role{number}")),
            types.CreatePermissionSetResponse()).permission_set.permission_set_arn
            for number in range(SETS)]
        for number in range(ACCOUNTS):
            account = f"3{number:011}"
            call("PutAccount", types.PutAccountRequest(account=types.Account(
                account_id=account, name=f"Account {number}",
                email=f"a{number}@bench.example")), types.PutAccountResponse())
            for index, arn in enumerate(sets):
                call("CreateAccountAssignment", types.CreateAccountAssignmentRequest(
                    account_id=account, permission_set_arn=arn,
                    principal_type=types.PRINCIPAL_TYPE_GROUP,
                    principal_id=groups[number * SETS + index]),
                    types.CreateAccountAssignmentResponse())
    system.people += 1
    return user


def log(system: System, results: Results) -> None:
    """A throw-away Region with keys and coordinator alone: nothing else reads what is appended."""
    def by() -> None:
        region = "eu-north-1"
        cluster = Cluster(system.cluster.binary, system.cluster.directory / "log-region",
                          Ports(system.cluster.ports.base))
        cluster.directory.mkdir()
        base = system.cluster.ports.base + 50
        cluster.configure_one(region, pki=system.cluster.pki, base=base)
        Cli(system.cluster)("pki", "region", "--directory", str(system.cluster.pki), "--name",
                            region, "--host", "127.0.0.1", context=False)
        try:
            cluster.start(region, ("keys", "coordinator"))
            cluster.wait_healthy(region, services=("keys", "coordinator"))
            Cli(cluster)("instance", "create", "--name", "Log", "--identity-source",
                         "external-idp")
            identity = system.cluster.pki / "regions" / region / "portal"
            done = system.load("log", "--identity", identity, region=region,
                               context=cluster.context)
        finally:
            cluster.stop()
        results.put("log.append", done["perSecond"],
                    "64 callers of one record of 256 bytes; what waits goes into one append, as "
                    f"services do; p99 {done['p99Microseconds'] / 1e3:.1f} ms")

    results.measure("log.append", by=by)
