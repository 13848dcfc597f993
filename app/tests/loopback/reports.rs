//! Tests of the formats of reports, and of their agreement with each other.

use vmalloc::Protection;

use crate::harness::{Client, World};
use crate::value::Value;

/// Returns whether a line has the format of `/proc/vmallocinfo`: range, size in seven columns, then either
/// `unpurged vm_area` or caller, pages, kinds and frames by node.
pub(crate) fn is_row(line: &str) -> bool {
    let hex = |text: &str| {
        text.strip_prefix("0x").is_some_and(|digits| {
            digits.len() == 16
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let Some((start, rest)) = line.split_at_checked(18) else { return false };
    let Some((end, rest)) = rest.strip_prefix('-').and_then(|rest| rest.split_at_checked(18))
    else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(' ') else { return false };
    let width = rest.trim_start_matches(' ').find(' ').unwrap_or(usize::MAX);
    let padding = rest.len() - rest.trim_start_matches(' ').len();
    let Some((size, rest)) = rest.split_at_checked(padding.saturating_add(width)) else {
        return false;
    };
    if !hex(start) || !hex(end) || size.len() < 7 {
        return false;
    }
    let number = |text: &str| u64::from_str_radix(&text[2..], 16).unwrap();
    let Ok(size) = size.trim_start().parse::<u64>() else { return false };
    if number(end) - number(start) != size {
        return false;
    }
    if rest == " unpurged vm_area" {
        return true;
    }
    let mut words = rest.split(' ').skip(1).peekable();
    let is_field = |word: &str| {
        ["pages=", "vmalloc", "vmap", "vpages", "N0="].iter().any(|front| word.starts_with(front))
    };
    if words.peek().is_some_and(|word| !is_field(word)) {
        words.next();
    }
    let pages = words.next().and_then(|word| word.strip_prefix("pages="));
    let Some(pages) = pages.and_then(|pages| pages.parse::<u64>().ok()) else { return false };
    (pages + 1) * 4096 == size
        && words.next() == Some("vmalloc")
        && words.next() == Some(&*format!("N0={pages}"))
        && words.next().is_none()
}

#[test]
fn the_matcher_can_say_no() {
    let good = "0xffffc90000000000-0xffffc90000009000   36864 net/rx pages=8 vmalloc N0=8";
    assert!(is_row(good));
    assert!(is_row(&good.replace("net/rx ", "")));
    assert!(is_row("0xffffc90000010000-0xffffc90000014000   16384 unpurged vm_area"));
    for (from, to) in [
        ("36864", "36865"),
        ("  36864", "36864"),
        ("pages=8", "pages=9"),
        ("N0=8", "N0=7"),
        ("c90000009", "C90000009"),
        (" vmalloc", ""),
        ("net/rx", "net rx"),
        ("0xffffc90000000000", "0xfffc90000000000"),
    ] {
        assert!(!is_row(&good.replacen(from, to, 1)), "{from} as {to}");
    }
}

#[test]
fn vmallocinfo_is_in_the_grammar() {
    let mut world = World::new();
    let mut client = world.connect();
    let request = vmalloc::Request::try_new(32768).unwrap().system().caller("net/rx");
    let _own = world.vm().allocate(&request).unwrap().into_raw();
    world.ok(&mut client, "VMALLOC 1M NAME demo");
    world.ok(&mut client, "VMALLOC 1");
    let text = world.ok(&mut client, "VMALLOCINFO").text();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        assert!(is_row(line), "{line}");
    }
    assert_eq!(lines.len(), 3);
    assert!(lines[0].ends_with("   36864 net/rx pages=8 vmalloc N0=8"), "{}", lines[0]);
    assert!(lines[1].ends_with(" 1052672 demo pages=256 vmalloc N0=256"), "{}", lines[1]);
    assert!(lines[2].ends_with("    8192 client/1 pages=1 vmalloc N0=1"), "{}", lines[2]);
    assert!(text.ends_with('\n'));
}

#[test]
fn a_large_report_is_complete() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    for number in 0..3000 {
        world.ok(&mut client, &format!("VMALLOC 1 NAME a-rather-long-name-for-a-region-{number}"));
    }
    let text = world.ok(&mut client, "VMALLOCINFO").text();
    assert!(text.len() > 200_000);
    assert_eq!(text.lines().filter(|line| is_row(line)).count(), 3000);
    assert_eq!(world.counter(&mut client, "replies_spilled"), 1);
}

#[test]
fn vinfo_reports_the_properties_of_a_region() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 10000 PROT ro NAME a");
    world.pass(3);
    let info = world.ok(&mut client, "VINFO @a");
    for (name, text) in [
        ("name", "a"),
        ("address", "0xffffc90000000000"),
        ("end", "0xffffc90000003000"),
        ("prot", "ro"),
        ("flags", "vmalloc"),
    ] {
        assert_eq!(info.field(name).text(), text, "{name}");
    }
    for (name, number) in
        [("id", 1), ("size", 12288), ("requested", 10000), ("pages", 3), ("N0", 3), ("owner", 0)]
    {
        assert_eq!(info.field(name).integer(), number, "{name}");
    }
    assert!((3..10).contains(&info.field("age").integer()));
    assert_eq!(info.items()[0].text(), "id", "the order is that of the documentation");
}

