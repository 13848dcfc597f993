//! `/api/map.json`: sums by bucket, for any number of regions.

use serde_json::Value as Json;

use super::reader::Reader;
use crate::harness::World;

const PAGE: u64 = 4096;
/// The first address of the window.
const START: u64 = 0xffff_c900_0000_0000;

/// Pages by their use, and the number of regions that start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    clients: u64,
    image: u64,
    guard: u64,
    regions: u64,
}

/// A parsed response.
struct Map {
    from: u64,
    to: u64,
    bucket_bytes: u64,
    buckets: Vec<Sums>,
    /// Offset and size of each lazy area.
    lazy: Vec<(u64, u64)>,
}

fn address(json: &Json) -> u64 {
    u64::from_str_radix(json.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

fn map(world: &mut World, reader: &mut Reader, query: &str) -> Map {
    let json = reader.get(world, &format!("/api/map.json{query}")).json();
    let bucket = |json: &Json| match json.as_array() {
        None => {
            assert_eq!(json, &Json::from(0));
            Sums::default()
        }
        Some(row) => {
            let row: Vec<u64> = row.iter().map(|number| number.as_u64().unwrap()).collect();
            let [clients, image, guard, regions] = row[..] else { panic!("{row:?}") };
            Sums { clients, image, guard, regions }
        }
    };
    let pair = |json: &Json| (json[0].as_u64().unwrap(), json[1].as_u64().unwrap());
    Map {
        from: address(&json["from"]),
        to: address(&json["to"]),
        bucket_bytes: json["bucket_bytes"].as_u64().unwrap(),
        buckets: json["buckets"].as_array().unwrap().iter().map(bucket).collect(),
        lazy: json["lazy"].as_array().unwrap().iter().map(pair).collect(),
    }
}

/// Computes the same sums from the rows of `/api/regions.json`.
fn expected(rows: &[Json], map: &Map) -> Vec<Sums> {
    let mut buckets = vec![Sums::default(); map.buckets.len()];
    for row in rows.iter().filter(|row| row["state"] == "busy") {
        let (start, end) = (address(&row["start"]), address(&row["end"]));
        let guard_end = end + row["guard"].as_u64().unwrap();
        for at in (start..guard_end).step_by(4096) {
            if at < map.from || at >= map.to {
                continue;
            }
            let bucket = usize::try_from((at - map.from) / map.bucket_bytes).unwrap();
            let sums = &mut buckets[bucket];
            match (at >= end, row["system"].as_bool().unwrap()) {
                (true, _) => sums.guard += 1,
                (false, true) => sums.image += 1,
                (false, false) => sums.clients += 1,
            }
            sums.regions += u64::from(at == start);
        }
    }
    buckets
}

/// Returns all rows.
fn rows(world: &mut World, reader: &mut Reader) -> Vec<Json> {
    let mut rows = Vec::new();
    let mut cursor = "0".to_owned();
    loop {
        let path = format!("/api/regions.json?count=1000&cursor={cursor}");
        let page = reader.get(world, &path).json();
        rows.extend(page["regions"].as_array().unwrap().iter().cloned());
        match &page["cursor"] {
            Json::Null => return rows,
            next => cursor = next.as_str().unwrap().to_owned(),
        }
    }
}

#[test]
fn every_page_of_every_region_is_in_its_bucket() {
    let mut world = World::with("", 20_000);
    let mut client = world.connect();
    for number in 0..300 {
        world.ok(&mut client, &format!("VMALLOC {} NAME r{number}", 1 + number * 977 % 90_000));
    }
    for number in (0..300).step_by(7) {
        world.ok(&mut client, &format!("VFREE @r{number}"));
    }
    world.settle();
    let mut reader = Reader::connect(&mut world);
    let rows = rows(&mut world, &mut reader);
    let used = world.vm().used_end().as_u64();
    // Includes ranges that begin and end within regions.
    for (from, to) in
        [(START, used), (START + 37 * PAGE, used - 1), (START + 5 * PAGE, START + 9 * PAGE)]
    {
        for buckets in [1, 2, 3, 64, 1000, 4096] {
            let query = format!("?buckets={buckets}&from={from:#x}&to={to:#x}");
            let map = map(&mut world, &mut reader, &query);
            assert!(map.buckets.len() <= buckets, "{query}");
            let span = map.bucket_bytes * map.buckets.len() as u64;
            assert!(map.from == from && map.to - map.from <= span, "{query}");
            assert!(map.to >= to && map.bucket_bytes.is_multiple_of(PAGE), "{query}");
            assert_eq!(map.buckets, expected(&rows, &map), "{query}");
        }
    }
}

#[test]
fn twenty_thousand_regions_in_slices() {
    let mut world = World::with("", 60_000);
    let mut client = world.connect();
    for _ in 0..20 {
        world.ok(&mut client, "VMALLOCN 1000 4096");
    }
    world.settle();
    let frames = world.counter(&mut client, "frames_free");
    let mut reader = Reader::connect(&mut world);
    let answer = map(&mut world, &mut reader, "?buckets=1024");
    let sum = |part: fn(&Sums) -> u64| answer.buckets.iter().map(part).sum::<u64>();
    assert_eq!(sum(|sums| sums.regions), 20_000);
    assert_eq!((sum(|sums| sums.clients), sum(|sums| sums.guard)), (20_000, 20_000));
    assert!(answer.buckets.len() > 900, "{} buckets", answer.buckets.len());
    assert_eq!(world.counter(&mut client, "frames_free"), frames, "a map takes memory");
    // At most 64 areas per turn.
    reader.send(&mut world, "GET /api/map.json?buckets=16 HTTP/1.0\r\n\r\n");
    let mut turns = 0;
    while !world.has_ended(&reader.client) {
        world.step();
        reader.is_drained(&mut world);
        turns += 1;
    }
    assert!(turns > 20_000 / 64, "20,000 regions in {turns} turns");
}

#[test]
fn lazy_areas_are_listed_behind_the_buckets() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VMALLOC 8192 NAME a");
    world.ok(&mut client, "VMALLOC 100K NAME b");
    world.ok(&mut client, "VMALLOC 1 NAME c");
    let mut reader = Reader::connect(&mut world);
    // In one turn, because freed regions are purged after it.
    world.push(&client, b"VFREE @b\r\n");
    let whole = map(&mut world, &mut reader, "?buckets=1");
    assert_eq!(whole.lazy, [(3 * PAGE, 26 * PAGE)]);
    assert_eq!(whole.buckets[0], Sums { clients: 3, image: 0, guard: 2, regions: 2 });
    // The areas are clipped to the range.
    world.ok(&mut client, "VMALLOC 100K NAME b");
    world.push(&client, b"VFREE @b\r\n");
    let (from, to) = (START + 4 * PAGE, START + 6 * PAGE);
    let part = map(&mut world, &mut reader, &format!("?buckets=9&from={from:#x}&to={to:#x}"));
    assert_eq!((part.lazy, part.buckets.len()), (vec![(0, 2 * PAGE)], 2));
}

#[test]
fn ranges_outside_the_window_are_empty() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    // The window is empty.
    let empty = map(&mut world, &mut reader, "");
    assert_eq!((empty.from, empty.to - empty.from), (START, 1 << 20));
    assert!(empty.buckets.iter().all(|sums| *sums == Sums::default()));
    for query in [
        "?from=0x0&to=0x1000",
        "?from=0xffffffffffffffff",
        "?from=0xffffc90000002000&to=0xffffc90000001000",
    ] {
        let map = map(&mut world, &mut reader, query);
        assert_eq!((map.to - map.from, map.buckets.len()), (0, 0), "{query}");
    }
}

