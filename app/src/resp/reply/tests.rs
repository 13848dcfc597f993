use super::*;

fn written(room: usize, write: impl FnOnce(&mut Reply<'_>)) -> (Vec<u8>, usize) {
    let mut buffer = vec![0; room];
    let mut reply = Reply::new(&mut buffer);
    write(&mut reply);
    let length = reply.length();
    buffer.truncate(length);
    (buffer, length)
}

#[test]
fn every_kind() {
    let (bytes, _) = written(200, |reply| {
        reply.array(10);
        reply.status("OK");
        reply.error(format_args!("ERR {}", "a\nb"));
        reply.integer(u64::MAX);
        reply.integer(0);
        reply.null();
        reply.bulk(b"x\r\n");
        reply.bulk_of(format_args!("{}-{}", 1, 2));
        reply.bulk_hex(0xfedc_ba98_7654_3210);
        reply.bulk_hex(0);
        reply.bulk_hex(0x10);
        reply.array_by(|reply| {
            reply.integer(1);
            1
        });
    });
    let expected = "*10\r\n+OK\r\n-ERR a b\r\n:18446744073709551615\r\n:0\r\n$-1\r\n\
                    $3\r\nx\r\n\r\n$3\r\n1-2\r\n\
                    $18\r\n0xfedcba9876543210\r\n$3\r\n0x0\r\n$4\r\n0x10\r\n*1\r\n:1\r\n";
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

#[test]
fn bytes_behind_a_full_buffer_are_counted() {
    for room in 0..12 {
        let (_, length) = written(room, |reply| {
            reply.bulk_by(|reply| reply.raw(b"abcdef"));
        });
        assert_eq!(length, 12);
    }
    let (bytes, _) = written(12, |reply| reply.bulk_by(|reply| reply.raw(b"abcdef")));
    assert_eq!(bytes, b"$6\r\nabcdef\r\n");
    let (bytes, _) = written(12, |reply| {
        let mark = reply.mark();
        reply.integer(1);
        reply.prepend(mark, |reply| reply.array(1));
    });
    assert_eq!(bytes, b"*1\r\n:1\r\n");
}

#[test]
fn a_failed_fill_is_rolled_back() {
    let (bytes, _) = written(100, |reply| {
        reply.integer(1);
        assert_eq!(reply.bulk_in_place(10, |_| Err("no")), Err("no"));
        assert_eq!(reply.bulk_in_place(1000, |_| Err("not called")), Ok(()));
    });
    assert!(bytes.starts_with(b":1\r\n"));
}
