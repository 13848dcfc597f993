//! Expiry of string keys, and the errors of invalid times.

use crate::harness::{World, multibulk};
use crate::value::Value;

/// 2026-11-29 23:07:04 UTC.
const BOOT_S: u64 = 1_795_993_624;

fn world() -> World {
    World::new().booted_at(BOOT_S)
}

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";
const INVALID: &str = "ERR invalid expire time in 'set' command";

/// The errors of Redis 7.0.15.
#[test]
fn options_that_redis_refuses_are_refused_in_its_words() {
    let mut world = world();
    let mut client = world.connect();
    world.ok(&mut client, "SET k old");
    let both = "ERR NX and XX, GT or LT options at the same time are not compatible";
    for (line, expected) in [
        ("SET k v EX 10 PX 10000", SYNTAX),
        ("SET k v PX 1 EX 1", SYNTAX),
        ("SET k v EX 1 KEEPTTL", SYNTAX),
        ("SET k v KEEPTTL EX 1", SYNTAX),
        ("SET k v EXAT 1 PXAT 1", SYNTAX),
        ("SET k v NX XX", SYNTAX),
        ("SET k v XX NX", SYNTAX),
        ("SET k v EX", SYNTAX),
        ("SET k v EX a FOO", SYNTAX),
        ("SET k v FOO", SYNTAX),
        ("SET k v EX 010", NOT_AN_INTEGER),
        ("SET k v EX +1", NOT_AN_INTEGER),
        ("SET k v EX 1.5", NOT_AN_INTEGER),
        ("SET k v EX 9223372036854775808", NOT_AN_INTEGER),
        ("SET k v EX 0", INVALID),
        ("SET k v EX -1", INVALID),
        ("SET k v PX -9223372036854775808", INVALID),
        ("SET k v EX 9223372036854775807", INVALID),
        ("SET k v EX 9223372036854776", INVALID),
        ("SET k v PX 9223372036854775807", INVALID),
        ("SET k v EXAT 0", INVALID),
        ("SET k v PXAT -1", INVALID),
        ("SET k v EXAT 9223372036854775807", INVALID),
        ("EXPIRE k 1 NX XX", both),
        ("EXPIRE k 1 NX GT", both),
        ("EXPIRE k 1 LT NX", both),
        ("EXPIRE k 1 GT LT", "ERR GT and LT options at the same time are not compatible"),
        ("EXPIRE k abc FOO", "ERR Unsupported option FOO"),
        ("EXPIRE k abc", NOT_AN_INTEGER),
        ("EXPIRE k 01", NOT_AN_INTEGER),
        ("EXPIRE none 9223372036854775807", "ERR invalid expire time in 'expire' command"),
        ("EXPIRE k -9223372036854775808", "ERR invalid expire time in 'expire' command"),
        ("PEXPIRE k 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
        ("EXPIREAT k 9223372036854775807", "ERR invalid expire time in 'expireat' command"),
        ("PEXPIREAT k x", NOT_AN_INTEGER),
        ("SETEX k 0 v", "ERR invalid expire time in 'setex' command"),
        ("SETEX k a v", NOT_AN_INTEGER),
        ("PSETEX k -1 v", "ERR invalid expire time in 'psetex' command"),
        ("SETNX k", "ERR wrong number of arguments for 'setnx' command"),
        ("TIME now", "ERR wrong number of arguments for 'time' command"),
    ] {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
    assert_eq!(world.ok(&mut client, "GET k"), Value::Bulk(b"old".to_vec()));
    assert_eq!(world.ok(&mut client, "TTL k"), Value::Negative(-1));
}

#[test]
fn options_that_go_together_do() {
    let mut world = world();
    let mut client = world.connect();
    let status = || Value::Status("OK".into());
    let bulk = |text: &str| Value::Bulk(text.into());
    for (line, expected) in [
        ("SET k v GET", Value::Null),
        ("SET k w GET", bulk("v")),
        ("SET k x NX GET", bulk("w")),
        ("SET new x XX GET", Value::Null),
        ("EXISTS new", Value::Integer(0)),
        ("SET k x XX GET EX 100", bulk("w")),
        ("TTL k", Value::Integer(100)),
        ("SET k y KEEPTTL GET", bulk("x")),
        ("TTL k", Value::Integer(100)),
        ("SET k z EX 5 EX 10 XX XX", status()),
        ("TTL k", Value::Integer(10)),
        ("SET k v px 100400", status()),
        ("TTL k", Value::Integer(100)),
        ("SET k v pX 100600", status()),
        ("TTL k", Value::Integer(101)),
        ("SET k v EXAT 1795994624", status()),
        ("EXPIRETIME k", Value::Integer(1_795_994_624)),
        ("PEXPIRETIME k", Value::Integer(1_795_994_624_000)),
        ("TTL k", Value::Integer(1000)),
        ("SET k v PXAT 1795993724600", status()),
        ("PEXPIRETIME k", Value::Integer(1_795_993_724_600)),
        ("EXPIRETIME k", Value::Integer(1_795_993_725)),
        ("SETNX k w", Value::Integer(0)),
        ("GETSET k w", bulk("v")),
        ("TTL k", Value::Negative(-1)),
        ("SETEX k 100 x", status()),
        ("TTL k", Value::Integer(100)),
        ("PSETEX k 50000 y", status()),
        ("TTL k", Value::Integer(50)),
        ("GETSET other z", Value::Null),
        ("DEL other", Value::Integer(1)),
        ("SETNX other z", Value::Integer(1)),
        ("DEL other", Value::Integer(1)),
        // A time in the past: the key is set and expires immediately.
        ("SET k v EXAT 1", status()),
        ("GET k", Value::Null),
        ("EXPIRETIME k", Value::Negative(-2)),
        ("SET k v", status()),
        ("PEXPIRETIME k", Value::Negative(-1)),
    ] {
        assert_eq!(world.ok(&mut client, line), expected, "{line}");
    }
    assert_eq!(world.ok(&mut client, "DBSIZE").integer(), 1);
    assert!(world.check(&mut client).starts_with("OK areas=1 "));
}

#[test]
fn conditions_of_a_deadline_are_about_the_one_that_holds() {
    let mut world = world();
    let mut client = world.connect();
    world.ok(&mut client, "SET k v");
    for (line, changes, left) in [
        ("EXPIRE k 100 XX", 0, -1),
        ("EXPIRE k 100 GT", 0, -1),
        ("EXPIRE k 100 XX GT", 0, -1),
        ("EXPIRE k 100 LT", 1, 100),
        ("EXPIRE k 200 NX", 0, 100),
        ("EXPIRE k 200 LT", 0, 100),
        ("EXPIRE k 50 GT", 0, 100),
        ("EXPIRE k 200 GT XX", 1, 200),
        ("PEXPIRE k 50000 LT XX", 1, 50),
        ("EXPIREAT k 1795994624 GT", 1, 1000),
        ("PEXPIREAT k 1795994624000 GT", 0, 1000),
        ("PERSIST k", 1, -1),
        ("EXPIRE k 100 NX", 1, 100),
        ("EXPIRE k -5 GT", 0, 100),
        ("EXPIRE k -5 LT", 1, -2),
        ("EXPIRE k 100", 0, -2),
    ] {
        assert_eq!(world.ok(&mut client, line).integer(), changes, "{line}");
        let expected = u64::try_from(left).map_or(Value::Negative(left), Value::Integer);
        assert_eq!(world.ok(&mut client, "TTL k"), expected, "{line}");
    }
    world.ok(&mut client, "SET k v");
    assert_eq!(world.ok(&mut client, "EXPIREAT k 1795993623").integer(), 1, "a second ago");
    assert_eq!(world.ok(&mut client, "EXISTS k").integer(), 0);
}

#[test]
fn an_expired_key_is_deleted_before_the_next_request() {
    let mut world = world();
    let mut client = world.connect();
    let (ok, number) = (Value::Status("OK".into()), Value::Integer);
    // All requests arrive in one packet and are served in one turn.
    let mut requests = b"SET k v EXAT 1\r\nEXISTS k\r\n".to_vec();
    for line in ["EXPIREAT k 1795993623", "PEXPIREAT k 1", "EXPIRE k 0", "PEXPIRE k -1"] {
        requests.extend(format!("SET k v\r\n{line}\r\nEXISTS k\r\n").into_bytes());
    }
    world.send(&mut client, &requests);
    for expected in [ok.clone(), number(0)] {
        assert_eq!(world.reply(&mut client), expected);
    }
    for _ in 0..4 {
        for expected in [ok.clone(), number(1), number(0)] {
            assert_eq!(world.reply(&mut client), expected);
        }
    }
}

#[test]
fn the_time_of_day_goes_on_from_boot() {
    let mut world = world();
    let mut client = world.connect();
    world.sleep(100);
    let time = world.ok(&mut client, "TIME");
    let [seconds, micros] = [0, 1].map(|at| time.items()[at].text().parse::<u64>().unwrap());
    assert!((BOOT_S + 99..BOOT_S + 102).contains(&seconds), "{seconds}");
    assert!(micros < 1_000_000);
    world.ok(&mut client, "SET k v");
    assert_eq!(world.ok(&mut client, &format!("EXPIREAT k {}", seconds + 10)).integer(), 1);
    world.sleep(9);
    assert_eq!(world.ok(&mut client, "EXISTS k").integer(), 1);
    world.sleep(2);
    assert_eq!(world.ok(&mut client, "EXISTS k").integer(), 0);
}

#[test]
fn keys_that_are_being_changed_are_waited_for() {
    for has_helper in [true, false] {
        let mut world = match has_helper {
            true => World::with_helpers("clients=8", 12_000, 1, 40),
            false => World::with("clients=8", 12_000),
        };
        let (mut one, mut other) = (world.connect(), world.connect());
        for (line, expected) in [
            ("STRLEN k", Value::Integer(16 << 20)),
            ("GETRANGE k 0 0", Value::Bulk(b"x".to_vec())),
            ("TTL k", Value::Negative(-1)),
            ("SETRANGE k 1 y", Value::Integer(16 << 20)),
            ("EXPIRE k 100", Value::Integer(1)),
            ("PERSIST k", Value::Integer(1)),
        ] {
            world.ok(&mut one, "SET k x");
            if line == "PERSIST k" {
                world.ok(&mut one, "EXPIRE k 100");
            }
            world.send(&mut one, &multibulk(&[b"VREALLOC", b"@k", b"16M"]));
            for _ in 0..3 {
                world.step();
            }
            let error = world.error(&mut other, "VREAD @k 0 1");
            assert!(error.starts_with("BUSY "), "regions say so: {error}");
            assert_eq!(world.ok(&mut other, line), expected, "{line}");
            world.reply(&mut one);
        }
        world.check(&mut other);
    }
}
