//! Work that is offloaded to APs while the BSP serves.

use crate::harness::{Client, World, multibulk};
use crate::value::Value;

/// Number of steps that offloaded work takes. It is large enough for replies to other clients during the work.
const STEPS: u32 = 40;
/// Frames of the machine.
const FRAMES: u64 = 20_000;

fn world() -> (World, Client, Client) {
    let mut world = World::with_helpers("", FRAMES, 1, STEPS);
    let (one, other) = (world.connect(), world.connect());
    rest(&mut world);
    (world, one, other)
}

/// Waits until housekeeping is done, which runs every 10 ms.
fn rest(world: &mut World) {
    for _ in 0..2_000 {
        world.step();
    }
    assert!(!world.is_away());
}

fn begin(world: &mut World, client: &mut Client, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    world.send(client, &multibulk(&words));
    for _ in 0..5 {
        world.step();
    }
}

/// Checks that `other` is answered while `one` has no reply.
fn is_served_during(world: &mut World, one: &mut Client, other: &mut Client) {
    assert!(world.is_away(), "the second CPU has something to do");
    assert_eq!(world.ok(other, "PING").text(), "PONG");
    assert!(world.is_away() && world.received(one) == 0, "only then is it done");
}

#[test]
fn a_large_allocation_is_offloaded_and_others_are_served() {
    let (mut world, mut one, mut other) = world();
    begin(&mut world, &mut one, "VMALLOC 4M NAME big");
    is_served_during(&mut world, &mut one, &mut other);
    assert_eq!(world.reply(&mut one).items()[2].integer(), 4 << 20);
    let bytes = world.ok(&mut one, "VREAD @big 4190208 4096");
    assert_eq!(bytes, Value::Bulk(vec![0; 4096]));
    world.check(&mut other);
}

#[test]
fn an_offloaded_allocation_that_fails_is_an_error() {
    let (mut world, mut one, _) = world();
    world.ok(&mut one, "VMALLOC 50M");
    assert!(world.error(&mut one, "VMALLOC 30M").starts_with("NOMEM "));
    assert_eq!(world.ok(&mut one, "VMALLOC 30M SOFT"), Value::Null);
    assert!(world.error(&mut one, "VMALLOC 1T").starts_with("TOOBIG 1T "));
    world.ok(&mut one, "VMALLOC 4K NAME here");
    assert!(world.error(&mut one, "VMALLOC 4M NAME here").starts_with("EXISTS "));
    assert!(world.check(&mut one).starts_with("OK areas=2 "));
}

#[test]
fn a_name_that_another_client_takes_during_an_allocation_is_not_given_twice() {
    let (mut world, mut one, mut other) = world();
    begin(&mut world, &mut one, "VMALLOC 4M NAME both");
    world.ok(&mut other, "VMALLOC 4K NAME both");
    assert!(matches!(world.reply(&mut one), Value::Error(text) if text.starts_with("EXISTS ")));
    assert!(world.check(&mut one).starts_with("OK areas=1 "));
}

#[test]
fn a_large_free_is_offloaded_and_the_region_is_inaccessible() {
    let (mut world, mut one, mut other) = world();
    world.ok(&mut one, "VMALLOC 20M NAME big");
    begin(&mut world, &mut one, "VFREE @big");
    is_served_during(&mut world, &mut one, &mut other);
    assert!(world.error(&mut other, "VREAD @big 0 1").starts_with("NOENT "));
    assert_eq!(world.ok(&mut other, "VFREE @big").integer(), 0);
    assert_eq!(world.reply(&mut one).integer(), 1);
    assert!(world.check(&mut other).starts_with("OK areas=0 "));
    assert_eq!(world.ok(&mut other, "DBSIZE").integer(), 0);
}

