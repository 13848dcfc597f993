//! Reading, writing and printing of replies.

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
fn numbers_stand_behind_their_names() {
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
        b":x\r\n",
        b"$3\r\nab\r\n",
        b"$2\r\nabcd",
        b"$-2\r\n",
        b"$99999999999\r\n",
        b"*1\r\n",
    ] {
        assert!(parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
    }
    assert!(parse(&b"*1\r\n".repeat(DEPTH_MAX + 1)).is_err());
}
