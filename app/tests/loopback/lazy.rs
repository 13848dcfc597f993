//! Tests of the time at which freed regions are flushed: by a shared flush, when the server is idle, or as the command
//! line selects.

use crate::harness::{Client, World};
use crate::value::Value;

fn churn(world: &mut World, client: &mut Client, rounds: u64) {
    for round in 0..rounds {
        world.ok(client, &format!("VMALLOC 4096 NAME k:{} REPLACE", round % 7));
        // The client pauses, and the server is idle.
        for _ in 0..5 {
            world.step();
        }
    }
}

#[test]
fn frees_share_a_flush() {
    let mut world = World::new();
    let mut client = world.connect();
    let before = world.vm().stats();
    let start_us = world.now_us();
    churn(&mut world, &mut client, 500);
    let after = world.vm().stats();
    assert_eq!(after.frees - before.frees, 493);
    let purges = after.purges - before.purges;
    // At most one purge every 10 ms, and one that is due at the start.
    let due = (world.now_us() - start_us).div_ceil(10_000);
    assert!(purges <= due, "{purges} purges where {due} were due");
    assert!(purges * 10 < 493, "{purges} purges for 493 frees");
    world.check(&mut client);
}

#[test]
fn an_idle_server_purges_lazy_areas_and_then_sleeps() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 4096 NAME a");
    world.ok(&mut client, "VMALLOC 4096 NAME b");
    world.ok(&mut client, "VFREE @a");
    world.wait("a purge", |world| world.vm().stats().areas_lazy == 0);
    // It is too early for another purge, because less than 10 ms have passed.
    world.ok(&mut client, "VFREE @b");
    let before = world.vm().stats();
    assert_eq!(before.areas_lazy, 1);
    world.sleep(1);
    let after = world.vm().stats();
    assert_eq!((after.areas_lazy, after.purges - before.purges), (0, 1));
    let turns = world.sleep(60);
    assert!(turns < 60, "{turns} turns in a minute with nothing to do");
}

#[test]
fn lazy_areas_do_not_exhaust_memory() {
    let mut world = World::with("clients=2", 700);
    let mut client = world.connect();
    let mut ids = Vec::new();
    while let Value::Array(items) = world.ask(&mut client, "VMALLOC 4096 SOFT") {
        ids.push(items[0].integer());
    }
    world.ok(&mut client, "VPURGE");
    let before = world.counter(&mut client, "shootdowns_exhausted");
    // The freed regions have fewer pages than the limit above which a free purges immediately.
    for id in &ids[..20] {
        world.ok(&mut client, &format!("VFREE {id}"));
    }
    assert_eq!(world.vm().stats().areas_lazy, 20);
    world.ok(&mut client, "VMALLOC 72K");
    assert_eq!(world.vm().stats().areas_lazy, 0);
    assert_eq!(world.counter(&mut client, "shootdowns_exhausted"), before + 1);
    world.check(&mut client);
}

#[test]
fn eager_flushes_at_every_free() {
    let mut world = World::with("vm.flush=eager", 1024);
    let mut client = world.connect();
    churn(&mut world, &mut client, 107);
    let stats = world.vm().stats();
    assert_eq!((stats.frees, stats.purges, stats.areas_lazy), (100, 100, 0));
    assert_eq!(world.counter(&mut client, "shootdowns_eager"), 100);
}

#[test]
fn frames_come_back_at_once_only_where_linux_is_asked_for() {
    for (line, at_once) in [("", false), ("vm.frames=strict", false), ("vm.frames=linux", true)] {
        let mut world = World::with(line, 1024);
        let mut client = world.connect();
        world.ok(&mut client, "VMALLOC 240K NAME a");
        world.ok(&mut client, "VPURGE");
        let before = world.vm().stats().frames_free;
        world.ok(&mut client, "VFREE @a");
        assert_eq!(world.vm().stats().areas_lazy, 1, "{line}");
        assert_eq!(world.vm().stats().frames_free - before, if at_once { 60 } else { 0 }, "{line}");
    }
}

#[test]
fn pools_keep_addresses_unless_they_are_off() {
    for (line, pooled) in [("vm.pools=on", 2), ("vm.pools=off", 0)] {
        let mut world = World::with(line, 1024);
        let mut client = world.connect();
        world.ok(&mut client, "VMALLOC 4096 NAME a");
        world.ok(&mut client, "VFREE @a");
        world.ok(&mut client, "VPURGE");
        assert_eq!(world.counter(&mut client, "pages_pooled"), pooled, "{line}");
    }
}

#[test]
fn settings_of_the_library_are_shown() {
    let mut world = World::with("vm.flush=eager vm.realloc=copy", 1024);
    let mut client = world.connect();
    let settings = world.ok(&mut client, "CONFIG GET vm.*");
    for (name, word) in
        [("vm.flush", "eager"), ("vm.frames", "strict"), ("vm.realloc", "copy"), ("vm.pools", "on")]
    {
        assert_eq!(settings.field(name), &Value::Bulk(word.into()), "{name}");
    }
    assert_eq!(settings.items().len(), 8);
}
