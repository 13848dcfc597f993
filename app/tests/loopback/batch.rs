//! `VMALLOCN` and `VFREEALL`.

use crate::harness::World;
use crate::value::Value;

#[test]
fn many_regions_with_one_request() {
    let mut world = World::new();
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "VMALLOC 4K");
    let ids = world.ok(&mut one, "VMALLOCN 1024 1");
    let ids: Vec<u64> = ids.items().iter().map(Value::integer).collect();
    assert_eq!(ids, (2..=1025).collect::<Vec<_>>());
    world.ok(&mut one, "VWRITE 1025 0 x");
    world.ok(&mut other, "VMALLOC 4K");
    assert_eq!(world.ok(&mut one, "VFREEALL").integer(), 1025);
    assert_eq!(world.ok(&mut one, "VFREEALL").integer(), 0);
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
}

#[test]
fn a_batch_allocates_all_or_as_many_as_fit() {
    let mut world = World::new();
    let mut client = world.connect();
    let error = world.error(&mut client, "VMALLOCN 30 1M");
    assert!(error.starts_with("NOMEM need 256 pages, "), "{error}");
    assert!(world.check(&mut client).starts_with("OK areas=0 "));
    assert_eq!(world.ok(&mut client, "VMALLOCN 30 1M SOFT"), Value::Null);
    let some = world.ok(&mut client, "VMALLOCN 30 1M PARTIAL").items().len();
    assert!((10..30).contains(&some), "{some}");
    world.ok(&mut client, "VFREEALL");
    // Too long to be zeroed in one slice.
    assert_eq!(world.ok(&mut client, "VMALLOCN 3 3M").items().len(), 3);
    world.ok(&mut client, "VFREEALL");
    world.ok(&mut client, "VPURGE SYNC");
    assert!(world.check(&mut client).starts_with("OK areas=0 "));
    let error = world.error(&mut client, "VMALLOCN 3 1T");
    assert!(error.starts_with("TOOBIG 1T exceeds "), "{error}");
}

#[test]
fn a_client_that_disconnects_during_a_batch_leaves_no_region() {
    for line in ["VMALLOCN 5 2M", "VFREEALL"] {
        let mut world = World::new();
        let (mut one, mut other) = (world.connect(), world.connect());
        if line == "VFREEALL" {
            world.ok(&mut one, "VMALLOCN 1000 1");
        }
        world.send(&mut one, format!("{line}\r\n").as_bytes());
        for _ in 0..3 {
            world.step();
        }
        assert_eq!(world.received(&mut one), 0, "{line} takes longer");
        world.reset(&one);
        world.settle();
        assert!(world.check(&mut other).starts_with("OK areas=0 "), "{line}");
    }
}

#[test]
fn the_ids_wait_for_room() {
    let mut world = World::new();
    let mut client = world.connect();
    let requests = b"VMALLOCN 1000 1\r\nVFREEALL\r\n".repeat(20);
    world.send(&mut client, &requests);
    for _ in 0..20 {
        assert_eq!(world.reply(&mut client).items().len(), 1000);
        assert_eq!(world.reply(&mut client).integer(), 1000);
    }
}
