use std::collections::HashSet;

use vmalloc::sim::SimMachine;

use super::table::Commands;

#[test]
fn the_table_is_in_order() {
    let table = Commands::<SimMachine>::TABLE;
    let names: HashSet<&str> = table.iter().map(|command| command.name).collect();
    assert_eq!(names.len(), table.len(), "no name twice");
    for command in table {
        assert!(!command.summary.is_empty(), "{command:?} has no summary");
        assert!(command.name.bytes().all(|byte| byte.is_ascii_uppercase()), "{command:?}");
        assert!(command.name.len() < 32, "{command:?}");
        let lower = command.name.to_lowercase();
        let found = Commands::<SimMachine>::find(lower.as_bytes());
        assert_eq!(found.map(|found| found.name), Some(command.name));
    }
}

#[test]
fn counts_of_arguments() {
    let find = |name: &str| Commands::<SimMachine>::find(name.as_bytes()).unwrap();
    assert!(!find("VREAD").takes(3) && find("VREAD").takes(4) && !find("VREAD").takes(5));
    assert!(!find("VMALLOC").takes(1) && find("VMALLOC").takes(2) && find("VMALLOC").takes(20));
}
