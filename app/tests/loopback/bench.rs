//! `VBENCH` as a client sees it. There is one test, because the process runs one round at a time.

use crate::harness::World;

#[test]
fn the_suite_runs_by_name_by_mask_and_as_a_whole() {
    let mut world = World::new();
    let mut client = world.connect();
    let named = world.ok(&mut client, "VBENCH fix_size_alloc_test LOOPS 5 PAGES 3").text();
    let lines: Vec<_> = named.lines().collect();
    let [summary, effect] = lines[..] else { panic!("{named}") };
    let words = "Summary: fix_size_alloc_test passed: 1 failed: 0 repeat: 1 loops: 5 avg: ";
    assert!(summary.starts_with(words) && summary.contains(" usec cpu: 0 "), "{summary}");
    assert!(effect.starts_with("Effect: purges: "), "{effect}");

    let names = |reply: &str| -> Vec<String> {
        let names = reply.lines().filter_map(|line| line.strip_prefix("Summary: "));
        names.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    let some = world.ok(&mut client, "VBENCH 17 LOOPS 2").text();
    assert_eq!(names(&some), ["fix_size_alloc_test", "fix_align_alloc_test"]);
    let all = world.ok(&mut client, "VBENCH all LOOPS 2").text();
    assert_eq!(names(&all).len(), 13, "{all}");
    assert!(world.ok(&mut client, "VCHECK").text().starts_with("OK areas=0 "));

    let workload = "INVAL a workload is all, a name, or the sum of some masks, not";
    for (line, expected) in [
        ("VBENCH 0", format!("{workload} '0'")),
        ("VBENCH 128", format!("{workload} '128'")),
        ("VBENCH fix", format!("{workload} 'fix'")),
        ("VBENCH 1 CPUS 2", "INVAL CPUS is 1 to the number of CPUs, not '2'".to_owned()),
        ("VBENCH 1 CPUS 0", "INVAL CPUS is 1 to the number of CPUs, not '0'".to_owned()),
        ("VBENCH 1 LOOPS 0", "INVAL LOOPS is 1 to 100000000, not '0'".to_owned()),
        ("VBENCH 1 PAGES 4097", "INVAL PAGES is 1 to 4096, not '4097'".to_owned()),
        ("VBENCH 1 MS 0", "INVAL MS is 1 to 10000, not '0'".to_owned()),
        ("VBENCH 1 PAGES", "INVAL option PAGES has no value".to_owned()),
        ("VBENCH 1 FAST 1", "INVAL unknown option 'FAST'".to_owned()),
    ] {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
}
