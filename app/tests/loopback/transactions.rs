//! `MULTI`, `EXEC`, `DISCARD` and `WATCH`: the replies of Redis 7.0.15, byte for byte, and the view of other clients.

use runtime_config::limits;

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

const ABORT: &str = "-EXECABORT Transaction discarded because of previous errors.\r\n";

/// Sends all lines in one packet, and returns the replies.
fn say(world: &mut World, client: &mut Client, lines: &[&str]) -> String {
    let text: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
    world.send(client, text.as_bytes());
    String::from_utf8_lossy(&world.raw(client)).into_owned()
}

/// Returns the bytes of a bulk string.
fn length(value: &Value) -> usize {
    match value {
        Value::Bulk(bytes) => bytes.len(),
        other => panic!("{other:?} is no bulk string"),
    }
}

#[test]
fn conversations_of_redis() {
    let arity = |name| format!("-ERR wrong number of arguments for '{name}' command\r\n");
    let (ok, queued, pong) = ("+OK\r\n", "+QUEUED\r\n", "+PONG\r\n");
    let one = |reply: &str| format!("{ok}{queued}*1\r\n{reply}");
    let no_exec = "-ERR EXEC without MULTI\r\n";
    let cases: Vec<(&[&str], String)> = vec![
        (&["EXEC"], no_exec.into()),
        (&["DISCARD"], "-ERR DISCARD without MULTI\r\n".into()),
        (&["MULTI", "MULTI", "EXEC"], format!("{ok}-ERR MULTI calls can not be nested\r\n*0\r\n")),
        (&["MULTI", "PING", "EXEC"], one(pong)),
        (&["MULTI", "DISCARD", "EXEC"], format!("{ok}{ok}{no_exec}")),
        (&["MULTI", "NOSUCH", "PING", "EXEC", "PING"], format!("{ok}-ERR unknown command 'NOSUCH', with args beginning with: \r\n{queued}{ABORT}{pong}")),
        (&["MULTI", "GET", "EXEC"], format!("{ok}{}{ABORT}", arity("get"))),
        (&["MULTI", "WATCH a", "PING", "EXEC"], format!("{ok}-ERR WATCH inside MULTI is not allowed\r\n{queued}*1\r\n{pong}")),
        (&["MULTI", "UNWATCH", "EXEC"], one(ok)),
        (&["WATCH"], arity("watch")),
        (&["UNWATCH"], ok.into()),
        (&["WATCH a", "SET a 1", "MULTI", "PING", "EXEC", "MULTI", "PING", "EXEC"], format!("{ok}{ok}{ok}{queued}*-1\r\n{}", one(pong))),
        (&["WATCH a b", "MULTI", "SET a 2", "EXEC"], format!("{ok}{}", one(ok))),
        (&["WATCH z", "SET z 1", "UNWATCH", "MULTI", "PING", "EXEC"], format!("{ok}{ok}{ok}{}", one(pong))),
        (&["WATCH y", "DEL y", "MULTI", "PING", "EXEC"], format!("{ok}:0\r\n{}", one(pong))),
        (&["WATCH a", "MULTI", "DISCARD", "SET a 5", "MULTI", "PING", "EXEC"], format!("{ok}{ok}{ok}{ok}{}", one(pong))),
        (&["MULTI", "RESET", "EXEC"], format!("{ok}+RESET\r\n{no_exec}")),
        (&["MULTI", "QUIT"], format!("{ok}{ok}")),
        (&["MULTI", "SET k 1", "SELECT 0", "GET k", "EXEC"], format!("{ok}{queued}{queued}{queued}*3\r\n{ok}{ok}$1\r\n1\r\n")),
        (&["MULTI", "GET k", "ECHO \"x"], format!("{ok}{queued}-ERR Protocol error: unbalanced quotes in request\r\n")),
        (&["MULTI", "EXEC x", "EXEC"], format!("{ok}-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n{no_exec}")),
        (&["MULTI", "MULTI x", "EXEC"], format!("{ok}{}{ABORT}", arity("multi"))),
        (&["MULTI", "DISCARD x", "EXEC"], format!("{ok}{}{ABORT}", arity("discard"))),
        (&["EXEC 1"], "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n".into()),
        (&["MULTI", "CLIENT ID x", "EXEC"], format!("{ok}{}{ABORT}", arity("client|id"))),
        (&["MULTI", "CONFIG NOPE", "EXEC"], format!("{ok}-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n{ABORT}")),
        (&["MULTI", "", "PING", "EXEC"], one(pong)),
        (&["MULTI", "SETRANGE k -1 x", "PING", "EXEC"], format!("{ok}{queued}{queued}*2\r\n-ERR offset is out of range\r\n{pong}")),
        (&["WATCH a", "GET a", "STRLEN a", "MULTI", "PING", "EXEC"], format!("{ok}$1\r\n5\r\n:1\r\n{}", one(pong))),
        (&["WATCH a", "EXPIRE a 100", "MULTI", "PING", "EXEC"], format!("{ok}:1\r\n{ok}{queued}*-1\r\n")),
        (&["SET p 1 EX 100", "WATCH p", "PERSIST p", "MULTI", "PING", "EXEC"], format!("{ok}{ok}:1\r\n{ok}{queued}*-1\r\n")),
        (&["SET q 1", "WATCH q", "SET q 2 NX", "MULTI", "PING", "EXEC"], format!("{ok}{ok}$-1\r\n{}", one(pong))),
        (&["WATCH a", "RESET", "SET a 9", "MULTI", "PING", "EXEC"], format!("{ok}+RESET\r\n{ok}{}", one(pong))),
        (&["MULTI", "CLIENT REPLY x", "CLIENT REPLY ON", "EXEC"], format!("{ok}{queued}{queued}*2\r\n-ERR syntax error\r\n{ok}")),
        (&["WATCH a", "MULTI", "MULTI", "SET a 1", "EXEC"], format!("{ok}{ok}-ERR MULTI calls can not be nested\r\n{queued}*1\r\n{ok}")),
        (&["MULTI", "CLIENT REPLY SKIP", "PING", "EXEC", "PING", "PING"], format!("{ok}{queued}{queued}*2\r\n{pong}{pong}")),
        (&["MULTI", "PING", "CLIENT REPLY OFF", "PING", "EXEC", "PING", "CLIENT REPLY ON"], format!("{ok}{queued}{queued}{queued}*3\r\n{pong}{ok}")),
        (&["CLIENT REPLY OFF", "MULTI", "PING", "CLIENT REPLY ON", "PING", "EXEC", "PING"], format!("{ok}{pong}{pong}")),
        (&["CLIENT REPLY SKIP", "MULTI", "PING", "EXEC"], format!("{queued}*1\r\n{pong}")),
    ];
    let mut world = World::new();
    for (lines, expected) in cases {
        let mut client = world.connect();
        let text = say(&mut world, &mut client, lines);
        assert_eq!(text, expected, "{lines:?}");
        world.close(&client);
    }
    let mut client = world.connect();
    let text = say(
        &mut world,
        &mut client,
        &["HELLO 3", "WATCH w", "SET w 1", "MULTI", "GET w", "EXEC", "MULTI", "GET none", "EXEC"],
    );
    assert!(
        text.ends_with("+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n_\r\n+OK\r\n+QUEUED\r\n*1\r\n_\r\n"),
        "{text}"
    );
}

