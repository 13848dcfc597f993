"""The image by redis-py, in both versions of the protocol. Every line checks a value.

    python redis_py.py PORT

The last line is `checked N`; an assertion that fails ends it with code 1.
"""

import sys
import warnings
import zlib

import redis

PORT = int(sys.argv[1])
CLIENTS = 40
MIB = 1 << 20
EVERY_BYTE = bytes(range(256))

checks = 0


def check(actual, expected):
    """Compares two values: True is not 1, and bytes are not text."""
    global checks
    assert type(actual) is type(expected) and actual == expected, (actual, expected)
    checks += 1


def holds(condition, what):
    """Checks a condition, for results with several correct values."""
    global checks
    assert condition, what
    checks += 1


def fails(word, call):
    """Expects an error that begins with a word; redis-py removes `ERR`."""
    try:
        value = call()
    except redis.ResponseError as error:
        check(str(error).split()[0], word)
        check(type(error), redis.ResponseError)
    else:
        raise AssertionError(f"{word} was expected, not {value!r}")


def connection(r, protocol):
    check(r.ping(), True)
    check(r.echo("hello"), b"hello")
    check(r.select(0), True)
    fails("DB", lambda: r.select(1))
    hello = r.execute_command("HELLO", protocol)
    if protocol == 2:
        hello = dict(zip(hello[::2], hello[1::2]))
    check(hello[b"server"], b"vmalloc")
    check(hello[b"proto"], protocol)
    number = r.client_id()
    check(hello[b"id"], number)
    check(r.client_setname("me"), True)
    holds(r.client_getname() in ("me", b"me"), r.client_getname())
    me = r.client_info()
    check((me["id"], me["name"], me["cmd"]), (number, "me", "client|info"))
    check(me["resp"], str(protocol))
    mine = [client for client in r.client_list() if client["id"] == str(number)]
    check([client["name"] for client in mine], ["me"])
    other = redis.Redis(port=PORT, protocol=protocol, single_connection_client=True)
    victim = other.client_id()
    holds(victim > number, victim)
    check(r.client_kill_filter(_id=str(victim)), 1)
    check(r.client_kill_filter(_id=str(victim)), 0)
    # redis-py detects the closed connection and reconnects.
    check(other.ping(), True)
    holds(other.client_id() > victim, "the same connection")
    other.close()


def keys(r):
    check(r.set("k", "hello"), True)
    check(r.get("k"), b"hello")
    check(r.get("none"), None)
    check(r.getrange("k", 1, 3), b"ell")
    check(r.getrange("k", -3, -1), b"llo")
    check(r.getrange("none", 0, -1), b"")
    check(r.setrange("k", 8, "x"), 9)
    check(r.get("k"), b"hello\0\0\0x")
    check(r.append("k", "!"), 10)
    check(r.strlen("k"), 10)
    check(r.strlen("none"), 0)
    check(r.exists("k", "none", "k"), 2)
    check(r.mset({"k": "hello", "l": ""}), True)
    check(r.mget("k", "none", "l"), [b"hello", None, b""])
    check(r.set("k", "new", get=True), b"hello")
    check(r.getdel("l"), b"")
    check(r.type("k"), b"string")
    check(r.type("none"), b"none")
    check(r.set("k", "other", nx=True), None)
    check(r.set("none", "other", xx=True), None)
    check(r.set("k", EVERY_BYTE), True)
    check(r.get("k"), EVERY_BYTE)
    holds(r.memory_usage("k") >= 4096, r.memory_usage("k"))
    check(r.memory_usage("none"), None)
    check(r.dbsize(), 1)
    check(r.delete("k", "none"), 1)
    check(r.delete("k"), 0)
    check(r.set("k", "hello"), True)
    check(r.unlink("k"), 1)
    check(r.exists("k"), 0)


def expiry(r):
    check(r.set("k", "hello", ex=1000), True)
    holds(0 < r.ttl("k") <= 1000, r.ttl("k"))
    holds(0 < r.pttl("k") <= 1_000_000, r.pttl("k"))
    check(r.set("k", "other", keepttl=True), True)
    holds(0 < r.ttl("k") <= 1000, r.ttl("k"))
    check(r.persist("k"), True)
    check(r.persist("k"), False)
    check(r.ttl("k"), -1)
    check(r.expire("k", 1000), True)
    check(r.pexpire("k", 1_000_000), True)
    holds(0 < r.pttl("k") <= 1_000_000, r.pttl("k"))
    check(r.expire("none", 1000), False)
    check(r.ttl("none"), -2)
    # A time in the past.
    check(r.expire("k", -1), True)
    check(r.get("k"), None)


