//! Invalid input gets the documented reply, word for word. Other clients are not affected, and no memory leaks.

use crate::harness::{World, multibulk};
use crate::value::Value;

/// Sends raw bytes on a fresh connection and returns what comes back, and whether it was closed.
fn answer(world: &mut World, bytes: &[u8]) -> (String, bool) {
    let mut client = world.connect();
    world.send(&mut client, bytes);
    let reply = world.raw(&mut client);
    let closed = world.is_closed(&client);
    world.close(&client);
    (String::from_utf8_lossy(&reply).into_owned(), closed)
}

#[test]
fn protocol_errors_close_their_own_connection() {
    let mut world = World::new();
    let mut bystander = world.connect();
    let long_line = vec![b'a'; 64 * 1024 + 1];
    let cases: [(&[u8], &str); 14] = [
        (&long_line, "too big inline request"),
        (b"*1\r\n$9999999999\r\n", "invalid bulk length"),
        (b"*1\r\n$-5\r\n", "invalid bulk length"),
        (b"*1\r\n$16777217\r\n", "invalid bulk length"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n:1\r\n", "expected '$', got ':'"),
        (b"ECHO \"a\r\n", "unbalanced quotes in request"),
        (b"ECHO 'a'b\r\n", "unbalanced quotes in request"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*-2147483649x\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (&[b'*'; 100], "too big mbulk count string"),
        (
            b"*1\r\n$0000000000000000000000000000000000000000000000000000000000000000000000",
            "too big bulk count string",
        ),
    ];
    for (bytes, text) in cases {
        let (reply, closed) = answer(&mut world, bytes);
        assert_eq!(reply, format!("-ERR Protocol error: {text}\r\n"));
        assert!(closed, "{text} closes");
        assert_eq!(world.ask(&mut bystander, "PING"), Value::Status("PONG".into()));
    }
    assert_eq!(world.counter(&mut bystander, "protocol_errors"), 14);
}

#[test]
fn requests_before_a_protocol_error_are_answered() {
    let mut world = World::new();
    let (reply, closed) = answer(&mut world, b"PING\r\nECHO hi\r\n*1\r\n$-1\r\nPING\r\n");
    assert_eq!(reply, "+PONG\r\n$2\r\nhi\r\n-ERR Protocol error: invalid bulk length\r\n");
    assert!(closed);
}

#[test]
fn http_is_not_spoken_here() {
    let mut world = World::new();
    for bytes in [
        &b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nVMALLOC 1G NAME evil\r\n"[..],
        b"Host: example.org\r\nVMALLOC 1G NAME evil\r\n",
        b"post x\r\n",
    ] {
        assert_eq!(answer(&mut world, bytes), (String::new(), true));
    }
    let mut client = world.connect();
    assert_eq!(world.ask(&mut client, "DBSIZE"), Value::Integer(0));
}

#[test]
fn unknown_commands_and_counts() {
    let mut world = World::new();
    let mut client = world.connect();
    assert_eq!(
        world.error(&mut client, "x a b"),
        "ERR unknown command 'x', with args beginning with: 'a' 'b' "
    );
    assert_eq!(
        world.error(&mut client, "FOO"),
        "ERR unknown command 'FOO', with args beginning with: "
    );
    let long = "y".repeat(300);
    let expected = format!(
        "ERR unknown command '{}', with args beginning with: '{}' ",
        &long[..128],
        &long[..128]
    );
    assert_eq!(world.error(&mut client, &format!("{long} {long} z")), expected);
    let reply = world.request(&mut client, &[b"a\r\nb", b"c\nd"]);
    let text = "ERR unknown command 'a  b', with args beginning with: 'c d' ";
    assert_eq!(reply, Value::Error(text.into()));
    for line in ["VMALLOC", "vfree", "VREAD 1 2", "VWRITE 1 2", "VINFO", "VWALK", "VPROBE 1"] {
        let name = line.split(' ').next().unwrap().to_lowercase();
        let expected = format!("ERR wrong number of arguments for '{name}' command");
        assert_eq!(world.error(&mut client, line), expected);
    }
    assert_eq!(
        world.error(&mut client, "PING a b"),
        "ERR wrong number of arguments for 'ping' command"
    );
}

#[test]
fn sizes_alignments_and_options() {
    let mut world = World::new();
    let mut client = world.connect();
    let before = world.check(&mut client);
    let size = "INVAL a size is bytes below 2^64, with optional K, M, G or T, not";
    let long = "n".repeat(513);
    let cases = [
        ("VMALLOC 0", "INVAL size 0".to_owned()),
        ("VMALLOC 18446744073709551616", format!("{size} '18446744073709551616'")),
        ("VMALLOC 16777216T", format!("{size} '16777216T'")),
        ("VMALLOC -1", format!("{size} '-1'")),
        ("VMALLOC +1", format!("{size} '+1'")),
        ("VMALLOC 4096x", format!("{size} '4096x'")),
        ("VMALLOC 0x1000", format!("{size} '0x1000'")),
        ("VMALLOC 1 ALIGN 0", "INVAL alignment 0 is not a power of two".to_owned()),
        ("VMALLOC 1 ALIGN 3", "INVAL alignment 3 is not a power of two".to_owned()),
        ("VMALLOC 1 ALIGN x", "INVAL ALIGN is a number of bytes, not 'x'".to_owned()),
        ("VMALLOC 1 ALIGN", "INVAL option ALIGN has no value".to_owned()),
        ("VMALLOC 1 PROT r", "INVAL rights are rw, ro, rx or none, not 'r'".to_owned()),
        (
            "VMALLOC 1 PROT rwx",
            "WXVIOLATION a region is writable or executable, not both".to_owned(),
        ),
        ("VMALLOC 1 COLOR red", "INVAL unknown option 'COLOR'".to_owned()),
        ("VMALLOC 1 NODE 1", "NONODE node 1, nodes 1".to_owned()),
        ("VMALLOC 1 NODE x", "INVAL NODE is the number of a node, not 'x'".to_owned()),
        ("VMALLOC 1 huge much", "INVAL HUGE is never, try or must, not 'much'".to_owned()),
        ("VMALLOC 1 HUGE must", "INVAL size 1 is less than 2 MiB".to_owned()),
        (
            "VMALLOC 1 LEASE 0",
            "INVAL a lease is between 1 ms and a hundred years, not '0'".to_owned(),
        ),
        ("VMALLOC 1 IDEM x", "INVAL option IDEM is not served yet".to_owned()),
        ("VMALLOC 1 REPLACE", "INVAL REPLACE needs a NAME".to_owned()),
        (&format!("VMALLOC 1 NAME {long}"), "INVAL a name of 513 bytes exceeds 512".to_owned()),
    ];
    for (line, expected) in cases {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
    assert_eq!(world.check(&mut client), before, "nothing leaks");
}

#[test]
fn more_than_there_is() {
    let mut world = World::new();
    let mut client = world.connect();
    let before = world.check(&mut client);
    let usable = (world.counter(&mut client, "frames_free") * 4096) >> 20;
    assert_eq!(
        world.error(&mut client, "VMALLOC 1T"),
        format!("TOOBIG 1T exceeds {usable}M of usable memory")
    );
    // The largest sizes, and one that overflows with its guard page, are refused in the same way.
    world.ok(&mut client, "VMALLOC 1 NAME r");
    for bytes in [1 << 63, u64::MAX - 4096, u64::MAX] {
        let expected = format!("TOOBIG {bytes} exceeds {usable}M of usable memory");
        assert_eq!(world.error(&mut client, &format!("VMALLOC {bytes}")), expected);
        let resized = world.error(&mut client, &format!("VREALLOC @r {bytes}"));
        assert!(
            resized.starts_with("TOOBIG ") && resized.ends_with("of usable memory"),
            "{resized}"
        );
    }
    world.ok(&mut client, "VFREE @r");
    world.purge(&mut client);
    assert_eq!(
        world.error(&mut client, "VMALLOC 1T SOFT"),
        format!("TOOBIG 1T exceeds {usable}M of usable memory")
    );
    world.ok(&mut client, "VMALLOC 10M");
    let error = world.error(&mut client, "VMALLOC 10M");
    let free = world.counter(&mut client, "frames_free");
    assert!(error.starts_with("NOMEM need 25"), "{error}");
    assert!(error.ends_with(&format!(", {free} free")), "{error}");
    assert_eq!(world.ok(&mut client, "VMALLOC 10M SOFT"), Value::Null);
    assert!(world.error(&mut client, "VMALLOC 1 ALIGN 1T").starts_with("NOVA need "));
    world.ok(&mut client, "VFREEALL");
    world.purge(&mut client);
    assert_eq!(counts(&world.check(&mut client)), counts(&before));
}

/// Returns the reply of `VCHECK` without generation and time.
fn counts(text: &str) -> &str {
    text.split(" generation").next().unwrap()
}

#[test]
fn regions_that_are_not_there() {
    let mut world = World::new();
    let mut client = world.connect();
    let cases = [
        ("VINFO 77", "NOENT no region 77"),
        ("VINFO 0", "NOENT no region 0"),
        ("VINFO 18446744073709551615", "NOENT no region 18446744073709551615"),
        ("VREAD @none 0 1", "NOENT no region named none"),
        ("VFREE STRICT 77", "NOENT no region 77"),
        ("VFREE STRICT @none", "NOENT no region named none"),
        ("VFREE STRICT", "INVAL STRICT needs a region"),
        ("VFREE x", "INVAL a region is an id or @name, not 'x'"),
        ("VFREE -1", "INVAL a region is an id or @name, not '-1'"),
        ("VPTE 77", "NOENT no region 77"),
        (
            "VPROBE 0xzz r",
            "INVAL an address is canonical, hexadecimal with 0x, or decimal, not '0xzz'",
        ),
        (
            "VPROBE 0x800000000000 r",
            "INVAL an address is canonical, hexadecimal with 0x, or decimal, not '0x800000000000'",
        ),
        ("VPROBE 4096 q", "INVAL an access is r, w or x, not 'q'"),
        (
            "VWALK 0x800000000000",
            "INVAL an address is canonical, hexadecimal with 0x, or decimal, not '0x800000000000'",
        ),
        ("VLIST COUNT 0", "INVAL COUNT is a number above 0, not '0'"),
        ("VLIST CURSOR 0xfffffffff", "INVAL CURSOR is 0 or what VLIST gave, not '0xfffffffff'"),
        ("VLIST STATE odd", "INVAL STATE is busy, lazy or all, not 'odd'"),
        ("VLIST CURSOR x", "INVAL CURSOR is 0 or what VLIST gave, not 'x'"),
        ("VLIST FOO", "INVAL unknown option 'FOO'"),
        ("VSTATS nothing", "INVAL a section of VSTATS, not 'nothing'"),
        ("VPURGE NOW", "INVAL unknown option 'NOW'"),
        ("VCHECK WHOLE", "INVAL unknown option 'WHOLE'"),
        ("VLIST OWNER x", "INVAL OWNER is a number, 0 has names, not 'x'"),
        ("VMALLOCINFO ALL", "INVAL unknown option 'ALL'"),
        ("VREALLOC 77 1", "NOENT no region 77"),
        ("VPROT 77 rw", "NOENT no region 77"),
        ("VFILL 77 0 1 1", "NOENT no region 77"),
        ("VFILL 77 0 1 256", "INVAL a byte is a number below 256, not '256'"),
        ("VSUM 77 1", "NOENT no region 77"),
        ("VLEASE 77 1", "NOENT no region 77"),
        ("VMALLOCN 0 1", "INVAL a count is between 1 and 1024, not '0'"),
        ("VMALLOCN 1025 1", "INVAL a count is between 1 and 1024, not '1025'"),
        ("VMALLOCN 1 1 NAME a", "INVAL VMALLOCN makes regions without a name"),
        ("VINJECT page 1", "INVAL a reservation is region, area, frame or table, not 'page'"),
        ("VINJECT frame 4294967296", "INVAL a count is a number below 2^32, not '4294967296'"),
        ("VQUOTA SET", "INVAL VQUOTA takes GET, or SET with names and numbers"),
        ("VQUOTA SET FRAMES 1", "INVAL a quota is REGIONS, BYTES or NAMED, not 'FRAMES'"),
    ];
    for (line, expected) in cases {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
    for line in ["VFREE 77", "VFREE @none 1 2 3"] {
        assert_eq!(world.ok(&mut client, line), Value::Integer(0));
    }
    let id = world.ok(&mut client, "VMALLOC 1").items()[0].integer();
    assert_eq!(world.ok(&mut client, &format!("VFREE {id} {id}")), Value::Integer(1));
    assert_eq!(
        world.error(&mut client, &format!("VINFO {id}")),
        format!("NOENT region {id} is gone")
    );
    assert_eq!(
        world.error(&mut client, &format!("VFREE STRICT {id}")),
        format!("NOENT region {id} is gone")
    );
}

#[test]
fn ranges() {
    let mut world = World::new();
    let mut client = world.connect();
    world.ok(&mut client, "VZALLOC 10000 ALIGN 64K NAME buf");
    let cases = [
        ("VWRITE @buf 9998 abcd", "RANGE region=1 name=buf offset=9998 length=4 requested=10000"),
        ("VREAD @buf 0 10001", "RANGE region=1 name=buf offset=0 length=10001 requested=10000"),
        ("VREAD 1 10001 0", "RANGE region=1 name=buf offset=10001 length=0 requested=10000"),
        (
            "VREAD @buf 18446744073709551615 2",
            "RANGE region=1 name=buf offset=18446744073709551615 length=2 requested=10000",
        ),
        ("VREAD @buf -1 1", "INVAL an offset is a number of bytes, not '-1'"),
        ("VREAD @buf 0 x", "INVAL a length is a number of bytes, not 'x'"),
        ("VPTE @buf 0 4", "RANGE region=1 name=buf offset=0 length=16384 requested=10000"),
    ];
    for (line, expected) in cases {
        assert_eq!(world.error(&mut client, line), expected, "{line}");
    }
    world.ok(&mut client, "VMALLOC 5000 PROT ro");
    assert_eq!(world.error(&mut client, "VWRITE 2 10 x"), "FAULT region=2 offset=10 access=write");
    assert_eq!(
        world.error(&mut client, "VWRITE 2 4998 abcd"),
        "RANGE region=2 offset=4998 length=4 requested=5000"
    );
}

#[test]
fn a_request_that_cannot_be_held_is_refused_and_thrown_away() {
    // Requests may have a quarter of 16 MiB.
    let mut world = World::with("", 4096);
    let mut client = world.connect();
    let large = vec![b'\n'; 5 << 20];
    for arguments in [
        &[&b"ECHO"[..], &large][..],
        &[&b"VFREE"[..], &large, b"1", &large][..],
        &[&b"VWRITE"[..], &large, b"0", b"x"][..],
        &[&b"VWRITE"[..], b"1", b"0", &large, b"more"][..],
        &[&large[..]][..],
    ] {
        let reply = world.request(&mut client, arguments);
        let Value::Error(text) = reply else { panic!("{reply:?}") };
        assert!(text.starts_with("LIMIT request of at least 52"), "{text}");
        assert!(text.ends_with(" exceeds 4193280"), "{text}");
        assert_eq!(world.ask(&mut client, "PING"), Value::Status("PONG".into()));
    }
}

#[test]
fn binary_garbage_affects_no_other_client() {
    let mut world = World::new();
    let mut bystander = world.connect();
    let before = world.check(&mut bystander);
    let mut state = 0x1234_5678_9abc_def1u64;
    for _ in 0..200 {
        let mut client = world.connect();
        let mut bytes = Vec::new();
        for _ in 0..300 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        // Half of the garbage looks like the start of a request.
        if state & 1 == 0 {
            let front = multibulk(&[b"VMALLOC", &bytes[..20], b"NAME"]);
            bytes.splice(..0, front[..front.len() - 3].iter().copied());
        }
        let socket = world.socket(&client);
        let _ = socket.send_slice(&bytes);
        world.settle();
        world.reset(&client);
        world.settle();
        let _ = world.raw(&mut client);
    }
    assert_eq!(world.ask(&mut bystander, "PING"), Value::Status("PONG".into()));
    assert_eq!(counts(&world.check(&mut bystander)), counts(&before));
}
