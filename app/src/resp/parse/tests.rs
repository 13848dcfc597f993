use super::*;

const LIMITS: Limits =
    Limits { inline_bytes: 64, bulk_bytes: 1000, arguments: 8, held_bytes: 256, is_admitted: true };

fn look(bytes: &[u8]) -> (Parsed, Vec<Vec<u8>>) {
    let mut ranges = Ranges::with_limit(8, LIMITS.inline_bytes);
    let parsed = parse(bytes, &LIMITS, &mut ranges, &mut Resume::default());
    let arguments = ranges.within(bytes).iter().map(<[u8]>::to_vec).collect();
    (parsed, arguments)
}

fn broken(bytes: &[u8]) -> ProtocolError {
    match look(bytes).0 {
        Parsed::Broken(error) => error,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn whole_requests() {
    let (parsed, arguments) = look(b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\nPING");
    assert_eq!(parsed, Parsed::Request { consumed: 22 });
    assert_eq!(arguments, [&b"ECHO"[..], b"\r\n"]);
    let (parsed, arguments) = look(b"ECHO \"a b\"\r\nPING");
    assert_eq!(parsed, Parsed::Request { consumed: 12 });
    assert_eq!(arguments, [&b"ECHO"[..], b"a b"]);
    assert_eq!(look(b"PING\n").0, Parsed::Request { consumed: 5 });
    assert_eq!(look(b"*1\r\n$0\r\n\r\n").1, [b""]);
}

#[test]
fn every_cut_is_incomplete() {
    for request in [&b"*3\r\n$4\r\nECHO\r\n$0\r\n\r\n$3\r\nabc\r\n"[..], b"ECHO 'a b' c\r\n"] {
        for cut in 0..request.len() {
            assert_eq!(look(&request[..cut]).0, Parsed::Incomplete, "cut at {cut}");
        }
        assert_eq!(look(request).0, Parsed::Request { consumed: request.len() });
    }
}

#[test]
fn empty_requests() {
    for request in ["\r\n", "\n", "  \r\n", "*0\r\n", "*-1\r\n"] {
        let consumed = request.len();
        assert_eq!(look(request.as_bytes()).0, Parsed::Empty { consumed }, "{request:?}");
    }
}

#[test]
fn errors_of_redis() {
    for count in ["x", "", "05", "2147483648", "99999999999999999999"] {
        let request = format!("*{count}\r\n");
        assert_eq!(broken(request.as_bytes()), ProtocolError::MultibulkLength, "{count}");
    }
    for length in ["-5", "-1", "x", "", "9999999999", "1001", "01"] {
        let request = format!("*1\r\n${length}\r\n");
        assert_eq!(broken(request.as_bytes()), ProtocolError::BulkLength, "{length}");
    }
    assert_eq!(broken(b"*1\r\nPING\r\n"), ProtocolError::ExpectedDollar { found: b'P' });
    assert_eq!(broken(b"ECHO \"a\r\n"), ProtocolError::UnbalancedQuotes);
    assert_eq!(broken(&[b'*'; 65]), ProtocolError::MultibulkCountTooLong);
    let mut request = b"*1\r\n$".to_vec();
    request.resize(4 + 65, b'1');
    assert_eq!(broken(&request), ProtocolError::BulkCountTooLong);
}

#[test]
fn an_inline_line_has_a_limit() {
    assert_eq!(look(&[b'a'; 64]).0, Parsed::Incomplete);
    assert_eq!(broken(&[b'a'; 65]), ProtocolError::InlineTooLong);
    let mut line = vec![b'a'; 65];
    line.push(b'\n');
    assert_eq!(broken(&line), ProtocolError::InlineTooLong);
}

#[test]
fn an_argument_that_cannot_be_held_is_reported_with_its_place() {
    let (parsed, arguments) = look(b"*4\r\n$6\r\nVWRITE\r\n$1\r\n1\r\n$1\r\n0\r\n$1000\r\nabc");
    let oversize = Oversize { consumed: 37, length: Some(1000), following: 0 };
    assert_eq!(parsed, Parsed::Oversize(oversize));
    assert_eq!(arguments, [&b"VWRITE"[..], b"1", b"0"]);
}

#[test]
fn many_small_arguments_that_cannot_be_held_together() {
    let mut request = b"*8\r\n".to_vec();
    for _ in 0..8 {
        request.extend_from_slice(b"$60\r\n");
        request.extend_from_slice(&[b'x'; 60]);
        request.extend_from_slice(b"\r\n");
    }
    // Three arguments fit into 256 bytes: 4 + 3 * 67 = 205; the fourth would end at 272.
    assert!(matches!(
        look(&request[..256]).0,
        Parsed::Oversize(Oversize { consumed: 205, length: None, following: 5 })
            | Parsed::Oversize(Oversize { consumed: 210, length: Some(60), following: 4 })
    ));
    // With an incomplete header the argument may still fit.
    assert_eq!(look(&request[..206]).0, Parsed::Incomplete);
    assert_eq!(look(&[&request[..205], b"$0\r\n\r\n"].concat()).0, Parsed::Incomplete);
}

#[test]
fn more_arguments_than_allowed_are_skipped() {
    for (request, consumed, following) in
        [(&b"*9\r\n$1\r\n"[..], 4, 9), (b"1 2 3 4 5 6 7 8 9\r\n", 19, 0)]
    {
        let rest = Oversize { consumed, length: None, following };
        assert_eq!(look(request).0, Parsed::TooMany(rest));
    }
}

#[test]
fn limits_are_lower_before_authentication() {
    let limits = Limits {
        arguments: 100,
        bulk_bytes: 100_000,
        held_bytes: 50_000,
        is_admitted: false,
        ..LIMITS
    };
    let mut ranges = Ranges::with_limit(8, 8);
    let mut look =
        |request: &str| parse(request.as_bytes(), &limits, &mut ranges, &mut Resume::default());
    assert_eq!(look("*11\r\n"), Parsed::Broken(ProtocolError::UnadmittedMultibulk));
    assert_eq!(look("*10\r\n$16385\r\n"), Parsed::Broken(ProtocolError::UnadmittedBulk));
    assert_eq!(look("*10\r\n$100001\r\n"), Parsed::Broken(ProtocolError::BulkLength));
    assert_eq!(look("*10\r\n$16384\r\n"), Parsed::Incomplete);
}

#[test]
fn arguments_behind_the_index_are_found() {
    let words: Vec<Vec<u8>> = (0..200).map(|number| vec![b'x'; number % 7]).collect();
    let mut request = b"*200\r\n".to_vec();
    for word in &words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(&[word, &b"\r\n"[..]].concat());
    }
    let limits = Limits { arguments: 200, held_bytes: 10_000, ..LIMITS };
    for pieces in [1, 3, request.len()] {
        let mut ranges = Ranges::with_limit(8, 8);
        let mut resume = Resume::default();
        let mut parsed = Parsed::Incomplete;
        for piece in 1..=pieces {
            assert_eq!(parsed, Parsed::Incomplete);
            let end = request.len() * piece / pieces;
            parsed = parse(&request[..end], &limits, &mut ranges, &mut resume);
        }
        // The second pass is that of a request that is served in a later turn.
        for _ in 0..2 {
            assert_eq!(parsed, Parsed::Request { consumed: request.len() });
            let arguments = ranges.within(&request);
            assert!(arguments.iter().eq(words.iter().map(Vec::as_slice)), "{pieces} pieces");
            assert_eq!((arguments.count(), arguments.get(199)), (200, Some(&words[199][..])));
            assert_eq!(arguments.get(200), None);
            let mut cursor = arguments.cursor(1);
            let from_one = core::iter::from_fn(|| arguments.next(&mut cursor));
            assert!(from_one.eq(words[1..].iter().map(Vec::as_slice)));
            parsed = parse(&request, &limits, &mut ranges, &mut resume);
        }
    }
}