#[test]
fn a_password_comes_first() {
    let mut world = World::with("requirepass=x", 4096);
    let mut client = world.connect();
    let text = say(&mut world, &mut client, &["MULTI", "EXEC"]);
    assert_eq!(
        text,
        "-NOAUTH Authentication required.\r\n-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n"
    );
    let text = say(
        &mut world,
        &mut client,
        &["AUTH x", "MULTI", "AUTH x", "GET a", "EXEC", "MULTI", "RESET", "GET a"],
    );
    assert_eq!(
        text,
        "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n+OK\r\n+RESET\r\n-NOAUTH Authentication required.\r\n"
    );
}

#[test]
fn every_change_of_a_watched_key_is_seen() {
    for helpers in [0, 1] {
        let mut world = match helpers {
            0 => World::with("", 16_384),
            _ => World::with_helpers("", 16_384, 1, 30),
        };
        see_every_change(&mut world);
    }
}

fn see_every_change(world: &mut World) {
    let (mut client, mut other) = (world.connect(), world.connect());
    let large = "x".repeat(100_000);
    for (change, is_change) in [
        ("SET k 2", true),
        ("DEL k", true),
        ("APPEND k x", true),
        ("APPEND k ", true),
        ("SETRANGE k 0 ", false),
        ("VREALLOC @k 4M", true),
        ("SETRANGE k 0 x", true),
        ("VWRITE @k 0 x", true),
        ("VFILL @k 0 1 7", true),
        ("VREALLOC @k 8K", true),
        ("VFREE @k", true),
        ("VMALLOC 4K NAME k REPLACE", true),
        ("VLEASE @k 100000", true),
        ("EXPIRE k 0", true),
        (&format!("SET k {large}"), true),
        ("GET k", false),
        ("SET j 1", false),
        ("VREAD @k 0 1", false),
        ("VWRITE @k 0 too-long", false),
    ] {
        world.ok(&mut client, "SET k 1");
        world.ok(&mut client, "WATCH k");
        world.ask(&mut other, change);
        world.ok(&mut client, "MULTI");
        world.ok(&mut client, "PING");
        let expected =
            if is_change { Value::Null } else { Value::Array(vec![Value::Status("PONG".into())]) };
        assert_eq!(world.ok(&mut client, "EXEC"), expected, "{change:.30}");
    }
    // The key expires while it is watched, which counts as a change.
    world.ok(&mut client, "SET k 1 PX 1500");
    world.ok(&mut client, "WATCH k");
    world.pass(2);
    world.ok(&mut client, "MULTI");
    assert_eq!(world.ok(&mut client, "EXEC"), Value::Null);
    // When a connection ends, its watches end, too. They do not affect the next connection.
    world.ok(&mut other, "WATCH k");
    world.close(&other);
    world.settle();
    world.ok(&mut client, "SET k 2");
    let mut next = world.connect();
    world.ok(&mut next, "MULTI");
    assert_eq!(world.ok(&mut next, "EXEC"), Value::Array(vec![]));
}

