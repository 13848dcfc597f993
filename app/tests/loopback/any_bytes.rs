//! Keys and names of any bytes, and empty values.

use app::service::Shown;

use crate::harness::{World, multibulk};
use crate::reports;
use crate::value::Value;

const KEY_BYTES_MAX: usize = 512;

/// Keys that are difficult for parsers, terminals, reports or tables.
pub(crate) fn keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = [
        &b""[..],
        b" ",
        b"a b",
        b"@",
        b"@@x",
        b"\"quoted\"",
        b"back\\slash",
        b"\\x00",
        b"\0",
        b"a\0b",
        b"a\r\n+OK\r\n",
        b"\xff\xfe",
        "\u{e4}\u{20ac}".as_bytes(),
        b"</script><img>",
        b"16777217",
        b"client/1",
        b"*",
    ]
    .map(<[u8]>::to_vec)
    .into();
    keys.extend([47, 48, 49, 64, 65, 107, 108, 109, 511, KEY_BYTES_MAX].map(long));
    keys
}

/// Returns a key of a length with a unique end.
fn long(length: usize) -> Vec<u8> {
    let mut key: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
    key[length - 2..].copy_from_slice(&length.to_le_bytes()[..2]);
    key
}

/// Returns a world with a number of APs.
fn world(helpers: u32, frames: u64) -> World {
    match helpers {
        0 => World::with("", frames),
        _ => World::with_helpers("", frames, helpers, 5),
    }
}

fn at(key: &[u8]) -> Vec<u8> {
    [b"@", key].concat()
}

#[test]
fn keys_of_any_bytes_are_keys_for_every_command() {
    let mut world = World::with("names=200", 4096);
    let mut client = world.connect();
    let keys = keys();
    for (key, number) in keys.iter().zip(1..) {
        let value = format!("value {number}");
        let bulk = Value::Bulk(value.clone().into());
        let ok = Value::Status("OK".into());
        for (request, expected) in [
            (vec![&b"EXISTS"[..], key], Value::Integer(0)),
            (vec![b"SET", key, value.as_bytes()], ok.clone()),
            (vec![b"GET", key], bulk.clone()),
            (vec![b"SET", key, b"other", b"NX"], Value::Null),
            (vec![b"STRLEN", key], Value::Integer(value.len() as u64)),
            (vec![b"TYPE", key], Value::Status("string".into())),
            (vec![b"TTL", key], Value::Negative(-1)),
            (vec![b"EXPIRE", key, b"100"], Value::Integer(1)),
            (vec![b"TTL", key], Value::Integer(100)),
            (vec![b"PERSIST", key], Value::Integer(1)),
            (vec![b"APPEND", key, b"!"], Value::Integer(value.len() as u64 + 1)),
            (vec![b"GETRANGE", key, b"-1", b"-1"], Value::Bulk(b"!".to_vec())),
            (vec![b"VREAD", &at(key), b"0", b"5"], Value::Bulk(b"value".to_vec())),
            (vec![b"VWRITE", &at(key), b"0", b"V"], Value::Integer(1)),
            (vec![b"DBSIZE"], Value::Integer(number)),
        ] {
            assert_eq!(world.request(&mut client, &request), expected, "{request:?}");
        }
        let info = world.request(&mut client, &[b"VINFO", &at(key)]);
        assert_eq!(info.field("name"), &Value::Bulk(key.clone()), "raw");
    }

    let found = world.ok(&mut client, "SCAN 0 COUNT 100");
    let mut found: Vec<Vec<u8>> =
        found.items()[1].items().iter().map(|item| item.bytes().to_vec()).collect();
    let mut expected = keys.clone();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "SCAN is raw");

    for (key, number) in keys.iter().zip(1..) {
        let replaced = world.request(&mut client, &[b"VMALLOC", b"1", b"NAME", key, b"REPLACE"]);
        assert!(matches!(replaced, Value::Array(_)), "{replaced:?}");
        let left = keys.len() as u64 - number;
        let request: [&[u8]; 2] =
            if number % 2 == 0 { [b"DEL", key] } else { [b"VFREE", &at(key)] };
        assert_eq!(world.request(&mut client, &request), Value::Integer(1));
        assert_eq!(world.request(&mut client, &[b"GET", key]), Value::Null);
        assert_eq!(world.ok(&mut client, "DBSIZE"), Value::Integer(left));
    }
    assert!(world.check(&mut client).starts_with("OK areas=0 "));
}

#[test]
fn a_key_that_cannot_be_is_a_key_that_is_not() {
    let mut world = World::new();
    let mut client = world.connect();
    let key = [b'k'; KEY_BYTES_MAX + 1];
    for (request, expected) in [
        (vec![&b"GET"[..], &key], Value::Null),
        (vec![b"EXISTS", &key, &key], Value::Integer(0)),
        (vec![b"DEL", &key], Value::Integer(0)),
        (vec![b"TTL", &key], Value::Negative(-2)),
        (vec![b"STRLEN", &key], Value::Integer(0)),
        (vec![b"TYPE", &key], Value::Status("none".into())),
        (vec![b"GETRANGE", &key, b"0", b"-1"], Value::Bulk(Vec::new())),
        (vec![b"EXPIRE", &key, b"1"], Value::Integer(0)),
        (vec![b"SETRANGE", &key, b"0", b""], Value::Integer(0)),
        (vec![b"VFREE", &at(&key)], Value::Integer(0)),
    ] {
        assert_eq!(world.request(&mut client, &request), expected, "{request:?}");
    }
}

