//! Tests of `CLIENT REPLY`: the selected mode must apply to all code paths that answer a request.

use runtime_config::ports;

use crate::harness::{World, multibulk};
use crate::value::Value;

const PING: &[u8] = b"PING\r\n";
const ON: &[u8] = b"CLIENT REPLY ON\r\n";
const OFF: &[u8] = b"CLIENT REPLY OFF\r\n";
const SKIP: &[u8] = b"CLIENT REPLY SKIP\r\n";

/// A request that is answered by a certain code path of the server.
struct Kind {
    name: &'static str,
    /// Requests that are sent before the tested one, and get replies.
    setup: &'static [&'static str],
    request: Vec<u8>,
    /// The beginning of the reply to the tested request, or `None` if it gets no reply.
    reply: Option<&'static str>,
    /// Whether the connection ends after the request.
    ends: bool,
}

fn kind(
    name: &'static str,
    setup: &'static [&'static str],
    arguments: &[&[u8]],
    reply: &'static str,
) -> Kind {
    Kind { name, setup, request: multibulk(arguments), reply: Some(reply), ends: false }
}

fn end(name: &'static str, request: &[u8], reply: &'static str) -> Kind {
    Kind { name, setup: &[], request: request.to_vec(), reply: Some(reply), ends: true }
}

