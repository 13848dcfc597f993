//! Tests of requests that do not fit into the input buffer of a connection and get a larger one.

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

/// Number of frames of the machine. Buffers of large requests may use a quarter of them, which is 32 MiB.
const FRAMES: u64 = 32_768;

fn keys(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("key:{number}").into_bytes()).collect()
}

fn with_keys(command: &[u8], keys: &[Vec<u8>]) -> Vec<u8> {
    let arguments: Vec<&[u8]> =
        core::iter::once(command).chain(keys.iter().map(Vec::as_slice)).collect();
    multibulk(&arguments)
}

/// Checks that no memory of a large request is still allocated.
fn is_clean(world: &mut World, client: &mut Client) {
    world.settle();
    assert_eq!(world.ok(client, "PING").text(), "PONG");
    world.check(client);
}

#[test]
fn hundreds_of_thousands_of_arguments_are_answered() {
    let mut world = World::with("", FRAMES);
    let (mut client, mut other) = (world.connect(), world.connect());
    let keys = keys(300_000);
    for key in keys.iter().step_by(1000) {
        world.request(&mut client, &[b"SET", key, b"v"]);
    }
    for (command, found) in [(&b"EXISTS"[..], 300), (b"DEL", 300), (b"UNLINK", 0)] {
        world.send(&mut client, &with_keys(command, &keys));
        // Other clients get replies while the large request arrives.
        let mut served = 0;
        while world.received(&mut client) == 0 {
            assert_eq!(world.ok(&mut other, "PING").text(), "PONG");
            served += 1;
        }
        assert!(served > 100, "{served} PINGs while 300,000 keys were looked at");
        assert_eq!(world.reply(&mut client), Value::Integer(found));
    }
    is_clean(&mut world, &mut client);
}

#[test]
fn thousands_of_regions_are_freed_all_or_not_at_all() {
    let mut world = World::with("", FRAMES);
    let (mut client, mut other) = (world.connect(), world.connect());
    let mut ids = Vec::new();
    for _ in 0..5 {
        let made = world.ok(&mut client, "VMALLOCN 1000 4096");
        ids.extend(made.items().iter().map(|id| id.integer().to_string().into_bytes()));
    }
    let foreign = world.ok(&mut other, "VMALLOC 1").items()[0].integer().to_string().into_bytes();
    ids.push(foreign);
    let refused = world.request(
        &mut client,
        &core::iter::once(&b"VFREE"[..]).chain(ids.iter().map(Vec::as_slice)).collect::<Vec<_>>(),
    );
    assert!(matches!(refused, Value::Error(text) if text.starts_with("PERM ")));
    ids.pop();
    world.send(&mut client, &with_keys(b"VFREE", &ids));
    assert_eq!(world.reply(&mut client), Value::Integer(5000));
    is_clean(&mut world, &mut client);
}

#[test]
fn values_of_megabytes_go_through_every_command() {
    let mut world = World::with("", FRAMES);
    let mut client = world.connect();
    let value =
        |bytes: usize| (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>();
    let (small, large) = (value(100_000), value(5 << 20));
    assert_eq!(world.request(&mut client, &[b"ECHO", &small]), Value::Bulk(small.clone()));
    let ok = Value::Status("OK".into());
    assert_eq!(world.request(&mut client, &[b"SET", b"k", &small, b"EX", b"60"]), ok);
    assert_eq!(world.ok(&mut client, "TTL k").integer(), 60);
    assert_eq!(world.request(&mut client, &[b"APPEND", b"k", &large]).integer(), 5_342_880);
    assert_eq!(world.request(&mut client, &[b"APPEND", b"k", &small]).integer(), 5_442_880);
    assert_eq!(world.request(&mut client, &[b"SETRANGE", b"k", b"9", &large]).integer(), 5_442_880);
    for (range, bytes) in [
        ("0 8", &small[..9]),
        ("9 1000", &large[..992]),
        ("5242888 5242888", &large[large.len() - 1..]),
        ("5342880 -1", &small),
    ] {
        let read = world.ok(&mut client, &format!("GETRANGE k {range}"));
        assert!(read == Value::Bulk(bytes.to_vec()), "{range}");
    }
    assert_eq!(world.request(&mut client, &[b"APPEND", b"new", &large]).integer(), 5 << 20);
    is_clean(&mut world, &mut client);
}

/// A long write is executed in several turns. If the name gets another region during the write, the whole value must be
/// in the new region, or none of it.
#[test]
fn a_write_of_megabytes_is_not_split_between_two_regions() {
    let (old, piece) = (vec![b'o'; 4 << 20], vec![b'p'; 3 << 20]);
    for words in [&[&b"APPEND"[..], b"k", &piece][..], &[b"SETRANGE", b"k", b"1", &piece]] {
        let mut during = 0;
        for steps in 0..16 {
            let mut world = World::with("", FRAMES);
            let (mut writer, mut other) = (world.connect(), world.connect());
            assert_eq!(world.request(&mut other, &[b"SET", b"k", &old]).text(), "OK");
            world.send(&mut writer, &multibulk(words));
            (0..steps).for_each(|_| world.step());
            during += usize::from(world.received(&mut writer) == 0);
            world.ok(&mut other, "VMALLOC 1 NAME k REPLACE");
            world.reply(&mut writer).integer();
            let length = world.ok(&mut other, "STRLEN k").integer();
            assert!([1, 1 + piece.len() as u64].contains(&length), "{length}, {steps} steps");
            let read = world.ok(&mut other, "GETRANGE k 1 9");
            let expected = if length == 1 { &b""[..] } else { b"ppppppppp" };
            assert_eq!(read, Value::Bulk(expected.to_vec()), "{steps} steps");
        }
        assert!(during > 0, "no region came during the write");
    }
}

/// The options of a request, the reply if the request arrives whole, the reply if it arrives in two pieces with a cut
/// in front of the options, and the number of keys afterwards.
type OptionCase<'a> = (&'a [&'a [u8]], [&'static str; 2], u64);