#[test]
fn every_report_and_error_shows_any_name_in_one_word() {
    let mut world = World::with("names=200", 4096);
    let mut client = world.connect();
    let keys = keys();
    for key in &keys {
        world.request(&mut client, &[b"SET", key, b"x"]);
    }
    let shown: Vec<String> = keys.iter().map(|key| Shown::of(key).to_string()).collect();

    for line in ["VMALLOCINFO", "VMALLOCINFO EXT"] {
        let text = world.ok(&mut client, line).text();
        for row in text.lines() {
            let row = row.split(" id=").next().unwrap();
            assert!(reports::is_row(row), "{row:?}");
        }
        for shown in &shown {
            assert!(text.contains(&format!(" {shown} pages=1 ")), "{shown} in {text}");
        }
    }
    let rows = world.ok(&mut client, "VLIST STATE busy COUNT 1000");
    let callers: Vec<String> =
        rows.items()[1].items().iter().map(|row| row.items()[1].text()).collect();
    for shown in &shown {
        assert!(callers.contains(shown), "{shown}");
    }

    // An error that repeats a name is one line of printable text.
    for key in &keys {
        for request in [
            vec![&b"VMALLOC"[..], b"1", b"NAME", key],
            vec![b"VREAD", &at(key), b"2", b"2"],
            vec![b"VREAD", &at(&[key, &b"\r\n-x"[..]].concat()), b"2", b"2"],
        ] {
            world.send(&mut client, &multibulk(&request));
            let raw = world.raw(&mut client);
            assert_eq!(raw[0], b'-', "{request:?}");
            let line = raw.strip_suffix(b"\r\n").unwrap();
            assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
        }
    }
}

#[test]
fn long_names_have_a_limit_together() {
    let mut world = World::with("names=16", 1024);
    let mut client = world.connect();
    let (one, two) = (long(KEY_BYTES_MAX), long(KEY_BYTES_MAX - 1));
    let three = long(KEY_BYTES_MAX - 2);
    let ok = Value::Status("OK".into());
    assert_eq!(world.request(&mut client, &[b"SET", &one, b"x"]), ok);
    assert_eq!(world.request(&mut client, &[b"SET", &two, b"x"]), ok);
    let before = world.check(&mut client);
    let refused = world.request(&mut client, &[b"VMALLOC", b"1", b"NAME", &three]);
    assert_eq!(refused, Value::Error("QUOTA bytes of long names all 960 taken".into()));
    let soft = world.request(&mut client, &[b"VMALLOC", b"1", b"NAME", &three, b"SOFT"]);
    assert_eq!(soft, Value::Null);
    assert_eq!(world.check(&mut client), before, "nothing leaks");
    assert_eq!(world.request(&mut client, &[b"SET", &one, b"y"]), ok, "it has its room");
    for number in 0..14 {
        world.ok(&mut client, &format!("SET k:{number} x"));
    }
    assert_eq!(world.request(&mut client, &[b"DEL", &one]), Value::Integer(1));
    assert_eq!(world.request(&mut client, &[b"SET", &three, b"x"]), ok);
    world.check(&mut client);
}

#[test]
fn a_long_name_outlives_its_request() {
    for helpers in [0, 1] {
        let mut world = world(helpers, 8192);
        let mut client = world.connect();
        let (slow, streamed) = (long(KEY_BYTES_MAX), long(KEY_BYTES_MAX - 1));
        let made = world.request(&mut client, &[b"VMALLOC", b"8M", b"NAME", &slow]);
        assert!(matches!(made, Value::Array(_)), "{made:?}");
        let info = world.request(&mut client, &[b"VINFO", &at(&slow)]);
        assert_eq!(info.field("name"), &Value::Bulk(slow));
        let value = vec![b'v'; 200_000];
        world.request(&mut client, &[b"SET", &streamed, &value]);
        assert_eq!(world.request(&mut client, &[b"GET", &streamed]), Value::Bulk(value));
    }
}