#[test]
fn a_refused_watch_adds_no_key() {
    let mut world = World::new();
    let (mut client, mut other) = (world.connect(), world.connect());
    let limit = limits::WATCHES;
    for (changed, expected) in [("last", Value::Array(vec![])), ("k0", Value::Null)] {
        for start in (0..limit - 1).step_by(1000) {
            let keys = start..(start + 1000).min(limit - 1);
            let keys: String = keys.map(|key| format!(" k{key}")).collect();
            world.ok(&mut client, &format!("WATCH{keys}"));
        }
        let error = world.error(&mut client, "WATCH k0 last beyond");
        assert_eq!(error, format!("LIMIT watched keys all {limit} taken"));
        // The refused `WATCH` has added no key, so another client can still watch one key.
        world.ok(&mut other, "WATCH one");
        world.ok(&mut other, &format!("SET {changed} 1"));
        world.ok(&mut client, "MULTI");
        assert_eq!(world.ok(&mut client, "EXEC"), expected, "{changed} was set");
        world.ok(&mut other, "UNWATCH");
    }
}

#[test]
fn a_transaction_is_atomic_for_other_clients() {
    for helpers in [0, 1] {
        let mut world = match helpers {
            0 => World::with("", 16_384),
            _ => World::with_helpers("", 16_384, 1, 30),
        };
        let (mut client, mut other) = (world.connect(), world.connect());
        let lines = [
            "MULTI",
            "SET a 1",
            "VMALLOC 8M NAME big",
            "VFILL @big 0 8M 7",
            "VSUM @big",
            "VREALLOC @big 12M",
            "SETRANGE s 5000000 x",
            "VMALLOCN 1000 4096",
            "VFREEALL",
            "SET b 1",
            "EXEC",
        ];
        let text: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
        world.send(&mut client, text.as_bytes());
        (0..8).for_each(|_| world.step());
        // During the transaction, other clients get replies, but commands on keys are delayed until its end.
        assert_eq!(world.ok(&mut other, "PING").text(), "PONG");
        let seen = world.ok(&mut other, "EXISTS a b big s").integer();
        assert_eq!(seen, 4, "{helpers} helpers");
        for _ in 0..10 {
            world.reply(&mut client);
        }
        let replies = world.reply(&mut client);
        assert_eq!(replies.items().len(), 9, "{replies:?}");
        assert_eq!(replies.items()[6].items().len(), 1000);
        assert_eq!(replies.items()[7], Value::Integer(1000));
        world.check(&mut other);
    }
}

