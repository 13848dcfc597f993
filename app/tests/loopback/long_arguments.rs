//! Long arguments: replies that repeat them, values that replace long ones, patterns.

use crate::harness::{World, multibulk};
use crate::value::Value;

fn status(text: &str) -> Value {
    Value::Status(text.into())
}

#[test]
fn echo_and_ping_answer_with_any_argument() {
    let mut world = World::with("", 16_384);
    let mut client = world.connect();
    for length in [32_768, 32_769, 65_536, 1_048_577, 5_000_000] {
        let message: Vec<u8> = (0..253).cycle().take(length).collect();
        for name in [&b"ECHO"[..], b"PING"] {
            let reply = world.request(&mut client, &[name, &message]);
            assert!(reply == Value::Bulk(message.clone()), "{length}");
        }
        world.send(&mut client, b"CLIENT REPLY SKIP\r\n");
        world.send(&mut client, &multibulk(&[b"ECHO", &message]));
        assert_eq!(world.ok(&mut client, "PING"), status("PONG"));
    }
    // The replies of a transaction are collected.
    world.ok(&mut client, "MULTI");
    world.request(&mut client, &[b"ECHO", &[b'x'; 2_000_000]]);
    let replies = world.ok(&mut client, "EXEC");
    let Value::Error(error) = &replies.items()[0] else { panic!("{replies:?}") };
    assert!(error.starts_with("LIMIT reply exceeds 1048576 bytes"), "{error}");
}

#[test]
fn a_client_that_reads_no_echo_does_not_occupy_the_server() {
    let mut world = World::with("", 16_384);
    let (mut client, mut slow) = (world.connect(), world.connect());
    let message = vec![b'x'; 2_000_000];
    let request = multibulk(&[b"ECHO", &message]);
    let mut sent = 0;
    while sent < request.len() {
        sent += world.push(&slow, &request[sent..]);
        world.step();
    }
    world.pass(1);
    let turns = world.stall(5);
    assert!(turns < 2_000, "{turns} turns in 5 s");
    assert_eq!(world.ok(&mut client, "PING"), status("PONG"));
    assert!(world.reply(&mut slow) == Value::Bulk(message));
}

#[test]
fn patterns_have_a_length_and_a_cost() {
    let mut world = World::new();
    let mut client = world.connect();
    let long = vec![b'*'; 1025];
    let too_long = "ERR a pattern of 1025 bytes exceeds 1024";
    for words in [
        &[&b"CONFIG"[..], b"GET", &long][..],
        &[b"CONFIG", b"GET", b"save", &long],
        &[b"COMMAND", b"LIST", b"FILTERBY", b"PATTERN", &long],
    ] {
        assert_eq!(world.request(&mut client, words), Value::Error(too_long.into()));
    }
    // Each pattern is compared with each name, repeatedly behind its star.
    let costly =
        [b"*".repeat(2), b"[".to_vec(), b"abcdefghij".repeat(100), b"]z".to_vec()].concat();
    let words: Vec<&[u8]> =
        [&b"CONFIG"[..], b"GET"].into_iter().chain((0..1000).map(|_| &costly[..])).collect();
    let reply = world.request(&mut client, &words);
    let expected = "LIMIT search exceeds 1048576 comparisons, use fewer patterns";
    assert_eq!(reply, Value::Error(expected.into()));
    let pair = world.request(&mut client, &[b"CONFIG", b"GET", b"sav?", b"none*"]);
    assert_eq!(pair.items().len(), 2);
}

#[test]
fn a_set_that_answers_with_the_old_value_counts_a_lookup() {
    let mut world = World::with("", 16_384);
    let mut client = world.connect();
    let large = vec![b'x'; 200_000];
    let lookups = |world: &mut World, client: &mut crate::harness::Client| {
        let info = world.ok(client, "INFO stats").text();
        let number = |name: &str| -> u64 {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().parse().unwrap()
        };
        (number("keyspace_hits:"), number("keyspace_misses:"))
    };
    world.ok(&mut client, "CONFIG RESETSTAT");
    assert_eq!(world.ok(&mut client, "SET k a GET"), Value::Null);
    assert_eq!(world.ok(&mut client, "GETSET k b").text(), "a");
    assert_eq!(lookups(&mut world, &mut client), (1, 1));
    // Old and new values that do not fit into the output or the input.
    for (old, hits) in [(b"b".to_vec(), 2), (large.clone(), 3), (large.clone(), 4)] {
        let reply = world.request(&mut client, &[b"SET", b"k", &large, b"GET"]);
        assert!(reply == Value::Bulk(old), "{hits} hits");
        assert_eq!(lookups(&mut world, &mut client), (hits, 1));
    }
    assert!(world.ok(&mut client, "GETSET k c") == Value::Bulk(large));
    assert_eq!(lookups(&mut world, &mut client), (5, 1));
    let reply = world.request(&mut client, &[b"SET", b"l", &[b'x'; 200_000], b"GET"]);
    assert_eq!(reply, Value::Null);
    assert_eq!(lookups(&mut world, &mut client), (5, 2));
}

/// The value is written in pieces of at most 1 MiB, one per turn.
#[test]
fn a_long_first_value_is_complete() {
    let mut world = World::with("", 16_384);
    let (mut client, mut other) = (world.connect(), world.connect());
    let value: Vec<u8> = (0..249).cycle().take(6_000_000).collect();
    for words in [&[&b"APPEND"[..], b"a", &value][..], &[b"SETRANGE", b"s", b"0", &value]] {
        world.send(&mut client, &multibulk(words));
        world.wait("the end of the request", |world| world.socket(&client).send_queue() == 0);
        let mut turns = 0;
        while world.received(&mut client) == 0 {
            world.step();
            turns += 1;
        }
        let pieces = value.len().div_ceil(1 << 20);
        // The first piece of each kind may be served while the last bytes arrive.
        assert!(turns + 2 >= 2 * pieces, "{turns} turns, {pieces} pieces of zeros and of bytes");
        assert_eq!(world.reply(&mut client).integer(), 6_000_000);
        assert!(world.request(&mut other, &[b"GET", words[1]]) == Value::Bulk(value.clone()));
        assert_eq!(world.request(&mut client, &[b"APPEND", words[1], b"z"]).integer(), 6_000_001);
    }
    world.check(&mut client);
}

/// The old value that a long `SET` answers with may be growing when the options of the `SET` come.
#[test]
fn a_long_set_waits_for_the_old_value_while_that_grows() {
    let mut world = World::with("output=16777216", 16_384);
    let (mut client, mut other) = (world.connect(), world.connect());
    world.ok(&mut other, "SET k hello");
    let large = vec![b'x'; 200_000];
    let request = multibulk(&[b"SET", b"k", &large, b"GET"]);
    let (front, options) = request.split_at(request.len() - b"\r\n$3\r\nGET\r\n".len());
    world.send(&mut client, front);
    world.settle();
    world.send(&mut other, b"SETRANGE k 8388607 !\r\n");
    world.step();
    world.step();
    world.send(&mut client, options);
    world.step();
    world.step();
    assert_eq!(world.received(&mut other), 0, "8 MiB grow in more turns");
    let old = world.reply(&mut client).bytes().to_vec();
    assert_eq!((old.len(), &old[..5], old.last()), (8 << 20, &b"hello"[..], Some(&b'!')));
    assert_eq!(world.reply(&mut other).integer(), 8 << 20);
    assert!(world.ok(&mut client, "GET k") == Value::Bulk(large));
    world.check(&mut client);
}
