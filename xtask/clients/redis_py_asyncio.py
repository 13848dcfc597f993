"""The image by redis-py's asyncio half, with pools, transactions and retries. Every line checks a value.

    python redis_py_asyncio.py PORT
"""

import asyncio
import sys
import warnings

import redis
import redis.asyncio as aio
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError, ResponseError, WatchError

PORT = int(sys.argv[1])
CLIENTS = 30

checks = 0


def check(actual, expected):
    global checks
    assert type(actual) is type(expected) and actual == expected, (actual, expected)
    checks += 1


def holds(condition, what):
    global checks
    assert condition, what
    checks += 1


async def transactions(protocol):
    r = aio.Redis(port=PORT, protocol=protocol)
    # The default pipeline is a transaction.
    pipe = r.pipeline()
    pipe.set("a", 1).set("b", 2).get("a").mget("a", "b", "none")
    check(await pipe.execute(), [True, True, b"1", [b"1", b"2", None]])
    pipe.set("a", 3).execute_command("NOSUCH")
    try:
        await pipe.execute()
    except ResponseError as error:
        holds("unknown command" in str(error), error)
    check(await r.get("a"), b"1")
    other = aio.Redis(port=PORT, protocol=protocol)
    async with r.pipeline() as pipe:
        await pipe.watch("a")
        check(await pipe.get("a"), b"1")
        await other.set("a", 9)
        pipe.multi()
        pipe.set("a", 4)
        try:
            await pipe.execute()
        except WatchError:
            check(await r.get("a"), b"9")
    calls = []

    def add(pipe):
        calls.append(1)
        pipe.multi()
        pipe.set("b", len(calls))

    check(await r.transaction(add, "b"), [True])
    check(await r.get("b"), b"1")
    check(await r.delete("a", "b"), 2)
    await other.aclose()
    await r.aclose()


async def pools(protocol):
    pool = aio.BlockingConnectionPool(port=PORT, protocol=protocol, max_connections=8)
    r = aio.Redis(connection_pool=pool)
    await asyncio.gather(*(r.set(f"c:{number}", number) for number in range(CLIENTS)))
    values = await asyncio.gather(*(r.get(f"c:{number}") for number in range(CLIENTS)))
    check(values, [str(number).encode() for number in range(CLIENTS)])
    found = [key async for key in r.scan_iter("c:*", count=5)]
    check(sorted(found), sorted(f"c:{number}".encode() for number in range(CLIENTS)))
    check(await r.delete(*found), CLIENTS)
    await pool.disconnect()


async def retries(protocol):
    retry = Retry(ConstantBackoff(0.01), 3)
    r = aio.Redis(port=PORT, protocol=protocol, retry=retry, single_connection_client=True)
    victim = await r.client_id()
    killer = aio.Redis(port=PORT, protocol=protocol)
    check(await killer.client_kill_filter(_id=str(victim)), 1)
    check(await r.set("k", "after"), True)
    check(await r.get("k"), b"after")
    holds(await r.client_id() > victim, "the same connection")
    once = aio.Redis(port=PORT, protocol=protocol, retry=Retry(ConstantBackoff(0.01), 0),
                     single_connection_client=True)
    victim = await once.client_id()
    check(await killer.client_kill_filter(_id=str(victim)), 1)
    try:
        await once.ping()
    except ConnectionError as error:
        holds(error is not None, error)
    else:
        # The driver detected the end of the connection before it sent.
        holds(await once.client_id() > victim, "the same connection")
    check(await killer.delete("k"), 1)
    for client in (r, killer, once):
        await client.aclose()


async def values(protocol):
    r = aio.Redis(port=PORT, protocol=protocol)
    large = bytes(range(256)) * 4096
    check(await r.set("large", large, ex=1000), True)
    holds(await r.get("large") == large, "a value of a MiB has changed")
    holds(0 < await r.ttl("large") <= 1000, "the time to live")
    check(await r.set("large", b"", get=True) == large, True)
    check(await r.get("large"), b"")
    check(await r.getdel("large"), b"")
    check(await r.get("large"), None)
    check(await r.mset({b"\x00\xff": 1, "": 2}), True)
    check(await r.mget(b"\x00\xff", ""), [b"1", b"2"])
    check(await r.flushall(), True)
    check(await r.dbsize(), 0)
    await r.aclose()


async def main():
    warnings.simplefilter("error")
    for protocol in (2, 3):
        await transactions(protocol)
        await pools(protocol)
        await retries(protocol)
        await values(protocol)
    print(f"redis-py asyncio {redis.__version__}: checked {checks}")


asyncio.run(main())
