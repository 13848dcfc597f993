//! Comparison with a Redis codec.

use app::resp::{self, Parsed, Ranges, Resume};
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};
use redis_protocol::resp2::{decode, encode};

use super::feed::{ARGUMENTS, LIMITS};

/// Writes a request as an array of bulk strings.
pub(crate) fn encode(arguments: &[Vec<u8>]) -> Vec<u8> {
    let strings = arguments.iter().cloned().map(OwnedFrame::BulkString);
    let frame = OwnedFrame::Array(strings.collect());
    let mut bytes = vec![0; frame.encode_len(false)];
    let written = encode::encode(&mut bytes, &frame, false);
    assert_eq!(written.ok(), Some(bytes.len()), "the codec knows how long it is");
    bytes
}

/// Decodes an array of bulk strings at the front with the codec. Returns the strings and the number of bytes.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let (OwnedFrame::Array(frames), consumed) = decode::decode(bytes).ok()?? else { return None };
    let bulk = |frame| match frame {
        OwnedFrame::BulkString(bytes) => Some(bytes),
        _ => None,
    };
    Some((frames.into_iter().map(bulk).collect::<Option<_>>()?, consumed))
}

/// Parses the first request in `bytes` with the image's parser and with the Redis codec. If the request is encoded
/// as [`encode`] writes it, both must return the same arguments and the same length. If the image's parser does
/// not return such a request, the codec must not find one within the limits either.
///
/// # Panics
/// The results differ.
pub(crate) fn compare(bytes: &[u8]) {
    let mut ranges = Ranges::with_limit(ARGUMENTS, LIMITS.inline_bytes);
    let parsed = resp::parse(bytes, &LIMITS, &mut ranges, &mut Resume::default());
    let ours: Vec<_> = ranges.within(bytes).iter().map(<[u8]>::to_vec).collect();
    let theirs = decode(bytes).filter(|(arguments, _)| bytes.starts_with(&encode(arguments)));
    match parsed {
        // The codec accepts `+1` and `01` as numbers, and Redis accepts any byte as the LF of a header.
        Parsed::Request { consumed } if bytes.starts_with(&encode(&ours)) => {
            assert_eq!(theirs, Some((ours, consumed)));
        }
        _ => {
            let fits = |(arguments, length): &(Vec<Vec<u8>>, usize)| {
                (1..=ARGUMENTS).contains(&arguments.len()) && *length <= LIMITS.held_bytes
            };
            assert_eq!(theirs.filter(fits), None, "{parsed:?}");
        }
    }
}