/// One request for each code path that answers requests.
fn kinds() -> Vec<Kind> {
    let large = vec![b'x'; 100_000];
    vec![
        kind("small", &[], &[b"ECHO", b"a"], "$1\r\na\r\n"),
        kind("unknown", &[], &[b"NOSUCH"], "-ERR unknown command"),
        kind("arity", &[], &[b"GET"], "-ERR wrong number of arguments"),
        kind("null", &[], &[b"GET", b"none"], "$-1\r\n"),
        kind("other version", &[], &[b"HELLO", b"3"], "%7\r\n"),
        kind("streamed SET", &[], &[b"SET", b"k", &large], "+OK\r\n"),
        kind(
            "streamed VWRITE",
            &["VMALLOC 200K NAME r"],
            &[b"VWRITE", b"@r", b"0", &large],
            ":100000\r\n",
        ),
        kind(
            "stream beyond the end",
            &["VMALLOC 4K NAME r"],
            &[b"VWRITE", b"@r", b"0", &large],
            "-RANGE ",
        ),
        kind("stream to no region", &[], &[b"VWRITE", b"@none", b"0", &large], "-NOENT "),
        kind("large argument", &[], &[b"ECHO", &large, b"more"], "-"),
        kind("buffer of its own", &["VMALLOC 8M NAME r"], &[b"VPTE", b"@r"], "*2048\r\n"),
        kind(
            "streamed reply",
            &["VMALLOC 500K NAME r"],
            &[b"VREAD", b"@r", b"0", b"500K"],
            "$512000\r\n",
        ),
        kind(
            "reply over the limit",
            &["VMALLOC 17M NAME r"],
            &[b"VREAD", b"@r", b"0", b"17M"],
            "-LIMIT ",
        ),
        kind(
            "slices",
            &["VMALLOC 8M NAME r"],
            &[b"VFILL", b"@r", b"0", b"8M", b"7"],
            ":8388608\r\n",
        ),
        kind("sliced zeroing", &[], &[b"VMALLOC", b"8M"], "*3\r\n"),
        kind("batch", &[], &[b"VMALLOCN", b"100", b"4096"], "*100\r\n"),
        kind("failed batch", &[], &[b"VMALLOCN", b"1000", b"64K"], "-NOMEM "),
        kind("sliced growth", &["VMALLOC 1M NAME r"], &[b"VREALLOC", b"@r", b"8M"], "*4\r\n"),
        kind("retried", &["SET r 1"], &[b"SETRANGE", b"r", b"8000000", b"e"], ":8000001\r\n"),
        kind("refused again", &["SET r 1"], &[b"SETRANGE", b"r", b"40000000", b"e"], "-"),
        kind("large free", &["VMALLOC 20M NAME r"], &[b"VFREE", b"@r"], ":1\r\n"),
        kind("purge", &[], &[b"VPURGE", b"SYNC"], "*3\r\n"),
        kind("audit", &[], &[b"VCHECK"], "+OK areas="),
        end("QUIT", b"QUIT\r\n", "+OK\r\n"),
        end("expected '$'", b"*1\r\nX\r\n", "-ERR Protocol error: expected '$', got 'X'\r\n"),
        end("bulk length", b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        end(
            "multibulk length",
            b"*9999999999\r\n",
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        end("quotes", b"ECHO \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        Kind { ends: true, reply: None, ..end("HTTP", b"POST / HTTP/1.1\r\n", "") },
    ]
}

/// The requests before the tested one, their replies, and whether the tested request gets a reply.
fn modes() -> Vec<(Vec<u8>, &'static str, bool)> {
    vec![
        (vec![], "", true),
        (ON.to_vec(), "+OK\r\n", true),
        (SKIP.to_vec(), "", false),
        (OFF.to_vec(), "", false),
        ([SKIP, SKIP].concat(), "", false),
        ([OFF, SKIP].concat(), "", false),
        ([SKIP, OFF].concat(), "", false),
        ([OFF, SKIP, PING].concat(), "", false),
        ([SKIP, PING].concat(), "", true),
        ([OFF, ON].concat(), "+OK\r\n", true),
        ([SKIP, ON].concat(), "+OK\r\n", true),
        ([OFF, SKIP, ON].concat(), "+OK\r\n", true),
    ]
}

/// Removes the text from the front of the received bytes.
fn strip(received: &mut Vec<u8>, text: &str, case: &str) {
    assert!(received.starts_with(text.as_bytes()), "{case}: {}", received.escape_ascii());
    received.drain(..text.len());
}

/// Tests one path in one mode.
fn run(world: &mut World, kind: &Kind, mode: &(Vec<u8>, &'static str, bool), during_audit: bool) {
    let (before, replies, is_wanted) = mode;
    let case = format!("{} after {:?}", kind.name, String::from_utf8_lossy(before));
    let mut client = world.connect();
    let mut auditor = world.connect();
    for line in kind.setup {
        world.ok(&mut client, line);
    }
    if during_audit {
        world.send(&mut auditor, b"VCHECK\r\n");
        world.wait("the audit", |world| world.is_away());
    }
    // The reply to PING proves that the mode has ended, and the reply to ON that the connection is still open.
    world.send(&mut client, &[before, &kind.request, PING, ON, PING].concat());
    if during_audit {
        world.reply(&mut auditor);
        // A deferred request may need an AP in its turn.
        (0..300).for_each(|_| world.step());
    }
    let mut received = world.raw(&mut client);
    strip(&mut received, replies, &case);
    if let Some(reply) = kind.reply.filter(|_| *is_wanted) {
        assert!(received.starts_with(reply.as_bytes()), "{case}: {}", received.escape_ascii());
        // `HELLO` answers with a map, which the reader supports.
        let (_, length) = Value::read(&received).unwrap();
        received.drain(..length);
    }
    if kind.ends {
        assert!(world.is_closed(&client), "{case}: open");
    } else {
        let is_off = !is_wanted && before.windows(OFF.len()).any(|words| words == OFF);
        let ping = if is_off { "" } else { "+PONG\r\n" };
        strip(&mut received, &format!("{ping}+OK\r\n+PONG\r\n"), &case);
    }
    assert!(received.is_empty(), "{case}: and {}", received.escape_ascii());
    world.close(&client);
    for line in ["DEL k r", "VPURGE SYNC"] {
        world.ok(&mut auditor, line);
    }
    world.close(&auditor);
    world.settle();
}

fn run_all(mut world: World, during_audit: bool) {
    for kind in kinds() {
        for mode in modes() {
            run(&mut world, &kind, &mode, during_audit);
        }
    }
}

#[test]
fn every_mode_with_every_kind_of_request() {
    run_all(World::with("", 8192), false);
}

#[test]
fn every_mode_with_work_for_other_cpus() {
    run_all(World::with_helpers("", 8192, 1, 5), false);
}

#[test]
fn every_mode_with_requests_put_off_by_an_audit() {
    run_all(World::with_helpers("", 8192, 1, 60), true);
}

/// The replies are those of Redis 7.0.
#[test]
fn sequences_of_redis() {
    let cases: [(&[&[u8]], &str); 14] = [
        (&[SKIP, b"\r\n", PING, PING], "+PONG\r\n+PONG\r\n"),
        (&[SKIP, b"*0\r\n", PING, PING], "+PONG\r\n+PONG\r\n"),
        (&[SKIP, b"*-1\r\n", PING, PING], "+PONG\r\n+PONG\r\n"),
        (&[SKIP, SKIP, PING, PING], "+PONG\r\n"),
        (&[SKIP, OFF, PING, ON], "+OK\r\n"),
        (&[SKIP, ON, PING], "+OK\r\n+PONG\r\n"),
        (&[SKIP, b"CLIENT REPLY maybe\r\n", PING], "+PONG\r\n"),
        (&[OFF, b"CLIENT REPLY maybe\r\n", ON], "+OK\r\n"),
        (&[OFF, b"RESET\r\n", PING], "+RESET\r\n+PONG\r\n"),
        (&[SKIP, b"RESET\r\n", PING], "+PONG\r\n"),
        (&[OFF, SKIP, b"RESET\r\n", PING], "+RESET\r\n+PONG\r\n"),
        (&[OFF, SKIP, PING, ON, PING], "+OK\r\n+PONG\r\n"),
        (&[OFF, b"HELLO 3\r\n", ON, b"GET none\r\n"], "+OK\r\n_\r\n"),
        (&[ON, PING], "+OK\r\n+PONG\r\n"),
    ];
    let mut world = World::new();
    for (requests, expected) in cases {
        let requests = requests.concat();
        let mut client = world.connect();
        world.send(&mut client, &requests);
        let received = String::from_utf8(world.raw(&mut client)).unwrap();
        assert_eq!(received, expected, "{}", requests.escape_ascii());
        world.close(&client);
    }
}

#[test]
fn a_reply_in_a_larger_buffer_speaks_the_version_of_its_connection() {
    let mut world = World::new();
    let mut client = world.connect();
    world.request(&mut client, &[b"SET", b"k", &[b'v'; 70_000]]);
    for (version, end) in [(2, &b"v\r\n$-1\r\n"[..]), (3, b"v\r\n_\r\n")] {
        world.ok(&mut client, &format!("HELLO {version}"));
        world.send(&mut client, b"MGET k none\r\n");
        assert!(world.raw(&mut client).ends_with(end), "version {version}");
    }
    assert_eq!(world.counter(&mut client, "replies_spilled"), 2);
}

#[test]
fn a_suppressed_reply_takes_no_buffer_and_its_call_is_counted_once() {
    let mut world = World::new();
    let (mut client, mut witness) = (world.connect(), world.connect());
    world.ok(&mut client, "VMALLOC 8M NAME r");
    world.send(&mut client, &[OFF, b"VPTE @r\r\n", ON].concat());
    assert_eq!(world.raw(&mut client), b"+OK\r\n");
    assert_eq!(world.counter(&mut witness, "replies_spilled"), 0);
    world.ok(&mut client, "VPTE @r");
    assert_eq!(world.counter(&mut witness, "replies_spilled"), 1);
    let mut reader = world.connect_to(ports::HTTP);
    world.send(&mut reader, b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let metrics = String::from_utf8(world.raw(&mut reader)).unwrap();
    let line = metrics.lines().find(|line| line.contains("cmd=\"VPTE\",result=\"ok\""));
    assert_eq!(line.and_then(|line| line.rsplit(' ').next()), Some("2"), "{line:?}");
}