#[test]
fn the_slot_of_a_region_that_an_ap_frees_is_reused_immediately() {
    for name in ["", " NAME k"] {
        let mut world = World::with_regions(2, FRAMES, 1, STEPS);
        // Clients are served in the order of their connections.
        let (mut other, mut one) = (world.connect(), world.connect());
        rest(&mut world);
        let id = world.ok(&mut one, &format!("VMALLOC 20M{name}")).items()[0].integer();
        world.ok(&mut one, "VMALLOC 4K NAME filler");
        begin(&mut world, &mut one, &format!("VFREE {id}"));
        assert_eq!(world.ok(&mut other, "VMALLOC 4K NAME k REPLACE SOFT"), Value::Null);
        // The request is in flight when the AP is done, and is served before the result is collected.
        let words = "VMALLOC 4K NAME k REPLACE".split(' ').map(str::as_bytes);
        world.send(&mut other, &multibulk(&words.collect::<Vec<_>>()));
        world.step();
        while world.is_away() {
            world.help();
        }
        assert_eq!(world.reply(&mut other).items()[2].integer(), 4096);
        assert_eq!(world.reply(&mut one).integer(), 1);
        assert!(world.check(&mut other).starts_with("OK areas=2 "));
        assert_eq!(world.ok(&mut other, "DBSIZE").integer(), 2);
        world.reset(&one);
        rest(&mut world);
        assert_eq!(world.ok(&mut other, "VFREE @k @filler").integer(), 2);
        assert!(world.check(&mut other).starts_with("OK areas=0 "));
    }
}

#[test]
fn a_large_region_that_is_replaced_goes_later() {
    let (mut world, mut one, mut other) = world();
    let old = world.ok(&mut one, "VMALLOC 20M NAME k").items()[0].integer();
    let new = world.ok(&mut one, "VMALLOC 4K NAME k REPLACE").items()[0].integer();
    assert!(world.error(&mut other, &format!("VREAD {old} 0 1")).starts_with("NOENT "));
    assert_eq!(world.ok(&mut other, "VINFO @k").field("id").integer(), new);
    rest(&mut world);
    assert!(world.check(&mut other).starts_with("OK areas=1 "));
}

#[test]
fn a_client_that_disconnects_during_offloaded_work_leaks_no_memory() {
    for line in ["VMALLOC 4M", "VFREE 0", "VCHECK"] {
        let (mut world, mut one, mut other) = world();
        let id = world.ok(&mut one, "VMALLOC 20M").items()[0].integer();
        let line = line.replace("VFREE 0", &format!("VFREE {id}"));
        begin(&mut world, &mut one, &line);
        assert!(world.is_away(), "{line}");
        world.reset(&one);
        rest(&mut world);
        assert!(world.check(&mut other).starts_with("OK areas=0 "), "{line}");
        world.ok(&mut other, "VMALLOC 20M");
    }
}

#[test]
fn a_name_goes_with_its_region_also_when_its_client_goes_first() {
    let (mut world, mut one, mut other) = world();
    world.ok(&mut one, "VMALLOC 20M NAME big");
    begin(&mut world, &mut one, "VFREE @big");
    assert!(world.is_away());
    world.reset(&one);
    rest(&mut world);
    assert_eq!(world.ok(&mut other, "DBSIZE").integer(), 0);
    assert!(world.check(&mut other).starts_with("OK areas=0 "));
}

#[test]
fn a_name_can_be_reused_while_its_region_is_being_freed() {
    let (mut world, mut one, mut other) = world();
    world.ok(&mut one, "VMALLOC 20M NAME k");
    begin(&mut world, &mut one, "VFREE @k");
    assert!(world.is_away());
    world.ok(&mut other, "VMALLOC 4K NAME k REPLACE");
    assert_eq!(world.reply(&mut one).integer(), 1);
    rest(&mut world);
    world.settle();
    assert_eq!(world.ok(&mut other, "VFREE @k").integer(), 1);
    assert!(world.check(&mut other).starts_with("OK areas=0 "));
}