#[test]
fn a_reply_that_does_not_fit_is_an_error_of_its_own() {
    let mut world = World::with("", 16_384);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4M NAME r");
    let mut lines = vec!["MULTI"];
    lines.extend(["VREAD @r 0 900K"; 3]);
    lines.extend(["VREAD @r 0 2M", "SET k v", "VREAD @r 0 40K", "GET k"]);
    lines.extend(["PING"; 200]);
    lines.push("EXEC");
    let text: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
    world.send(&mut client, text.as_bytes());
    for _ in 0..lines.len() - 1 {
        world.reply(&mut client);
    }
    let replies = world.reply(&mut client);
    let items = replies.items();
    assert_eq!(items.len(), 207);
    assert_eq!(length(&items[0]), 900 << 10);
    for large in &items[1..4] {
        assert!(matches!(large, Value::Error(text) if text.starts_with("LIMIT ")), "{large:?}");
    }
    assert_eq!(items[4], Value::Status("OK".into()));
    assert_eq!(length(&items[5]), 40 << 10);
    assert_eq!(items[6], Value::Bulk(b"v".to_vec()));
    assert!(items[7..].iter().all(|item| *item == Value::Status("PONG".into())));
    assert_eq!(world.ok(&mut client, "PING").text(), "PONG");
    world.check(&mut client);
}

#[test]
fn a_growth_under_way_ends_during_a_transaction() {
    let mut world = World::with("", 16_384);
    let (mut client, mut other) = (world.connect(), world.connect());
    world.ok(&mut client, "SET k v");
    world.send(&mut other, b"VREALLOC @k 32M\r\n");
    (0..6).for_each(|_| world.step());
    assert_eq!(world.received(&mut other), 0, "32 MiB are zeroed in many turns");
    let text = say(&mut world, &mut client, &["MULTI", "STRLEN k", "EXEC"]);
    assert_eq!(text, "+OK\r\n+QUEUED\r\n*1\r\n:33554432\r\n");
    assert_eq!(world.reply(&mut other).items().len(), 4);
    world.check(&mut client);
}

#[test]
fn the_client_list_tells_of_transactions() {
    let mut world = World::new();
    let (mut client, mut other) = (world.connect(), world.connect());
    let mut line = |world: &mut World| {
        let lines = world.ok(&mut other, "CLIENT LIST").text();
        lines.lines().next().unwrap().to_owned()
    };
    assert!(line(&mut world).contains(" flags=N ") && line(&mut world).contains(" multi=-1 "));
    world.ok(&mut client, "WATCH k");
    for request in ["MULTI", "PING", "SET k v"] {
        world.ok(&mut client, request);
    }
    assert!(line(&mut world).contains(" flags=x ") && line(&mut world).contains(" multi=2 "));
    assert!(!line(&mut world).contains(" multi-mem=0 "));
    world.ok(&mut client, "DISCARD");
    world.ok(&mut client, "WATCH k");
    world.ok(&mut client, "SET k v");
    assert!(line(&mut world).contains(" flags=d ") && line(&mut world).contains(" multi=-1 "));
    world.ok(&mut client, "MULTI");
    assert!(line(&mut world).contains(" flags=xd ") && line(&mut world).contains(" multi=0 "));
    assert!(line(&mut world).contains(" multi-mem=0 "), "the buffer was given back");
    assert_eq!(world.ok(&mut client, "EXEC"), Value::Null);
    assert!(line(&mut world).contains(" flags=N "));
}

#[test]
fn a_queue_has_a_limit() {
    // Large requests and queues may have 4 MiB.
    let mut world = World::with("", 4096);
    let (mut client, mut other) = (world.connect(), world.connect());
    world.ok(&mut client, "MULTI");
    let value = vec![b'x'; 600_000];
    let mut refused = 0;
    for _ in 0..8 {
        match world.request(&mut client, &[b"SET", b"k", &value]) {
            Value::Error(text) => {
                assert!(text.starts_with("OOM requests under way hold "), "{text}");
                refused += 1;
            }
            other => assert_eq!(other, Value::Status("QUEUED".into())),
        }
    }
    assert!(refused > 0);
    let aborted = world.error(&mut client, "EXEC");
    assert_eq!(aborted, "EXECABORT Transaction discarded because of previous errors.");
    // All memory is freed.
    world.settle();
    world.ok(&mut other, "MULTI");
    let queued = world.request(&mut other, &[b"SET", b"k", &value]);
    assert_eq!(queued, Value::Status("QUEUED".into()));
    assert_eq!(world.ok(&mut other, "EXEC"), Value::Array(vec![Value::Status("OK".into())]));
    assert_eq!(world.ok(&mut client, "STRLEN k").integer(), 600_000);
    world.check(&mut client);
}

