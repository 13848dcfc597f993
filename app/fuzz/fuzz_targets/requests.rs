//! The bytes of a connection, cut at any position, and a comparison with a Redis codec, with the files of `tests/requests`.
#![no_main]

#[path = "../../tests/requests/feed.rs"]
mod feed;
#[path = "../../tests/requests/oracle.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;

/// Number of cuts.
const CUTS: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let Some((cuts, bytes)) = bytes.split_first_chunk::<CUTS>() else { return };
    oracle::compare(bytes);
    let whole = feed::feed(bytes, &[]);
    assert_eq!(feed::feed(bytes, cuts), whole);
    assert_eq!(feed::bytewise(bytes), whole);
});