#[test]
fn a_request_without_an_idle_ap_is_retried() {
    let (mut world, mut one, mut other) = world();
    begin(&mut world, &mut one, "VMALLOC 20M NAME a");
    begin(&mut world, &mut other, "VMALLOC 20M NAME b");
    assert_eq!(world.reply(&mut one).items()[2].integer(), 20 << 20);
    assert_eq!(world.reply(&mut other).items()[2].integer(), 20 << 20);
    // Small enough to be zeroed on the BSP while the AP is busy.
    begin(&mut world, &mut one, "VMALLOC 20M");
    assert_eq!(world.ok(&mut other, "VMALLOC 4M").items()[2].integer(), 4 << 20);
    assert!(world.is_away());
    world.reply(&mut one);
    assert!(world.check(&mut one).starts_with("OK areas=4 "));
}

#[test]
fn during_an_audit_no_region_is_allocated_or_freed_and_light_commands_are_served() {
    let (mut world, mut one, mut other) = world();
    let mut third = world.connect();
    world.ok(&mut one, "VMALLOC 8K NAME a");
    begin(&mut world, &mut one, "VCHECK");
    is_served_during(&mut world, &mut one, &mut other);
    begin(&mut world, &mut other, "VMALLOC 4K NAME b");
    begin(&mut world, &mut third, "VFREE @a");
    assert!(world.is_away());
    assert_eq!((world.received(&mut other), world.received(&mut third)), (0, 0));
    let text = world.reply(&mut one).text();
    assert!(text.starts_with("OK areas=1 "), "{text}");
    assert_eq!(world.reply(&mut other).items()[2].integer(), 4096);
    assert_eq!(world.reply(&mut third).integer(), 1);
}

#[test]
fn the_buffer_of_a_large_reply_is_not_freed_during_an_audit() {
    for is_reset in [false, true] {
        let mut world = World::with_helpers("", FRAMES, 1, 10 * STEPS);
        let (mut one, mut other) = (world.connect(), world.connect());
        let mut third = world.connect();
        world.ok(&mut one, "VMALLOC 16M NAME a");
        rest(&mut world);
        begin(&mut world, &mut one, "VPTE @a");
        begin(&mut world, &mut other, "VCHECK");
        if is_reset {
            world.reset(&one);
        } else {
            assert_eq!(world.reply(&mut one).items().len(), 4096);
            begin(&mut world, &mut one, "PING");
        }
        // The connection of the waiting client stays open, and its request has no reply yet.
        assert_eq!(world.counter(&mut third, "clients"), 3);
        assert!(world.is_away(), "the audit goes on");
        assert!(is_reset || world.received(&mut one) == 0);
        assert!(world.reply(&mut other).text().starts_with("OK areas=1 "));
        if !is_reset {
            assert_eq!(world.reply(&mut one).text(), "PONG");
        }
        world.settle();
        assert_eq!(world.counter(&mut third, "clients"), 3 - u64::from(is_reset));
    }
}

#[test]
fn an_audit_is_not_put_off_for_ever() {
    let mut world = World::with_helpers("", FRAMES, 2, STEPS);
    let mut auditor = world.connect();
    let (mut one, mut other) = (world.connect(), world.connect());
    rest(&mut world);
    // Two clients alternate, so that offloaded work is always in flight.
    let pairs = "VMALLOC 8M NAME NAME REPLACE\r\n".repeat(200);
    world.send(&mut one, pairs.replace("NAME NAME", "NAME a").as_bytes());
    for _ in 0..STEPS / 2 {
        world.step();
    }
    world.send(&mut other, pairs.replace("NAME NAME", "NAME b").as_bytes());
    begin(&mut world, &mut auditor, "VCHECK");
    for _ in 0..5 * STEPS {
        world.step();
    }
    assert!(world.received(&mut auditor) > 0, "those who come after the audit wait for it");
    assert!(world.received(&mut one) < 100 * 40, "they are not done");
}