#[test]
fn a_bucket_may_end_behind_the_last_address() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    let whole = map(&mut world, &mut reader, "?buckets=1");
    // The sizes of the buckets follow from a range that ends where 64 bits do.
    for buckets in [1, 2, 3, 1000] {
        let query = format!("?buckets={buckets}&to=0xffffffffffffffff");
        let map = map(&mut world, &mut reader, &query);
        let count = u64::try_from(map.buckets.len()).unwrap();
        assert_eq!(count, (map.to - map.from).div_ceil(map.bucket_bytes), "{query}");
        assert_eq!(map.buckets[0], whole.buckets[0], "{query}");
    }
    let last = "?buckets=1&from=0xffffffffffffffff&to=0xffffffffffffffff";
    assert!(map(&mut world, &mut reader, last).buckets.is_empty());
}

#[test]
fn parameters_are_refused_by_name_and_limit() {
    let mut world = World::new();
    let mut reader = Reader::connect(&mut world);
    for (path, text) in [
        ("/api/map.json?buckets=0", "buckets=0 is refused: buckets is a number from 1 to 4096\n"),
        (
            "/api/map.json?buckets=4097",
            "buckets=4097 is refused: buckets is a number from 1 to 4096\n",
        ),
        (
            "/api/map.json?from=12",
            "from=12 is refused: from is an address such as 0xffffc90000000000\n",
        ),
        (
            "/api/map.json?to=%3Cb",
            "to=%3Cb is refused: to is an address such as 0xffffc90000000000\n",
        ),
        (
            "/api/regions.json?count=1e3",
            "count=1e3 is refused: count is a number from 1, 1000 at most are given\n",
        ),
        (
            "/api/regions.json?cursor=x",
            "cursor=x is refused: cursor is 0 or what the page before gave\n",
        ),
    ] {
        let answer = reader.get(&mut world, path);
        assert_eq!((answer.status, answer.text()), (400, text));
        // The next request is served too.
        assert_eq!(answer.field("connection"), Some("keep-alive"), "{path}");
    }
}