def pipelines(r):
    pipe = r.pipeline(transaction=False)
    for number in range(1000):
        pipe.set(f"p:{number}", number)
    check(pipe.execute(), [True] * 1000)
    for number in range(1000):
        pipe.get(f"p:{number}")
    check(pipe.execute(), [str(number).encode() for number in range(1000)])
    found = list(r.scan_iter("p:*", count=7))
    check(len(found), 1000)
    check(set(found), {f"p:{number}".encode() for number in range(1000)})
    check(set(r.scan_iter("p:99?")), {f"p:99{digit}".encode() for digit in range(10)})
    check(list(r.scan_iter("p:*", _type="hash")), [])
    pipe.get("p:7").execute_command("NOSUCH").delete("p:7")
    first, error, last = pipe.execute(raise_on_error=False)
    check((first, last), (b"7", 1))
    check(type(error), redis.ResponseError)
    holds(str(error).startswith("unknown command 'NOSUCH'"), error)
    check(r.delete(*(f"p:{number}" for number in range(1000))), 999)


def transactions(r, protocol):
    # The default pipeline is a transaction.
    pipe = r.pipeline()
    pipe.set("t", 1).append("t", 2).get("t").mget("t", "none")
    check(pipe.execute(), [True, 2, b"12", [b"12", None]])
    pipe.set("t", 3).execute_command("NOSUCH")
    fails("Command", pipe.execute)
    check(r.get("t"), b"12")
    pipe.set("t", 3).execute_command("SET", "t", "4", "EX", "0").get("t")
    first, error, last = pipe.execute(raise_on_error=False)
    check((first, last), (True, b"3"))
    check(type(error), redis.ResponseError)
    other = redis.Redis(port=PORT, protocol=protocol)
    with r.pipeline() as pipe:
        pipe.watch("t")
        check(pipe.get("t"), b"3")
        check(other.set("t", 9), True)
        pipe.multi()
        pipe.set("t", 4)
        try:
            pipe.execute()
        except redis.WatchError:
            check(other.get("t"), b"9")
    with r.pipeline() as pipe:
        pipe.watch("t")
        pipe.multi()
        pipe.getdel("t")
        check(pipe.execute(), [b"9"])
    other.close()


