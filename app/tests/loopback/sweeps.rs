//! `VFILL` and `VSUM`.

use crate::harness::World;
use crate::value::Value;

#[test]
fn bytes_are_filled_and_summed_up() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 NAME a");
    world.ok(&mut client, "VWRITE @a 4092 123456789");
    // The check value of CRC-64/XZ.
    assert_eq!(world.ok(&mut client, "VSUM @a 4092 9").text(), "995dc9bbdf1939fa");
    assert_eq!(world.ok(&mut client, "VFILL @a 4090 5 120").integer(), 5);
    let bytes = world.ok(&mut client, "VREAD @a 4089 8");
    assert_eq!(bytes, Value::Bulk(b"\0xxxxx45".to_vec()));
    assert_eq!(world.ok(&mut client, "VSUM @a 9999 0").text(), "0000000000000000");
    let range = "RANGE region=1 name=a offset=9999 length=2 requested=10000";
    assert_eq!(world.error(&mut client, "VFILL @a 9999 2 1"), range);
    assert_eq!(world.error(&mut client, "VSUM @a 9999 2"), range);
    world.ok(&mut client, "VPROT @a ro");
    let fault = "FAULT region=1 name=a offset=0 access=write";
    assert_eq!(world.error(&mut client, "VFILL @a 0 2 1"), fault);
    world.ok(&mut client, "VPROT @a none");
    let fault = "FAULT region=1 name=a offset=0 access=read";
    assert_eq!(world.error(&mut client, "VSUM @a"), fault);
}

#[test]
fn long_ones_go_in_slices_and_notice_what_happens_meanwhile() {
    for (line, change, expected) in [
        ("VSUM @a", "VFREE @a", "NOENT region 1 is gone"),
        ("VFILL @a 0 8M 7", "VREALLOC @a 1M", "RANGE region=1 name=a "),
    ] {
        let mut world = World::new();
        let (mut one, mut other) = (world.connect(), world.connect());
        world.ok(&mut one, "VMALLOC 8M NAME a");
        world.send(&mut one, format!("{line}\r\n").as_bytes());
        for _ in 0..4 {
            world.step();
        }
        assert_eq!(world.received(&mut one), 0, "{line}");
        world.ok(&mut other, change);
        let reply = world.reply(&mut one);
        assert!(matches!(&reply, Value::Error(text) if text.starts_with(expected)), "{reply:?}");
        world.check(&mut other);
    }
}
