//! `VREALLOC` and `VPROT`.

use crate::harness::{Client, World};
use crate::value::Value;

fn resize(world: &mut World, client: &mut Client, line: &str) -> (u64, String) {
    let reply = world.ok(client, line);
    let items = reply.items();
    assert_eq!(items[0].integer(), 1, "its id stays");
    (items[2].integer(), items[3].text())
}

#[test]
fn a_region_is_resized_in_every_way_and_keeps_its_bytes() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 5000");
    world.ok(&mut client, "VWRITE 1 4990 abcdefghij");
    for (line, bytes, how) in [
        ("VREALLOC 1 5001", 8192, "same"),
        ("VREALLOC 1 5000", 8192, "same"),
        ("VREALLOC 1 20000 NOMOVE", 20_480, "grown"),
        ("VREALLOC 1 5000", 8192, "shrunk"),
    ] {
        assert_eq!(resize(&mut world, &mut client, line), (bytes, how.to_owned()), "{line}");
    }
    world.ok(&mut client, "VMALLOC 4096");
    let nova = world.error(&mut client, "VREALLOC 1 60000 NOMOVE");
    assert_eq!(nova, "NOVA need 15 pages in place");
    assert_eq!(resize(&mut world, &mut client, "VREALLOC 1 60000"), (61_440, "moved".to_owned()));
    world.ok(&mut client, "VMALLOC 100K");
    let copied = resize(&mut world, &mut client, "VREALLOC 1 90000 COPY");
    assert_eq!(copied, (90_112, "copied".to_owned()));
    assert_eq!(world.ok(&mut client, "VREAD 1 4990 12"), Value::Bulk(b"abcdefghij\0\0".to_vec()));
    assert!(world.error(&mut client, "VREALLOC 1 1T").starts_with("TOOBIG 1099511627776 exceeds"));
    assert!(world.error(&mut client, "VREALLOC 1 x").starts_with("INVAL a size is"));
    assert_eq!(world.error(&mut client, "VREALLOC 1 1 FAST"), "INVAL unknown option 'FAST'");
    assert_eq!(world.ok(&mut client, "VREALLOC 1 0"), Value::Null);
    assert_eq!(world.error(&mut client, "VINFO 1"), "NOENT region 1 is gone");
    assert!(world.check(&mut client).starts_with("OK areas=2 "));
}

/// Bytes that were cut off are zero after the next growth, on both sides of a page boundary.
#[test]
fn added_bytes_are_zero() {
    for (first, short, long) in [(10_000, 5001, 10_000), (4096, 4095, 9000), (600_000, 1, 3 << 20)]
    {
        let mut world = World::new();
        let mut client = world.connect();
        world.ok(&mut client, &format!("VMALLOC {first}"));
        world.ok(&mut client, &format!("VFILL 1 0 {first} 171"));
        world.ok(&mut client, &format!("VREALLOC 1 {short}"));
        world.ok(&mut client, &format!("VREALLOC 1 {long}"));
        world.ok(&mut client, "VMALLOC 8M NAME reference");
        let rest = long - short;
        let sum = world.ok(&mut client, &format!("VSUM 1 {short} {rest}"));
        assert_eq!(sum, world.ok(&mut client, &format!("VSUM @reference 0 {rest}")), "{short}");
        let byte = world.ok(&mut client, &format!("VREAD 1 {} 2", short - 1));
        assert_eq!(byte, Value::Bulk(b"\xab\0".to_vec()));
        world.check(&mut client);
    }
}

#[test]
fn a_large_growth_is_zeroed_in_slices_and_others_are_served() {
    let mut world = World::new();
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "VMALLOC 4K NAME k");
    world.ok(&mut one, "VWRITE @k 0 abc");
    world.send(&mut one, b"VREALLOC @k 12M\r\nPING\r\n");
    for _ in 0..5 {
        world.step();
    }
    assert_eq!(world.received(&mut one), 0, "3072 pages are not zeroed in five turns");
    assert_eq!(world.error(&mut other, "VREAD @k 0 1"), "BUSY region 1 is being changed");
    assert_eq!(world.error(&mut other, "VFREE @k"), "BUSY region 1 is being changed");
    assert_eq!(world.reply(&mut one).items()[3].text(), "grown");
    assert_eq!(world.reply(&mut one).text(), "PONG");
    assert_eq!(world.ok(&mut other, "VREAD @k 0 4"), Value::Bulk(b"abc\0".to_vec()));
}