def fields(reply):
    """Converts a map, which RESP2 sends as alternating names and values."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))


def regions(protocol):
    # Regions without a name belong to one connection.
    r = redis.Redis(port=PORT, protocol=protocol, single_connection_client=True)
    ask = r.execute_command
    number, address, size = ask("VMALLOC", 10000, "ALIGN", "64K", "NAME", "a")
    holds(int(address, 16) % 65536 == 0, address)
    check(size, 12288)
    check(ask("VWRITE", "@a", 100, EVERY_BYTE), 256)
    check(ask("VREAD", number, 100, 256), EVERY_BYTE)
    check(ask("VREAD", "@a", 9998, 2), b"\0\0")
    fails("RANGE", lambda: ask("VREAD", "@a", 9999, 2))
    again, _, size, how = ask("VREALLOC", "@a", "1M")
    check((again, size), (number, MIB))
    holds(how in (b"grown", b"moved"), how)
    check(ask("VREAD", "@a", 100, 256), EVERY_BYTE)
    info = ask("VINFO", "@a")
    check(type(info), list if protocol == 2 else dict)
    info = fields(info)
    check((info[b"id"], info[b"name"], info[b"pages"]), (number, b"a", 256))
    check((info[b"prot"], info[b"N0"]), (b"rw", 256))
    check(ask("VPROT", "@a", "ro"), b"OK")
    fails("FAULT", lambda: ask("VWRITE", "@a", 0, "x"))
    before = fields(ask("VSTATS"))
    ids = ask("VMALLOCN", 100, "8K")
    check(len(set(ids)), 100)
    after = fields(ask("VSTATS"))
    check(after[b"allocations"] - before[b"allocations"], 100)
    stranger = redis.Redis(port=PORT, protocol=protocol)
    fails("PERM", lambda: stranger.execute_command("VREAD", ids[0], 0, 1))
    check(stranger.execute_command("VREAD", "@a", 100, 2), b"\0\1")
    stranger.close()
    check(ask("VFREE", *ids[:40]), 40)
    check(ask("VFREEALL"), 60)
    check(ask("VFREE", "@a"), 1)
    check(ask("VFREE", number), 0)
    fails("NOENT", lambda: ask("VFREE", "STRICT", number))
    fails("TOOBIG", lambda: ask("VMALLOC", "1T"))
    fails("INVAL", lambda: ask("VMALLOC", 0))
    fails("unknown", lambda: ask("NOSUCH"))
    fails("wrong", lambda: ask("VFREE"))
    # Two such regions exceed the guest's memory, one does not.
    ask("VMALLOC", "300M", "NAME", "most")
    fails("NOMEM", lambda: ask("VMALLOC", "300M"))
    check(ask("VMALLOC", "300M", "SOFT"), None)
    check(ask("VFREE", "@most"), 1)
    cursor, rows = ask("VLIST", "COUNT", 1)
    holds(int(cursor, 16) > int(rows[0][2], 16), cursor)
    check((len(rows), rows[0][1]), (1, b"heap"))
    holds(ask("VCHECK").startswith(b"OK areas=0 "), "the audit")
    r.close()


def reports(r, protocol):
    info = r.info()
    check((info["redis_version"], info["loading"]), ("7.0.15", 0))
    check((info["blocked_clients"], info["aof_rewrite_in_progress"]), (0, 0))
    holds(info["connected_clients"] >= 1 and info["used_memory"] > 0, info)
    holds(set(r.info("clients")) >= {"connected_clients", "maxclients", "blocked_clients"}, info)
    check(r.set("k", "hello", ex=1000), True)
    check(r.info("keyspace")["db0"]["keys"], 1)
    check(r.delete("k"), 1)
    check(r.info("keyspace"), {})
    config = r.config_get("*")
    check((config["save"], config["appendonly"]), ("", "no"))
    check(int(config["clients"]), info["maxclients"])
    check(r.config_get("save", "append*"), {"save": "", "appendonly": "no"})
    fails("CONFIG", lambda: r.config_set("save", "60 1"))
    check(r.config_resetstat(), True)
    # Only RESETSTAT and INFO themselves may count.
    holds(r.info("stats")["total_commands_processed"] <= 2, "the counters stay")
    # Subcommands are in the list as well.
    names = [name.decode() for name in r.command_list() if b"|" not in name]
    check(r.command_count(), len(names))
    commands = r.command()
    check(sorted(commands), sorted(names))
    check((commands["get"]["arity"], commands["vfree"]["arity"]), (2, -2))
    docs = fields(r.execute_command("COMMAND DOCS"))
    check(sorted(docs), sorted(name.encode() for name in names))
    vprot = fields(docs[b"vprot"])
    check(vprot[b"group"], b"region")
    arguments = [fields(argument)[b"display_text"] for argument in vprot[b"arguments"]]
    check(arguments, [b"r", b"ro|rw|rx|none"])
    check(type(docs[b"vprot"]), list if protocol == 2 else dict)


def large(r):
    words = (zlib.crc32(number.to_bytes(4, "big")) for number in range(MIB // 4))
    noise = b"".join(word.to_bytes(4, "big") for word in words)
    check(r.set("large", noise), True)
    holds(r.get("large") == noise, "a value of a MiB has changed")
    check(r.append("large", "x"), MIB + 1)
    holds(r.get("large") == noise + b"x", "a value of more than a MiB has changed")
    holds(r.getrange("large", 1, MIB) == noise[1:] + b"x", "a part has changed")
    pipe = r.pipeline(transaction=False)
    for number in range(8):
        pipe.set(f"large:{number}", noise[number:])
    for number in range(8):
        pipe.get(f"large:{number}")
    replies = pipe.execute()
    check(replies[:8], [True] * 8)
    holds(all(replies[8 + number] == noise[number:] for number in range(8)), "a value has changed")
    check(r.delete("large", *(f"large:{number}" for number in range(8))), 9)


def pools(protocol):
    pool = redis.ConnectionPool(port=PORT, protocol=protocol, max_connections=CLIENTS)
    connections = [pool.get_connection() for _ in range(CLIENTS)]
    # All clients wait for their replies at the same time.
    for number, one in enumerate(connections):
        one.send_command("SET", f"c:{number}", number)
    for one in connections:
        check(one.read_response(), b"OK")
        pool.release(one)
    r = redis.Redis(connection_pool=pool)
    holds(r.info("clients")["connected_clients"] > CLIENTS, "they were closed")
    check(r.dbsize(), CLIENTS)
    check(r.delete(*(f"c:{number}" for number in range(CLIENTS))), CLIENTS)
    pool.disconnect()


def text(protocol):
    r = redis.Redis(port=PORT, protocol=protocol, decode_responses=True)
    check(r.set("k", "grüße"), True)
    check(r.get("k"), "grüße")
    check(r.strlen("k"), 7)
    check(r.type("k"), "string")
    check(fields(r.execute_command("VINFO", "@k"))["name"], "k")
    check(r.delete("k"), 1)
    r.close()


def main():
    # Deprecation warnings of redis-py are not findings about the image, but would hide one.
    warnings.simplefilter("error")
    for protocol in (2, 3):
        r = redis.Redis(port=PORT, protocol=protocol, single_connection_client=True)
        connection(r, protocol)
        keys(r)
        expiry(r)
        pipelines(r)
        transactions(r, protocol)
        regions(protocol)
        reports(r, protocol)
        large(r)
        pools(protocol)
        text(protocol)
        check(r.dbsize(), 0)
        r.close()
    print(f"redis-py {redis.__version__}: checked {checks}")


main()
