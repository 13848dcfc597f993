//! `MGET`, `MSET` and `MSETNX` of more keys and bytes than one turn serves.

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

fn key(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// Returns a value whose bytes depend on its key. The value of every hundredth key is so long that `GET` streams it.
fn value(number: usize, salt: u8) -> Vec<u8> {
    let length = if number % 100 == 7 { 40_000 } else { number % 50 };
    (0..251).cycle().take(length).map(|byte: u8| byte ^ salt).collect()
}

fn set_request(name: &[u8], numbers: std::ops::Range<usize>, salt: u8) -> Vec<u8> {
    let pairs: Vec<_> = numbers.flat_map(|number| [key(number), value(number, salt)]).collect();
    let words: Vec<&[u8]> = std::iter::once(name).chain(pairs.iter().map(Vec::as_slice)).collect();
    multibulk(&words)
}

fn get_request(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let keys: Vec<_> = numbers.map(key).collect();
    let words: Vec<&[u8]> =
        std::iter::once(&b"MGET"[..]).chain(keys.iter().map(Vec::as_slice)).collect();
    multibulk(&words)
}

fn ask(world: &mut World, client: &mut Client, request: &[u8]) -> Value {
    world.send(client, request);
    world.reply(client)
}

fn values(numbers: std::ops::Range<usize>, salt: u8) -> Value {
    Value::Array(numbers.map(|number| Value::Bulk(value(number, salt))).collect())
}

fn ok() -> Value {
    Value::Status("OK".into())
}

#[test]
fn all_keys_are_set_and_read() {
    let mut world = World::with("", 16_384);
    let (mut client, mut other) = (world.connect(), world.connect());
    for salt in [1, 2] {
        assert_eq!(ask(&mut world, &mut client, &set_request(b"MSET", 0..3000, salt)), ok());
        let got = ask(&mut world, &mut other, &get_request(0..3000));
        assert!(got == values(0..3000, salt), "salt {salt}");
    }
    let mut expected = vec![Value::Null; 1500];
    let Value::Array(some) = values(2990..3000, 2) else { unreachable!() };
    expected[..10].clone_from_slice(&some);
    assert!(ask(&mut world, &mut client, &get_request(2990..4490)) == Value::Array(expected));
    // The reply to the next request follows all values.
    world.send(&mut client, &get_request(0..3000));
    world.send(&mut client, b"PING\r\n");
    assert!(world.reply(&mut client) == values(0..3000, 2));
    assert_eq!(world.reply(&mut client), Value::Status("PONG".into()));
    world.check(&mut client);
}

#[test]
fn few_keys_with_large_values_are_set_and_read() {
    let mut world = World::with("", 16_384);
    let mut client = world.connect();
    let large = [vec![b'a'; 3_000_000], vec![b'b'; 1_048_577], Vec::new()];
    let words: [&[u8]; 9] =
        [b"MSET", b"x", &large[0], b"y", &large[1], b"x", &large[1], b"z", &large[2]];
    // The last value of a key counts; then old values of megabytes are replaced.
    for _ in 0..2 {
        assert_eq!(world.request(&mut client, &words), ok());
        let got = world.request(&mut client, &[b"MGET", b"x", b"none", b"y", b"z"]);
        let bulk = |at: usize| Value::Bulk(large[at].clone());
        assert!(got == Value::Array(vec![bulk(1), Value::Null, bulk(1), bulk(2)]));
    }
    assert_eq!(world.ok(&mut client, "DBSIZE").integer(), 3);
    world.ok(&mut client, "CLIENT REPLY ON");
    world.send(&mut client, b"CLIENT REPLY SKIP\r\nMGET x y z x y\r\nPING\r\n");
    assert_eq!(world.reply(&mut client), Value::Status("PONG".into()));
}

#[test]
fn a_transaction_reads_many_values_or_refuses_all() {
    let mut world = World::with("", 16_384);
    let mut client = world.connect();
    ask(&mut world, &mut client, &set_request(b"MSET", 0..3000, 3));
    for (range, fits) in [(0..2000, true), (0..3000, false)] {
        world.ok(&mut client, "MULTI");
        ask(&mut world, &mut client, &get_request(range.clone()));
        ask(&mut world, &mut client, &set_request(b"MSET", 5000..6000, 4));
        ask(&mut world, &mut client, &get_request(5000..5010));
        let replies = world.ok(&mut client, "EXEC");
        let replies = replies.items();
        match fits {
            true => assert!(replies[0] == values(range, 3)),
            false => assert_eq!(
                replies[0],
                Value::Error("LIMIT reply exceeds 1048576 bytes, use GET".into())
            ),
        }
        assert_eq!(replies[1], ok());
        assert!(replies[2] == values(5000..5010, 4));
        assert_eq!(replies.len(), 3);
    }
}

#[test]
fn a_reader_that_is_slow_keeps_no_turn_busy() {
    let mut world = World::with("", 16_384);
    let (mut client, mut slow) = (world.connect(), world.connect());
    ask(&mut world, &mut client, &set_request(b"MSET", 0..3000, 5));
    world.push(&slow, &get_request(0..3000));
    world.pass(1);
    let turns = world.stall(5);
    assert!(turns < 2_000, "{turns} turns in 5 s");
    // Keys that are being read can be replaced; each value is an old or a new one.
    assert_eq!(ask(&mut world, &mut client, &set_request(b"MSET", 0..3000, 6)), ok());
    let Value::Array(items) = world.reply(&mut slow) else { panic!("no array") };
    assert_eq!(items.len(), 3000);
    for (number, item) in items.iter().enumerate() {
        let is_known = [5, 6].iter().any(|salt| *item == Value::Bulk(value(number, *salt)));
        assert!(is_known, "key {number}");
    }
    world.check(&mut client);
}

#[test]
fn a_value_that_cannot_be_read_is_an_error_in_its_place() {
    let mut world = World::with("", 16_384);
    let mut client = world.connect();
    ask(&mut world, &mut client, &set_request(b"MSET", 0..1500, 5));
    world.ok(&mut client, "VPROT @key:1 none");
    let Value::Array(items) = ask(&mut world, &mut client, &get_request(0..1500)) else {
        panic!("no array")
    };
    let Value::Error(error) = &items[1] else { panic!("{:?}", items[1]) };
    assert!(error.starts_with("FAULT"), "{error}");
    assert!(items[2..] == values(2..1500, 5).items()[..]);
}

#[test]
fn no_other_client_sees_some_of_the_keys() {
    let mut world = World::with("", 16_384);
    let (mut client, mut other) = (world.connect(), world.connect());
    ask(&mut world, &mut client, &set_request(b"MSET", 0..3000, 1));
    world.send(&mut client, &set_request(b"MSET", 0..3000, 2));
    let mut looks = 0;
    loop {
        let first = world.request(&mut other, &[b"GET", b"key:1"]);
        let last = world.request(&mut other, &[b"MGET", b"key:2999", b"key:1"]);
        looks += 1;
        assert!(looks < 100_000, "the keys are never set");
        let Value::Array(last) = last else { panic!("no array") };
        let salts: Vec<_> = [(1, &first), (2999, &last[0]), (1, &last[1])]
            .into_iter()
            .map(|(number, got)| {
                [1, 2].into_iter().find(|salt| *got == Value::Bulk(value(number, *salt)))
            })
            .collect();
        assert_eq!(salts[1], salts[2], "after {looks} looks");
        assert!(salts[0] <= salts[1], "after {looks} looks");
        if salts[0] == Some(2) {
            break;
        }
    }
    assert_eq!(world.reply(&mut client), ok());
}

/// Returns the counts of an audit without the number of flushes.
fn used(world: &mut World, client: &mut Client) -> String {
    let text = world.check(client);
    text.split(" generation=").next().unwrap_or_default().to_owned()
}

#[test]
fn after_a_failure_no_key_has_changed() {
    let mut world = World::with("names=2000 quota.named=16777216", 24_000);
    let (mut client, mut other) = (world.connect(), world.connect());
    ask(&mut world, &mut client, &set_request(b"MSET", 0..1500, 1));
    world.purge(&mut client);
    let before = used(&mut world, &mut client);
    let oom = Value::Error("OOM command not allowed when used memory > 'maxmemory'.".into());
    let long = [b'x'; 600];
    let large = vec![b'x'; 2_000_000];
    let mut refused: Vec<(Vec<u8>, Value)> = vec![
        (set_request(b"MSET", 1000..2600, 2), oom.clone()),
        (set_request(b"MSETNX", 1499..2400, 2), Value::Integer(0)),
        (
            multibulk(&[b"MSET", b"key:1", &large, &long, b"v"]),
            Value::Error("ERR a key of 600 bytes exceeds 512".into()),
        ),
        (
            multibulk(&[b"MSET", b"key:1", &large, b"key:2"]),
            Value::Error("ERR wrong number of arguments for 'mset' command".into()),
        ),
    ];
    let beyond: Vec<&[u8]> = std::iter::once(&b"MSET"[..])
        .chain((0..10).flat_map(|_| [&b"key:3"[..], &large[..]]))
        .collect();
    refused.push((multibulk(&beyond), oom.clone()));
    for (number, (request, reply)) in refused.into_iter().enumerate() {
        assert_eq!(ask(&mut world, &mut client, &request), reply, "request {number}");
        assert!(ask(&mut world, &mut other, &get_request(0..1500)) == values(0..1500, 1));
        world.settle();
        world.purge(&mut client);
        assert_eq!(used(&mut world, &mut client), before, "request {number}");
    }
    // The regions of the allocated values are freed.
    world.ok(&mut client, "VINJECT region 700");
    let request = set_request(b"MSET", 0..1400, 2);
    assert_eq!(ask(&mut world, &mut client, &request), oom);
    assert!(ask(&mut world, &mut other, &get_request(0..1500)) == values(0..1500, 1));
    world.settle();
    world.purge(&mut client);
    assert_eq!(used(&mut world, &mut client), before);
    assert_eq!(ask(&mut world, &mut client, &request), ok());
    assert_eq!(
        ask(&mut world, &mut client, &set_request(b"MSETNX", 3000..3500, 2)),
        Value::Integer(1)
    );
}

/// The connection may end during any pass of the request over its arguments.
#[test]
fn a_client_that_disconnects_leaves_all_keys_or_no_key() {
    let kinds: [fn(&mut World, &Client, &mut Client); 2] = [
        |world, client, _| world.reset(client),
        |world, _, other| assert_eq!(world.ok(other, "CLIENT KILL TYPE normal").integer(), 1),
    ];
    for end in kinds {
        let mut outcomes = [0; 2];
        for steps in (1..65).step_by(7) {
            let salt = outcome_of_an_end(steps, end);
            outcomes[usize::from(salt - 1)] += 1;
        }
        assert!(!outcomes.contains(&0), "{outcomes:?} times no key and all keys");
    }
}

/// Ends a connection a number of steps after its request was sent. Returns the salt of all values then.
fn outcome_of_an_end(steps: usize, end: fn(&mut World, &Client, &mut Client)) -> u8 {
    let mut world = World::with("", 16_384);
    let (client, mut other) = (world.connect(), world.connect());
    ask(&mut world, &mut other, &set_request(b"MSET", 0..3000, 1));
    world.purge(&mut other);
    let before = used(&mut world, &mut other);
    let request = set_request(b"MSET", 0..3000, 2);
    let mut sent = 0;
    while sent < request.len() {
        sent += world.push(&client, &request[sent..]);
        world.step();
    }
    for _ in 0..steps {
        world.step();
    }
    end(&mut world, &client, &mut other);
    world.settle();
    let got = ask(&mut world, &mut other, &get_request(0..3000));
    let salt = [1, 2].into_iter().find(|salt| got == values(0..3000, *salt));
    let salt = salt.unwrap_or_else(|| panic!("only some keys are set after {steps} steps"));
    world.settle();
    world.purge(&mut other);
    assert_eq!(used(&mut world, &mut other), before, "after {steps} steps");
    salt
}
