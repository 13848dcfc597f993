//! Reading, writing and printing of replies.

use std::io;

use super::read::DEPTH_MAX;
use super::*;

fn parse(mut bytes: &[u8]) -> io::Result<Reply> {
    let reply = Reply::read(&mut bytes)?;
    assert!(bytes.is_empty(), "{} bytes are left", bytes.len());
    Ok(reply)
}

fn printed(bytes: &[u8]) -> String {
    parse(bytes).unwrap().terminal()
}

#[test]
fn commands_are_arrays_of_bulks() {
    assert_eq!(encode(&["VREAD", "@x"]), b"*2\r\n$5\r\nVREAD\r\n$2\r\n@x\r\n");
    assert_eq!(encode(&[b"\r\n".as_slice()]), b"*1\r\n$2\r\n\r\n\r\n");
}

#[test]
fn scalars_print_as_redis_cli_does() {
    assert_eq!(printed(b"+OK areas=0\r\n"), "OK areas=0\n");
    assert_eq!(printed(b"-ERR no\r\n"), "(error) ERR no\n");
    assert_eq!(printed(b":-7\r\n"), "(integer) -7\n");
    assert_eq!(printed(b"$-1\r\n"), "(nil)\n");
    assert_eq!(printed(b"*-1\r\n"), "(nil)\n");
    assert_eq!(printed(b"*0\r\n"), "(empty array)\n");
    assert_eq!(printed(b"$0\r\n\r\n"), "\"\"\n");
}

#[test]
fn strings_are_escaped() {
    assert_eq!(
        printed(b"$12\r\na\"\\\n\r\t\x07\x08\x00\xff~ \r\n"),
        "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff~ \"\n"
    );
}

#[test]
fn arrays_are_numbered_and_nested() {
    assert_eq!(printed(b"*2\r\n:1\r\n$1\r\na\r\n"), "1) (integer) 1\n2) \"a\"\n");
    assert_eq!(
        printed(b"*2\r\n*2\r\n:1\r\n:2\r\n*0\r\n"),
        "1) 1) (integer) 1\n   2) (integer) 2\n2) (empty array)\n"
    );
}

#[test]
fn numbers_are_aligned_from_ten_on() {
    let mut bytes = b"*10\r\n".to_vec();
    bytes.extend(b":0\r\n".repeat(10));
    let text = printed(&bytes);
    assert!(text.starts_with(" 1) (integer) 0\n"), "{text}");
    assert!(text.ends_with("\n10) (integer) 0\n"), "{text}");
}

#[test]
fn raw_prints_the_bytes() {
    assert_eq!(parse(b"*2\r\n:1\r\n$1\r\n\xff\r\n").unwrap().raw(), b"1\n\xff\n");
    assert_eq!(parse(b"-ERR no\r\n").unwrap().raw(), b"ERR no\n\n");
    assert_eq!(parse(b"$-1\r\n").unwrap().raw(), b"\n");
}

#[test]
fn numbers_follow_their_names() {
    let reply = parse(b"*4\r\n$1\r\na\r\n:7\r\n$1\r\nb\r\n:-1\r\n").unwrap();
    assert_eq!((reply.entry("a"), reply.entry("b"), reply.entry("c")), (Some(7), None, None));
    assert_eq!(Reply::Integer(7).entry("a"), None);
}

#[test]
fn broken_replies_are_errors() {
    for bytes in [
        b"".as_slice(),
        b"+OK",
        b"\r\n",
        b"!x\r\n",
        b"_x\r\n",
        b"#x\r\n",
        b",x\r\n",
        b",infinite\r\n",
        b"(1.5\r\n",
        b"=3\r\nabc\r\n",
        b"%-1\r\n",
        b"~?\r\n",
        b"%1\r\n+a\r\n",
        b"@x\r\n",
        b":x\r\n",
        b"$3\r\nab\r\n",
        b"$2\r\nabcd",
        b"$-2\r\n",
        b"$99999999999\r\n",
        b"*1\r\n",
    ] {
        assert!(parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
    }
    for nested in [b"*1\r\n", b"~1\r\n", b">1\r\n", b"%1\r\n", b"|0\r\n"] {
        let error = parse(&nested.repeat(DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    }
}

/// Bytes, and the output of redis-cli 7.0.15 for them with `--no-raw` and with `--raw`. redis-cli does not
/// support big numbers, bulk errors and attributes.
const RESP3: &[(&[u8], &str, &str)] = &[
    (b"_\r\n", "(nil)\n", "\n"),
    (b"#t\r\n", "(true)\n", "(true)\n"),
    (b"#f\r\n", "(false)\n", "(false)\n"),
    (b",3.25\r\n", "(double) 3.25\n", "3.25\n"),
    (b",-inf\r\n", "(double) -inf\n", "-inf\n"),
    (
        b"(-12345678901234567890\r\n",
        "(big number) -12345678901234567890\n",
        "-12345678901234567890\n",
    ),
    (b"=8\r\ntxt:a\nbc\r\n", "a\nbc\n", "a\nbc\n"),
    (b"!5\r\nERR x\r\n", "(error) ERR x\n", "ERR x\n\n"),
    (b"%0\r\n", "(empty hash)\n", "\n"),
    (b"~0\r\n", "(empty set)\n", "\n"),
    (b"~2\r\n+a\r\n:1\r\n", "1~ a\n2~ (integer) 1\n", "a\n1\n"),
    (b"|1\r\n+ttl\r\n:5\r\n+OK\r\n", "OK\n", "OK\n"),
    (
        b"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*2\r\n:1\r\n%1\r\n+x\r\n#t\r\n",
        "1# a => (integer) 1\n2# \"b\" => \n   1) (integer) 1\n   2) 1# x => (true)\n",
        "a 1\nb 1\nx (true)\n",
    ),
    (
        b"*2\r\n~2\r\n:1\r\n:2\r\n%1\r\n+a\r\n~1\r\n+b\r\n",
        "1) 1~ (integer) 1\n   2~ (integer) 2\n2) 1# a => 1~ b\n",
        "1\n2\na b\n",
    ),
    (
        b"%1\r\n%1\r\n+a\r\n+b\r\n%1\r\n+c\r\n*2\r\n:1\r\n:2\r\n",
        "1# 1# a => b => \n   1# c => \n      1) (integer) 1\n      2) (integer) 2\n",
        "a b c 1\n2\n",
    ),
    (
        b"%1\r\n+a\r\n*1\r\n>2\r\n:1\r\n:2\r\n",
        "1# a => \n   1) 1) (integer) 1\n      2) (integer) 2\n",
        "a 1\n2\n",
    ),
    (
        b"%2\r\n+a\r\n*0\r\n+b\r\n%0\r\n",
        "1# a => (empty array)\n2# b => (empty hash)\n",
        "a \nb \n",
    ),
    (b"%1\r\n+a\r\n=7\r\ntxt:a\nb\r\n", "1# a => a\nb\n", "a a\nb\n"),
];

#[test]
fn resp3_prints_as_redis_cli_does() {
    for (bytes, terminal, raw) in RESP3 {
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(printed(bytes), *terminal, "{shown:?}");
        assert_eq!(String::from_utf8(parse(bytes).unwrap().raw()).unwrap(), *raw, "{shown:?}");
    }
}
