use std::collections::HashSet;

use vmalloc::sim::SimMachine;
use vmalloc::{RegionError, RegionId};

use super::Failure;
use super::table::Commands;

#[test]
fn the_table_is_in_order() {
    let table = Commands::<SimMachine>::CATALOG.commands();
    let names: HashSet<&str> = table.iter().map(|command| command.name).collect();
    assert_eq!(names.len(), table.len(), "no name twice");
    for command in table {
        assert!(!command.summary.is_empty(), "{command:?} has no summary");
        assert!(
            command.name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
            "{command:?}"
        );
        assert!(command.name.len() < 32, "{command:?}");
        let lower = command.name.to_lowercase();
        let found = Commands::<SimMachine>::CATALOG.find(lower.as_bytes());
        assert_eq!(found.map(|found| found.name), Some(command.name));
    }
}

#[test]
fn counts_of_arguments() {
    let find = |name: &str| Commands::<SimMachine>::CATALOG.find(name.as_bytes()).unwrap();
    assert!(!find("VREAD").takes(3) && find("VREAD").takes(4) && !find("VREAD").takes(5));
    assert!(!find("VMALLOC").takes(1) && find("VMALLOC").takes(2) && find("VMALLOC").takes(20));
}

#[test]
fn a_region_that_is_being_changed_is_not_gone() {
    let id = RegionId::from_raw(7).unwrap();
    for (error, text) in [
        (RegionError::Changing { id }, "BUSY region 7 is being changed"),
        (RegionError::Gone { id }, "NOENT region 7 is gone"),
        (RegionError::Unknown { id: 7 }, "NOENT no region 7"),
    ] {
        let failure = Failure::from(error);
        assert_eq!(failure.to_string(), text);
        assert_eq!(super::command::free::is_gone(&failure), text.starts_with("NOENT"));
    }
}