#[test]
fn a_client_that_disconnects_while_it_waits_for_an_audit_delays_no_other() {
    let (mut world, mut one, mut other) = world();
    begin(&mut world, &mut one, "VMALLOC 20M");
    begin(&mut world, &mut other, "VCHECK");
    world.reset(&other);
    world.reply(&mut one);
    world.ok(&mut one, "VMALLOC 20M");
}

#[test]
fn frames_are_cleared_ahead_of_time_and_used() {
    let (mut world, mut one, _) = world();
    let filled = world.counter(&mut one, "frames_zeroed");
    assert!(filled >= 256, "{filled}");
    world.ok(&mut one, "VMALLOC 40K");
    assert_eq!(world.counter(&mut one, "zeroed_hits"), 10);
    world.check(&mut one);
}

#[test]
fn a_benchmark_waits_until_the_second_cpu_has_time() {
    let (mut world, mut one, mut other) = world();
    begin(&mut world, &mut one, "VMALLOC 20M");
    begin(&mut world, &mut other, "VBENCH 1 LOOPS 2");
    assert!(world.is_away() && world.received(&mut other) == 0);
    world.reply(&mut one);
    let text = world.reply(&mut other).text();
    assert!(text.contains("passed: 1"), "{text}");
}

#[test]
fn a_purge_is_made_elsewhere() {
    let (mut world, mut one, mut other) = world();
    world.ok(&mut one, "VMALLOC 8K NAME a");
    world.ok(&mut one, "VFREE @a");
    begin(&mut world, &mut one, "VPURGE SYNC");
    is_served_during(&mut world, &mut one, &mut other);
    let items = world.reply(&mut one).items().to_vec();
    assert_eq!((items[0].integer(), items[1].integer()), (1, 3));
    assert_eq!(world.counter(&mut other, "areas_lazy"), 0);
}

/// A request waits until the APs are idle, and then ends without them. Other clients may use the APs again.
#[test]
fn a_request_that_ends_without_the_aps_releases_them() {
    let (mut world, mut one, mut other) = world();
    let mut third = world.connect();
    world.ok(&mut one, "SET k 1");
    world.ok(&mut one, "WATCH k");
    world.ok(&mut one, "MULTI");
    world.ok(&mut one, "PING");
    begin(&mut world, &mut other, "VMALLOC 4M NAME big");
    begin(&mut world, &mut one, "EXEC");
    assert!(world.is_away() && world.received(&mut one) == 0, "EXEC waits for the AP");
    world.ok(&mut third, "SET k 2");
    assert_eq!(world.reply(&mut other).items()[2].integer(), 4 << 20);
    assert_eq!(world.reply(&mut one), Value::Null, "the watched key has changed");
    world.ok(&mut third, "VMALLOC 20M NAME larger");
    world.check(&mut third);
}

/// A value that arrives in slices is appended once, although another client resizes the key between two slices.
#[test]
fn an_append_in_slices_continues_after_a_change_of_its_region() {
    let value = vec![b'x'; 6_000_000];
    for delay in (0..60).step_by(3) {
        let mut world = World::with_helpers("bulk=67108864", FRAMES, 1, 8);
        let (mut one, mut other) = (world.connect(), world.connect());
        world.ok(&mut one, "SET k hello");
        world.send(&mut one, &multibulk(&[b"APPEND", b"k", &value]));
        for _ in 0..delay {
            world.step();
        }
        world.send(&mut other, &multibulk(&[b"SETRANGE", b"k", b"16777215", b"!"]));
        world.reply(&mut other);
        let length = world.reply(&mut one).integer();
        let limit = 16_777_216 + value.len() as u64;
        assert!(length <= limit, "after {delay} steps: {length} bytes, at most {limit}");
        let copies = world.ok(&mut other, "GETRANGE k 0 22777216");
        let Value::Bulk(bytes) = copies else { panic!("{copies:?}") };
        let written = bytes.iter().filter(|byte| **byte == b'x').count();
        assert_eq!(written, value.len(), "after {delay} steps");
    }
}
