//! Every number of the command line at its minimum.

use runtime_config::cmdline::KEYS;
use runtime_config::cmdline::keys::Kind;

use crate::harness::World;
use crate::value::Value;

#[test]
fn the_service_works_at_the_least_value_of_each_setting() {
    let mut tried = 0;
    for key in KEYS {
        let Kind::Number { or_zero, min, .. } = key.kind else { continue };
        let mut values = vec![min];
        values.extend(or_zero.then_some(0));
        values.extend((min == 0).then_some(1));
        for value in values {
            // The harness connects to the default port.
            if key.name == "resp" {
                continue;
            }
            let line = format!("{}={value}", key.name);
            let mut world = World::with(&line, 4096);
            let mut client = world.connect();
            world.ok(&mut client, "PING");
            // With a quota of one byte every value is refused.
            match world.ask(&mut client, "SET k v") {
                Value::Status(_) => {
                    assert_eq!(world.ok(&mut client, "GET k").text(), "v", "{line}")
                }
                Value::Error(error) => {
                    assert!(
                        line == "quota.named=1" && error.starts_with("OOM "),
                        "{line}: {error}"
                    );
                }
                other => panic!("{line}: {other:?}"),
            }
            match world.ask(&mut client, "VMALLOC 4096") {
                Value::Array(_) => {}
                Value::Error(error) => {
                    let names_limit =
                        error.starts_with("QUOTA bytes ") && error.ends_with(" limit=1");
                    assert!(line == "quota.bytes=1" && names_limit, "{line}: {error}");
                }
                other => panic!("{line}: {other:?}"),
            }
            world.ok(&mut client, "VCHECK");
            tried += 1;
        }
    }
    assert!(tried >= 16, "{tried} settings tried");
}