#[test]
fn vlist_goes_through_everything_once() {
    let mut world = World::new();
    let mut client = world.connect();
    for _ in 0..257 {
        world.ok(&mut client, "VMALLOC 1");
    }
    let mut cursor = "0".to_owned();
    let mut seen = Vec::new();
    loop {
        let reply = world.ok(&mut client, &format!("VLIST CURSOR {cursor} COUNT 50 STATE busy"));
        let [next, rows] = reply.items() else { panic!("{reply:?}") };
        assert!(rows.items().len() <= 50);
        for row in rows.items() {
            let row = row.items();
            assert_eq!((row[1].text(), row[6].text()), ("client/1".into(), "busy".into()));
            seen.push(row[2].text());
        }
        cursor = next.text();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 257);
    assert!(seen.is_sorted(), "by address");
    let reply = world.ok(&mut client, "VLIST STATE lazy");
    assert_eq!(reply.items()[1], Value::Array(Vec::new()));
}

#[test]
fn entries_are_real() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 1M NAME demo");
    world.ok(&mut client, "VWRITE @demo 4096 x");
    let rows = world.ok(&mut client, "VPTE @demo");
    assert_eq!(rows.items().len(), 256);
    let first = world.ok(&mut client, "VPTE @demo 4096 1").items()[0].text();
    assert_eq!(first, rows.items()[1].text());
    let mut words = first.split(' ');
    assert_eq!(words.next(), Some("0xffffc90000001000"));
    assert_eq!(words.next(), Some("1"));
    let frame = words.next().unwrap().to_owned();
    let flags: Vec<&str> = words.collect();
    for flag in ["P", "W", "NX"] {
        assert!(flags.contains(&flag), "{first}");
    }
    let walk = world.ok(&mut client, "VWALK 0xffffc90000001000");
    let levels: Vec<String> = walk.items().iter().map(Value::text).collect();
    assert_eq!(levels.len(), 4);
    assert!(levels[0].starts_with("4 0x") && levels[3].starts_with(&format!("1 {frame} P W")));
    let guard = world.ok(&mut client, "VWALK 0xffffc90000100000");
    assert_eq!(guard.items()[3].text(), "1 - -");
    assert_eq!(world.ok(&mut client, "VWALK 0").items()[0].text(), "4 - -");
}

#[test]
fn counters_agree() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 1 NAME a");
    world.ok(&mut client, "VMALLOC 1");
    world.ok(&mut client, "VFREE 2");
    world.error(&mut client, "VMALLOC 1T");
    let stats = world.ok(&mut client, "VSTATS");
    for (name, number) in [
        ("allocations", 2),
        ("allocations_failed", 1),
        ("frees", 1),
        ("areas", 1),
        ("regions", 1),
        ("names", 1),
        ("clients", 1),
        ("connections", 1),
        ("errors", 1),
    ] {
        assert_eq!(stats.field(name).integer(), number, "{name}");
    }
    let net = world.ok(&mut client, "VSTATS NET");
    assert_eq!(net.items().len(), 96);
    let info = world.ok(&mut client, "INFO").text();
    for pair in stats.items().chunks(2) {
        let line = format!("\r\n{}:", pair[0].text());
        assert!(info.contains(&line), "INFO lacks {line}");
    }
    for section in ["# Server", "# Vmalloc", "# Frames", "# Tlb", "# Net"] {
        assert!(info.contains(section), "{section}");
    }
    let one = world.ok(&mut client, "INFO frames").text();
    assert!(one.starts_with("# Frames\r\nframes_total:"), "{one}");
}

/// Returns the bulk strings of a purge's reply: areas, pages and kind of flush.
fn purged(reply: &Value) -> (u64, u64, String) {
    let [areas, pages, kind] = reply.items() else { panic!("{reply:?}") };
    (areas.integer(), pages.integer(), kind.text())
}

#[test]
fn a_purge_reports_its_counts() {
    let mut world = World::new();
    let mut client = world.connect();
    for line in ["VPURGE", "VPURGE SYNC"] {
        world.ok(&mut client, line);
        assert_eq!(purged(&world.ok(&mut client, line)), (0, 0, "none".into()), "{line}");
        world.ok(&mut client, "VMALLOC 1 NAME a");
        world.ok(&mut client, "VMALLOC 4096 NAME b");
        assert_eq!(world.ok(&mut client, "VFREE @a @b"), Value::Integer(2));
        assert!(world.check(&mut client).starts_with("OK areas=0 lazy=2 "));
        assert_eq!(purged(&world.ok(&mut client, line)), (2, 4, "pages".into()), "{line}");
        // With their guard pages, these regions have 34 pages. That is more than the maximum for flushing single pages,
        // so a full flush is expected.
        world.ok(&mut client, "VMALLOC 160K NAME a");
        world.ok(&mut client, "VFREE @a");
        assert_eq!(purged(&world.ok(&mut client, line)), (1, 41, "full".into()), "{line}");
        assert!(world.check(&mut client).starts_with("OK areas=0 lazy=0 "));
    }
    let stats = world.ok(&mut client, "VSTATS");
    assert_eq!(stats.field("table_pages_cached"), &Value::Integer(0), "SYNC keeps nothing");
}