#[test]
fn options_behind_a_streamed_value() {
    let mut world = World::with("", FRAMES);
    let mut client = world.connect();
    let value = vec![b'v'; 1 << 20];
    let text = |value: Value| format!("{value:?}");
    let (syntax, number) = ("-ERR syntax error", "-ERR value is not an integer or out of range");
    let cases: [OptionCase<'_>; 9] = [
        (&[b"XX"], ["null"; 2], 0),
        (&[b"NX", b"PX", b"100000"], ["+OK", "null"], 1),
        (&[b"NX"], ["null"; 2], 1),
        (&[b"XX", b"KEEPTTL"], ["+OK"; 2], 1),
        (&[b"EX", b"100", b"NX", b"XX"], [syntax; 2], 1),
        (&[b"EX"], [syntax; 2], 1),
        (&[b"EX", b"ten"], [number; 2], 1),
        (&[&[b'x'; 200_000]], [syntax; 2], 1),
        (&[b"EX", b"100"], ["+OK"; 2], 1),
    ];
    for (options, replies, keys) in cases {
        let arguments = [&[&b"SET"[..], b"k", &value], options].concat();
        for (cut, expected) in [0, (1 << 20) + 40].into_iter().zip(replies) {
            let request = multibulk(&arguments);
            world.send(&mut client, &request[..cut]);
            (0..20).for_each(|_| world.step());
            world.send(&mut client, &request[cut..]);
            let reply = text(world.reply(&mut client));
            assert_eq!(reply, expected, "{options:?} after {cut} bytes");
            assert_eq!(world.ok(&mut client, "DBSIZE").integer(), keys, "{options:?}");
            let areas = world.check(&mut client);
            assert!(areas.starts_with(&format!("OK areas={keys} ")), "{areas}");
        }
    }
    let lots: Vec<&[u8]> = [&[&b"SET"[..], b"k", &value][..], &[&b"NX"[..]; 100]].concat();
    let reply = world.request(&mut client, &lots);
    assert_eq!(reply, Value::Null, "the key is there");
    is_clean(&mut world, &mut client);
}

#[test]
fn a_limit_is_a_reply() {
    // Large requests may have 4 MiB.
    let mut world = World::with("args=100000", 4096);
    let mut client = world.connect();
    let large = vec![b'x'; 5 << 20];
    // The bytes up to the end of the argument are known before the argument arrives.
    let limit = "LIMIT request of at least 5242904 bytes exceeds 4193280";
    let behind = "LIMIT request of at least 5242911 bytes exceeds 4193280";
    let cases: [(Vec<u8>, &str); 6] = [
        (multibulk(&[b"ECHO", &large]), limit),
        (multibulk(&[b"ECHO", b"a", &large, b"b"]), behind),
        (with_keys(b"DEL", &keys(90_000)), ""),
        (with_keys(b"DEL", &keys(100_000)), "LIMIT request of 100001 arguments exceeds 100000"),
        (with_keys(b"VLIST", &keys(2000)), "LIMIT request of 2001 arguments exceeds 1024"),
        (
            with_keys(b"NOSUCH", &keys(2000)),
            "ERR unknown command 'NOSUCH', with args beginning with: ",
        ),
    ];
    for (request, expected) in cases {
        world.send(&mut client, &request);
        let reply = world.reply(&mut client);
        match reply {
            Value::Error(text) if !expected.is_empty() => {
                // The words that were sent follow the error about an unknown command.
                let is_whole = expected.ends_with(' ') || text == expected;
                assert!(is_whole && text.starts_with(expected), "{text}");
            }
            other => assert_eq!((other, expected), (Value::Integer(0), "")),
        }
        is_clean(&mut world, &mut client);
    }
    let wrong = "LIMIT request of 2000 arguments exceeds 1024";
    let words = format!("PING {}\r\n", "a ".repeat(1999));
    world.send(&mut client, words.as_bytes());
    assert_eq!(world.reply(&mut client), Value::Error(wrong.into()));
    is_clean(&mut world, &mut client);
}

