//! Regions with a lease.

use crate::harness::World;
use crate::value::Value;

#[test]
fn a_region_ends_with_its_lease() {
    let mut world = World::new();
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "VMALLOC 4K NAME a LEASE 5000");
    world.ok(&mut one, "VMALLOC 4K LEASE 5000");
    world.ok(&mut one, "VMALLOC 4K NAME c LEASE 5000");
    world.ok(&mut one, "VMALLOC 4K NAME d");
    world.ok(&mut one, "VLEASE @c PERSIST");
    world.ok(&mut one, "VLEASE @d 5000");
    let left = world.ok(&mut other, "VINFO @a").field("lease_ms").integer();
    assert!((4_000..=5_000).contains(&left), "{left}");
    let before = world.sleep(4);
    assert!(before < 200, "the loop sleeps until then: {before} turns");
    world.ok(&mut other, "VINFO @a");
    world.sleep(2);
    for region in ["@a", "2", "@d"] {
        assert!(world.error(&mut other, &format!("VINFO {region}")).starts_with("NOENT "));
    }
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
    assert_eq!(world.ok(&mut other, "DBSIZE").integer(), 1);
    assert_eq!(world.ok(&mut one, "VFREE 2").integer(), 0);
}

#[test]
fn keys_expire() {
    let mut world = World::new();
    let mut client = world.connect();
    for (line, expected) in [
        ("TTL k", Value::Negative(-2)),
        ("SET k v EX 10", Value::Status("OK".into())),
        ("TTL k", Value::Integer(10)),
        ("SET k w KEEPTTL", Value::Status("OK".into())),
        ("TTL k", Value::Integer(10)),
        ("PERSIST k", Value::Integer(1)),
        ("PERSIST k", Value::Integer(0)),
        ("TTL k", Value::Negative(-1)),
        ("PEXPIRE k 1500", Value::Integer(1)),
        ("EXPIRE none 5", Value::Integer(0)),
        ("SET k x", Value::Status("OK".into())),
        ("PTTL k", Value::Negative(-1)),
        ("SET gone x", Value::Status("OK".into())),
        ("EXPIRE gone -1", Value::Integer(1)),
        ("EXISTS gone", Value::Integer(0)),
        ("SET k x PX 100", Value::Status("OK".into())),
    ] {
        assert_eq!(world.ok(&mut client, line), expected, "{line}");
    }
    world.sleep(1);
    assert_eq!(world.ok(&mut client, "GET k"), Value::Null);
}

#[test]
fn a_lease_ends_while_its_region_is_in_use() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4K NAME a LEASE 1000");
    // The request arrives in two pieces, and the lease ends between them.
    world.send(&mut client, b"*4\r\n$6\r\nVWRITE\r\n$2\r\n@a\r\n$1\r\n0\r\n");
    world.sleep(2);
    world.send(&mut client, b"$3\r\nabc\r\n");
    assert_eq!(world.reply(&mut client), Value::Error("NOENT no region named a".into()));
    world.check(&mut client);
}