#[test]
fn a_growth_is_rolled_back_when_its_client_disconnects() {
    for name in [" NAME k", ""] {
        let mut world = World::new();
        let (mut one, mut other) = (world.connect(), world.connect());
        world.ok(&mut one, &format!("VMALLOC 5000{name}"));
        world.ok(&mut one, "VWRITE 1 0 abc");
        world.send(&mut one, b"VREALLOC 1 12M\r\n");
        for _ in 0..5 {
            world.step();
        }
        assert_eq!(world.received(&mut one), 0, "it takes longer");
        world.reset(&one);
        world.settle();
        if !name.is_empty() {
            assert_eq!(world.ok(&mut other, "VINFO @k").field("requested").integer(), 5000);
            assert_eq!(world.ok(&mut other, "VREAD @k 0 4"), Value::Bulk(b"abc\0".to_vec()));
        }
        let left = if name.is_empty() { "OK areas=0 " } else { "OK areas=1 " };
        assert!(world.check(&mut other).starts_with(left));
        world.purge(&mut other);
        assert!(world.counter(&mut other, "frames_free") > 3_500, "the frames are back");
    }
}

#[test]
fn rights_are_changed_and_hold() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 NAME a");
    world.ok(&mut client, "VWRITE @a 9000 x");
    for (rights, read, write) in
        [("ro", true, false), ("rx", true, false), ("none", false, false), ("rw", true, true)]
    {
        assert_eq!(world.ok(&mut client, &format!("VPROT @a {rights}")).text(), "OK");
        assert_eq!(world.ok(&mut client, "VINFO @a").field("prot").text(), rights);
        let reply = world.ask(&mut client, "VREAD @a 9000 1");
        assert_eq!(!matches!(reply, Value::Error(_)), read, "{rights}: {reply:?}");
        let reply = world.ask(&mut client, "VWRITE @a 9000 y");
        assert_eq!(!matches!(reply, Value::Error(_)), write, "{rights}: {reply:?}");
    }
    let wx = "WXVIOLATION a region is writable or executable, not both";
    assert_eq!(world.error(&mut client, "VPROT @a rwx"), wx);
    assert!(world.error(&mut client, "VPROT @a r").starts_with("INVAL rights are"));
    world.check(&mut client);
}

#[test]
fn long_resizes_are_offloaded_to_aps() {
    let mut world = World::with_helpers("", 20_000, 1, 40);
    let (mut one, mut other) = (world.connect(), world.connect());
    // Waits until housekeeping is done.
    for _ in 0..2_000 {
        world.step();
    }
    world.ok(&mut one, "VMALLOC 4K NAME k");
    world.ok(&mut one, "VWRITE @k 0 abc");
    for (line, expected) in [
        ("VREALLOC @k 20M", "BUSY region 1 is being changed"),
        ("VPROT @k ro", "BUSY region 1 is being changed"),
        ("VREALLOC @k 4K", "BUSY region 1 is being changed"),
    ] {
        world.send(&mut one, format!("{line}\r\n").as_bytes());
        for _ in 0..5 {
            world.step();
        }
        assert!(world.is_away(), "{line}");
        assert_eq!(world.error(&mut other, "VREAD @k 0 1"), expected, "{line}");
        let reply = world.reply(&mut one);
        assert!(!matches!(reply, Value::Error(_)), "{line}: {reply:?}");
        assert_eq!(world.ok(&mut other, "VREAD @k 0 3"), Value::Bulk(b"abc".to_vec()), "{line}");
    }
    // With each client that disconnects, and each change of the name.
    world.ok(&mut one, "VPROT @k rw");
    world.send(&mut one, b"VREALLOC @k 20M\r\n");
    for _ in 0..5 {
        world.step();
    }
    assert!(world.is_away());
    world.ok(&mut other, "VMALLOC 4K NAME k REPLACE");
    assert_eq!(world.reply(&mut one), Value::Error("NOENT no region 1".into()));
    world.send(&mut one, b"VREALLOC @k 20M\r\n");
    for _ in 0..5 {
        world.step();
    }
    world.reset(&one);
    for _ in 0..500 {
        world.step();
    }
    assert_eq!(world.ok(&mut other, "STRLEN k").integer(), 20 << 20);
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
}