#[test]
fn large_requests_share_their_limit() {
    // The requests need 4 MiB together, which is the limit.
    let mut world = World::with("", 4096);
    let (mut one, mut other) = (world.connect(), world.connect());
    let request = multibulk(&[b"ECHO", &vec![b'x'; 3 << 20]]);
    world.send(&mut one, &request[..2_500_000]);
    world.settle();
    let second = multibulk(&[b"ECHO", &vec![b'x'; 3 << 20]]);
    world.send(&mut other, &second);
    let refused = world.reply(&mut other);
    assert!(
        matches!(&refused, Value::Error(text) if text.starts_with("OOM requests under way hold ")),
        "{refused:?}"
    );
    assert_eq!(world.ok(&mut other, "PING").text(), "PONG");
    // The first client disconnects, and its share is released.
    world.close(&one);
    world.settle();
    world.send(&mut other, &second[..]);
    let reply = world.reply(&mut other);
    assert!(reply == Value::Bulk(vec![b'x'; 3 << 20]), "{reply:?}");
    is_clean(&mut world, &mut other);
    one = world.connect();
    assert_eq!(world.ok(&mut one, "PING").text(), "PONG");
}

#[test]
fn requests_behind_a_large_one_keep_their_order() {
    let mut world = World::with("", FRAMES);
    let mut client = world.connect();
    let mut bytes = Vec::new();
    let sizes = [1, 70_000, 66_000, 3, 200_000, 90_000, 10];
    for size in sizes {
        bytes.extend(multibulk(&[b"ECHO", &vec![b'a'; size]]));
        bytes.extend(b"PING\r\n");
        bytes.extend(with_keys(b"EXISTS", &keys(size / 8)));
    }
    world.send(&mut client, &bytes);
    for size in sizes {
        assert!(world.reply(&mut client) == Value::Bulk(vec![b'a'; size]), "{size}");
        assert_eq!(world.reply(&mut client).text(), "PONG");
        let last = world.reply(&mut client);
        match size / 8 {
            0 => assert!(matches!(last, Value::Error(_))),
            _ => assert_eq!(last, Value::Integer(0)),
        }
    }
    is_clean(&mut world, &mut client);
}

#[test]
fn a_large_request_waits_for_an_audit() {
    let mut world = World::with_helpers("", FRAMES, 1, 200);
    let (mut client, mut auditor) = (world.connect(), world.connect());
    world.request(&mut client, &[b"SET", b"key:7", b"v"]);
    world.send(&mut client, &with_keys(b"DEL", &keys(20_000))[..100_000]);
    // Waits until the AP has finished the work before the audit.
    world.settle();
    world.wait("the other CPU", |world| !world.is_away());
    world.send(&mut auditor, b"VCHECK\r\n");
    world.wait("the audit", |world| world.is_away());
    let rest = with_keys(b"DEL", &keys(20_000))[100_000..].to_vec();
    let pushed = world.push(&client, &rest);
    (0..100).for_each(|_| world.step());
    assert!(world.is_away() && world.received(&mut client) == 0);
    let text = world.reply(&mut auditor).text();
    assert!(text.starts_with("OK areas=1 "), "{text}");
    world.send(&mut client, &rest[pushed..]);
    assert_eq!(world.reply(&mut client), Value::Integer(1));
    is_clean(&mut world, &mut auditor);
}

#[test]
fn strangers_send_little() {
    let mut world = World::with("requirepass=secret", 4096);
    for (request, expected) in [
        ("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
        ("*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
        ("*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
    ] {
        let mut client = world.connect();
        world.send(&mut client, request.as_bytes());
        assert_eq!(
            world.raw(&mut client).escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string()
        );
        assert!(world.is_closed(&client), "{request}");
    }
    let mut client = world.connect();
    let large = vec![b'x'; 16_384];
    let noauth = Value::Error("NOAUTH Authentication required.".into());
    assert_eq!(world.request(&mut client, &[b"ECHO", &large]), noauth);
    // Ten such arguments are more than a connection's own buffer.
    let lots = [&b"DEL"[..], &large, &large, &large, &large, &large, &large];
    let request = multibulk(&lots);
    let (begin, rest) = request.split_at(80_000);
    world.send(&mut client, begin);
    assert_eq!(world.reply(&mut client), noauth, "it is not held until its end");
    world.send(&mut client, rest);
    world.ok(&mut client, "AUTH secret");
    assert_eq!(world.request(&mut client, &lots).integer(), 0);
    is_clean(&mut world, &mut client);
}

#[test]
fn strangers_have_little_thrown_away() {
    let mut world = World::with("requirepass=secret", 4096);
    let mut client = world.connect();
    let large = vec![b'x'; 16_384];
    let refused = multibulk(&[b"DEL", &large, &large, &large, &large, &large]);
    // The count says 10, and the argument after the refused ones is too long.
    let refused = [&b"*10"[..], &refused[2..], b"$16385\r\n"].concat();
    world.send(&mut client, &refused);
    let expected = "-NOAUTH Authentication required.\r\n\
                    -ERR Protocol error: unauthenticated bulk length\r\n";
    assert_eq!(String::from_utf8_lossy(&world.raw(&mut client)), expected);
    assert!(world.is_closed(&client));
}