#[test]
fn a_value_may_be_empty() {
    let mut world = World::new();
    let mut client = world.connect();
    let (empty, ok) = (Value::Bulk(Vec::new()), Value::Status("OK".into()));
    let number = Value::Integer;
    // The replies of Redis, in order.
    let redis: Vec<(Vec<&[u8]>, Value)> = vec![
        (vec![b"SET", b"k", b""], ok.clone()),
        (vec![b"GET", b"k"], empty.clone()),
        (vec![b"STRLEN", b"k"], number(0)),
        (vec![b"EXISTS", b"k"], number(1)),
        (vec![b"GETRANGE", b"k", b"0", b"-1"], empty.clone()),
        (vec![b"SETRANGE", b"k", b"0", b""], number(0)),
        (vec![b"SETRANGE", b"k", b"7", b""], number(0)),
        (vec![b"APPEND", b"k", b""], number(0)),
        (vec![b"SETRANGE", b"none", b"0", b""], number(0)),
        (vec![b"EXISTS", b"none"], number(0)),
        (vec![b"APPEND", b"none", b""], number(0)),
        (vec![b"EXISTS", b"none"], number(1)),
        (vec![b"APPEND", b"none", b"x"], number(1)),
        (vec![b"GET", b"none"], Value::Bulk(b"x".to_vec())),
        (vec![b"SETRANGE", b"k", b"3", b"x"], number(4)),
        (vec![b"GET", b"k"], Value::Bulk(b"\0\0\0x".to_vec())),
        (vec![b"SET", b"k", b"", b"XX", b"EX", b"100"], ok.clone()),
        (vec![b"TTL", b"k"], number(100)),
        (vec![b"GET", b"k"], empty.clone()),
    ];
    // `@name` is the same region.
    let range = |offset, length| {
        format!("RANGE region=3 name=k offset={offset} length={length} requested=0")
    };
    let regions: Vec<(Vec<&[u8]>, Value)> = vec![
        (vec![b"VREAD", b"@k", b"0", b"0"], empty.clone()),
        (vec![b"VREAD", b"@k", b"0", b"1"], Value::Error(range(0, 1))),
        (vec![b"VWRITE", b"@k", b"0", b""], number(0)),
        (vec![b"VWRITE", b"@k", b"0", b"x"], Value::Error(range(0, 1))),
        (vec![b"VFILL", b"@k", b"0", b"1", b"7"], Value::Error(range(0, 1))),
        (vec![b"VFILL", b"@k", b"0", b"0", b"7"], number(0)),
        (vec![b"VSUM", b"@k"], Value::Bulk(b"0000000000000000".to_vec())),
    ];
    for (request, expected) in redis.into_iter().chain(regions) {
        assert_eq!(world.request(&mut client, &request), expected, "{request:?}");
    }
    assert_eq!(world.ok(&mut client, "VINFO @k").field("requested"), &number(0));
    assert_eq!(world.ok(&mut client, "VINFO @k").field("pages"), &number(1));
    // A resize adds bytes, which are zero.
    for (size, value) in [("1", vec![0]), ("3", vec![0; 3]), ("9000", vec![0; 9000])] {
        world.request(&mut client, &[b"SET", b"k", b""]);
        world.ok(&mut client, &format!("VREALLOC @k {size}"));
        assert_eq!(world.ok(&mut client, "GET k"), Value::Bulk(value), "{size}");
    }
    assert_eq!(world.error(&mut client, "VMALLOC 0"), "INVAL size 0");
    world.ok(&mut client, "DEL k none");
    assert!(world.check(&mut client).starts_with("OK areas=0 "));
}

/// Old bytes of a frame must not be visible when an empty value grows.
#[test]
fn an_empty_value_grows_over_zeroed_memory() {
    for helpers in [0, 1] {
        let mut world = world(helpers, 4096);
        let mut client = world.connect();
        world.request(&mut client, &[b"SET", b"old", &[0xaa; 40_000]]);
        world.ok(&mut client, "DEL old");
        world.purge(&mut client);
        for size in [2_u64, 4096, 5000, 3 << 20] {
            world.request(&mut client, &[b"SET", b"k", b""]);
            let end = format!("{}", size - 1);
            let grown = world.request(&mut client, &[b"SETRANGE", b"k", end.as_bytes(), b"x"]);
            assert_eq!(grown, Value::Integer(size));
            assert_eq!(world.ok(&mut client, "STRLEN k"), Value::Integer(size));
            let front = world.ok(&mut client, &format!("VREAD @k 0 {}", size.min(60_000) - 1));
            assert!(front.bytes().iter().all(|byte| *byte == 0), "{size}");
            world.request(&mut client, &[b"SET", b"k", b""]);
            world.ok(&mut client, &format!("VREALLOC @k {size}"));
            assert_eq!(world.ok(&mut client, "STRLEN k"), Value::Integer(size));
            let sum = world.ok(&mut client, "VSUM @k");
            world.ok(&mut client, &format!("VFILL @k 0 {size} 0"));
            assert_eq!(world.ok(&mut client, "VSUM @k"), sum, "{size}");
        }
        world.check(&mut client);
    }
}

#[test]
fn an_empty_value_stays_empty_where_its_growth_is_given_up() {
    let mut world = World::with("", 12_000);
    let (mut one, mut other) = (world.connect(), world.connect());
    world.request(&mut other, &[b"SET", b"k", b""]);
    world.send(&mut one, &multibulk(&[b"VREALLOC", b"@k", b"16M"]));
    for _ in 0..3 {
        world.step();
    }
    let error = world.error(&mut other, "VREAD @k 0 0");
    assert!(error.starts_with("BUSY "), "it grows: {error}");
    world.reset(&one);
    world.settle();
    assert_eq!(world.ok(&mut other, "STRLEN k"), Value::Integer(0));
    assert_eq!(world.ok(&mut other, "VINFO @k").field("pages"), &Value::Integer(1));
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
}