#[test]
fn lazy_regions_are_listed_behind_busy_ones() {
    let mut world = World::new();
    let mut client = world.connect();
    for name in ["a", "b", "c", "d"] {
        world.ok(&mut client, &format!("VMALLOC 5000 NAME {name}"));
    }
    world.ok(&mut client, "VPURGE");
    world.ok(&mut client, "VFREE @a @c");
    let text = world.ok(&mut client, "VMALLOCINFO").text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert!(is_row(line), "{line}");
    }
    assert!(lines[0].contains(" b ") && lines[1].contains(" d "), "{text}");
    for (line, start) in lines[2..].iter().zip(["0xffffc90000000000", "0xffffc90000006000"]) {
        assert!(line.starts_with(start) && line.ends_with(" 12288 unpurged vm_area"), "{line}");
    }

    let ids = |world: &mut World, client: &mut Client, state: &str, cursor: &str| {
        let mut cursor = cursor.to_owned();
        let mut ids = Vec::new();
        loop {
            let line = format!("VLIST CURSOR {cursor} COUNT 1 STATE {state}");
            let reply = world.ok(client, &line);
            let [next, rows] = reply.items() else { panic!("{reply:?}") };
            for row in rows.items() {
                let row = row.items();
                ids.push(row[0].integer());
                let expected = if [1, 3].contains(&row[0].integer()) { "lazy" } else { "busy" };
                assert_eq!((row[3].integer(), row[6].text()), (8192, expected.into()), "{line}");
            }
            assert!(rows.items().len() <= 1, "{line}");
            cursor = next.text();
            if cursor == "0" {
                return ids;
            }
            assert_eq!(rows.items().len(), 1, "a page in between is full: {line}");
        }
    };
    assert_eq!(ids(&mut world, &mut client, "all", "0"), [2, 4, 1, 3]);
    assert_eq!(ids(&mut world, &mut client, "busy", "0"), [2, 4]);
    assert_eq!(ids(&mut world, &mut client, "lazy", "0"), [1, 3]);
    // Cursors of busy and of lazy regions.
    assert_eq!(ids(&mut world, &mut client, "all", "0xffffc90000004000"), [4, 1, 3]);
    assert_eq!(ids(&mut world, &mut client, "lazy", "0xffffc90000004000"), [1, 3]);
    assert_eq!(ids(&mut world, &mut client, "all", "0x1"), [3]);
    assert_eq!(ids(&mut world, &mut client, "busy", "0x1"), [0; 0]);
    world.ok(&mut client, "VPURGE");
    assert_eq!(ids(&mut world, &mut client, "all", "0"), [2, 4]);
}

#[test]
fn all_rights_have_names() {
    let mut world = World::new();
    let mut client = world.connect();
    let rights = [
        (Protection::ReadOnly, "ro", ["ok", "read-only", "no-execute"]),
        (Protection::ReadWrite, "rw", ["ok", "ok", "no-execute"]),
        (Protection::ReadExecute, "rx", ["ok", "read-only", "ok"]),
        (Protection::None, "none", ["not-present"; 3]),
    ];
    for (protection, name, probes) in rights {
        let request = vmalloc::Request::try_new(4096).unwrap().system().caller("own");
        let region = world.vm().allocate(&request.protection(protection)).unwrap();
        let address = region.address();
        let id = region.into_raw();
        assert_eq!(world.ok(&mut client, &format!("VINFO {id}")).field("prot").text(), name);
        let list = world.ok(&mut client, &format!("VLIST CURSOR {address:#x} COUNT 1"));
        assert_eq!(list.items()[1].items()[0].items()[5].text(), name);
        for (access, expected) in ["r", "w", "x"].into_iter().zip(probes) {
            let text = world.ok(&mut client, &format!("VPROBE {address:#x} {access}")).text();
            let kind = text.split(' ').take(2).last().unwrap();
            assert_eq!(kind, expected, "{name} {access}: {text}");
        }
    }
}

/// Each page of a large leaf has its own frame, and `VPTE` reports the frame with its bytes.
#[test]
fn each_page_of_a_large_leaf_has_its_own_frame() {
    let mut world = World::with("", 8192);
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 2M HUGE must NAME large");
    let rows = world.ok(&mut client, "VPTE @large");
    let frames: Vec<u64> = rows
        .items()
        .iter()
        .map(|row| {
            let text = row.text();
            let fields: Vec<&str> = text.split(' ').collect();
            assert_eq!(fields[1], "2", "{text}");
            u64::from_str_radix(fields[2].strip_prefix("0x").unwrap(), 16).unwrap()
        })
        .collect();
    let expected: Vec<u64> = (0..512).map(|page| frames[0] + page * 4096).collect();
    assert_eq!(frames, expected);
}
