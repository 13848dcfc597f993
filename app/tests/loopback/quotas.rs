//! What one client may have.

use crate::harness::World;
use crate::value::Value;

#[test]
fn a_connection_has_its_quota_and_no_more() {
    let mut world = World::with("quota.regions=2 quota.bytes=40960 quota.named=16384", 4_000);
    let (mut one, mut other) = (world.connect(), world.connect());
    world.ok(&mut one, "VMALLOC 8192");
    let error = world.error(&mut one, "VMALLOC 36K");
    assert_eq!(error, "QUOTA bytes wanted=36864 used=8192 limit=40960");
    assert_eq!(world.ok(&mut one, "VMALLOC 36K SOFT"), Value::Null);
    let error = world.error(&mut one, "VREALLOC 1 44K");
    assert_eq!(error, "QUOTA bytes wanted=36864 used=8192 limit=40960");
    world.ok(&mut one, "VREALLOC 1 28K");
    world.ok(&mut one, "VMALLOC 4K");
    assert_eq!(world.error(&mut one, "VMALLOC 1"), "QUOTA regions wanted=1 used=2 limit=2");
    assert!(world.error(&mut other, "VMALLOCN 3 1").starts_with("QUOTA regions "));
    world.ok(&mut other, "VMALLOC 36K");
    // Names do not lead around it.
    world.ok(&mut other, "VMALLOC 12K NAME a");
    let error = world.error(&mut one, "SET b 12345678901234567890 ");
    assert!(error.starts_with("ERR"), "{error}");
    world.ok(&mut one, "SET b x");
    let error = world.error(&mut one, "SET c x");
    assert_eq!(error, "QUOTA named bytes wanted=4096 used=16384 limit=16384");
    assert!(world.error(&mut one, "SETRANGE b 5000 x").starts_with("QUOTA named bytes "));
    let quota = world.ok(&mut one, "VQUOTA");
    for (field, value) in [("regions_used", 2), ("bytes_used", 32_768), ("named_used", 16_384)] {
        assert_eq!(quota.field(field).integer(), value, "{field}");
    }
    world.reset(&one);
    world.settle();
    let mut third = world.connect();
    assert_eq!(world.ok(&mut third, "VQUOTA GET").field("bytes_used").integer(), 0);
    world.ok(&mut third, "VQUOTA SET BYTES 0 REGIONS 0");
    world.ok(&mut third, "VMALLOCN 100 1");
    world.check(&mut third);
}
