"""The image by valkey-glide, in both versions of the protocol. Every line checks a value.

    python valkey_glide.py PORT
"""

import asyncio
import sys
from importlib.metadata import version

from glide import (
    Batch,
    ConditionalChange,
    ExpirySet,
    ExpiryType,
    ExpireOptions,
    GlideClient,
    GlideClientConfiguration,
    InfoSection,
    NodeAddress,
    ProtocolVersion,
    RequestError,
)

PORT = int(sys.argv[1])

checks = 0


def check(actual, expected):
    global checks
    assert actual == expected, (actual, expected)
    checks += 1


async def talk(protocol):
    address = NodeAddress("127.0.0.1", PORT)
    config = GlideClientConfiguration([address], protocol=protocol, client_name="glide",
                                      request_timeout=10_000)
    client = await GlideClient.create(config)
    check(await client.ping(), b"PONG")
    check(await client.client_getname(), b"glide")
    check(await client.set("k", "v"), "OK")
    check(await client.get("k"), b"v")
    check(await client.set("k", "w", ConditionalChange.ONLY_IF_DOES_NOT_EXIST), None)
    check(await client.set("k", "w", return_old_value=True), b"v")
    check(await client.set("k", "x", expiry=ExpirySet(ExpiryType.SEC, 100)), "OK")
    check(0 < await client.ttl("k") <= 100, True)
    check(await client.expire("k", 50, ExpireOptions.NewExpiryGreaterThanCurrent), False)
    check(await client.persist("k"), True)
    check(await client.append("k", "yz"), 3)
    check(await client.getrange("k", 1, 2), b"yz")
    check(await client.setrange("k", 5, "!"), 6)
    check(await client.strlen("k"), 6)
    check(await client.getdel("k"), b"xyz\0\0!")
    check(await client.mset({"a": "1", "b": "2"}), "OK")
    check(await client.mget(["a", "none", "b"]), [b"1", None, b"2"])
    check(await client.exists(["a", "b", "none"]), 2)
    check(await client.type("a"), b"string")
    cursor, keys = await client.scan("0", count=100)
    check((cursor, sorted(keys)), (b"0", [b"a", b"b"]))
    check(await client.delete(["a", "b"]), 2)
    large = bytes(range(256)) * 4096
    check(await client.set("large", large), "OK")
    check(await client.get("large") == large, True)
    batch = Batch(is_atomic=True)
    batch.set("t", "1")
    batch.append("t", "2")
    batch.get("t")
    check(await client.exec(batch, raise_on_error=True), ["OK", 2, b"12"])
    batch = Batch(is_atomic=False)
    batch.get("t")
    batch.delete(["t", "large"])
    check(await client.exec(batch, raise_on_error=True), [b"12", 2])
    check(await client.watch(["t"]), "OK")
    other = await GlideClient.create(config)
    check(await other.set("t", "other"), "OK")
    batch = Batch(is_atomic=True)
    batch.set("t", "mine")
    check(await client.exec(batch, raise_on_error=True), None)
    check(await client.get("t"), b"other")
    info = await client.info([InfoSection.REPLICATION])
    check(b"role:master" in info, True)
    check(await client.config_get(["save"]), {b"save": b""})
    check(await client.echo("hello"), b"hello")
    check(len(await client.time()), 2)
    try:
        await client.custom_command(["NOSUCH"])
    except RequestError as error:
        check("unknown command" in str(error), True)
    answers = await asyncio.gather(*(client.set(f"c:{n}", str(n)) for n in range(200)))
    check(answers, ["OK"] * 200)
    check(await client.dbsize(), 201)
    check(await client.flushall(), "OK")
    check(await client.dbsize(), 0)
    await other.close()
    await client.close()


async def main():
    for protocol in (ProtocolVersion.RESP2, ProtocolVersion.RESP3):
        await talk(protocol)
    print(f"valkey-glide {version('valkey-glide')}: checked {checks}")


asyncio.run(main())