/// The connection ends while its transaction runs. All requests of the transaction must still be executed.
#[test]
fn a_transaction_is_completed_when_its_connection_ends() {
    let bytes = b"MULTI\r\nSET a 1\r\nVMALLOC 16M NAME big\r\nVFILL @big 0 16M 1\r\nSET b 1\r\nEXEC\r\nSET c 1\r\n";
    for is_killed in [false, true] {
        let mut world = World::with("", 16_384);
        let (mut client, mut other) = (world.connect(), world.connect());
        let number = world.ok(&mut client, "CLIENT ID").integer();
        world.send(&mut client, bytes);
        (0..8).for_each(|_| world.step());
        world.received(&mut client);
        let received = world.take(&mut client, usize::MAX);
        assert!(received.ends_with(b"QUEUED\r\n*4\r\n+OK\r\n"), "EXEC has begun and not ended");
        match is_killed {
            true => {
                assert_eq!(world.ok(&mut other, &format!("CLIENT KILL ID {number}")).integer(), 1)
            }
            false => world.reset(&client),
        }
        let keys = world.ok(&mut other, "EXISTS a big b c").integer();
        assert_eq!(keys, 3, "the request behind EXEC is not served");
        assert_eq!(world.ok(&mut other, "GETRANGE big 16777215 -1").text(), "\u{1}");
        world.settle();
        assert!(world.ok(&mut other, "CLIENT LIST").text().lines().count() == 1);
        world.check(&mut other);
    }
}

/// The replies of Redis 7.0.15.
#[test]
fn a_transaction_that_ends_its_own_connection_is_completed() {
    let mut world = World::new();
    let (mut client, mut other) = (world.connect(), world.connect());
    let number = world.ok(&mut client, "CLIENT ID").integer();
    let kill = format!("CLIENT KILL ID {number} SKIPME no");
    world.send(
        &mut client,
        format!("MULTI\r\nSET a 1\r\n{kill}\r\nSET b 1\r\nEXEC\r\nSET c 1\r\n").as_bytes(),
    );
    world.wait("the end", |world| {
        world.received(&mut client);
        world.is_closed(&client)
    });
    let queued = "+QUEUED\r\n".repeat(3);
    let text = format!("+OK\r\n{queued}*3\r\n+OK\r\n:1\r\n");
    assert_eq!(world.take(&mut client, usize::MAX), text.as_bytes());
    assert_eq!(world.ok(&mut other, "EXISTS a b c").integer(), 2);
    world.ok(&mut other, "MULTI");
    assert_eq!(world.ok(&mut other, "EXEC"), Value::Array(vec![]));
    world.check(&mut other);
}

#[test]
fn a_connection_that_ends_before_its_exec_changes_no_key() {
    let mut world = World::with("", 16_384);
    let (mut other, mut third) = (world.connect(), world.connect());
    world.ok(&mut other, "MULTI");
    world.send(&mut other, &multibulk(&[b"SET", b"a", b"2"]));
    world.reply(&mut other);
    world.close(&other);
    assert_eq!(world.ok(&mut third, "EXISTS a").integer(), 0);
    world.check(&mut third);
}

/// The words of a browser end the connection also if they were queued.
#[test]
fn http_inside_a_transaction_ends_the_connection() {
    let mut world = World::new();
    let mut client = world.connect();
    let replies = say(&mut world, &mut client, &["MULTI", "POST / HTTP/1.1"]);
    assert_eq!(replies, "+OK\r\n+QUEUED\r\n");
    world.send(&mut client, b"EXEC\r\nVMALLOC 4096 NAME evil\r\n");
    world.wait("the end of the connection", |world| world.is_closed(&client));
    let mut other = world.connect();
    assert_eq!(world.ok(&mut other, "EXISTS evil"), Value::Integer(0));
}
