//! Tests of the request parser: with bytes that are cut at any position, and in comparison with another implementation
//! of the protocol.
//!
//! The fuzz target `requests` runs the same two checks on arbitrary bytes.

mod feed;
mod oracle;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

/// Arguments of a request, sometimes too long to be held.
fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let argument = prop_oneof![
        6 => vec(any::<u8>(), 0..20),
        2 => vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'$'), Just(b'1')], 0..9),
        1 => vec(any::<u8>(), 100..400),
    ];
    vec(argument, 1..=feed::ARGUMENTS)
}

/// Generates a part of the bytes that a client sends.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => arguments().prop_map(|arguments| oracle::encode(&arguments)),
        2 => "(PING|ECHO 'a b'|\"\\\\x41\" c|)\r?\n".prop_map(String::into_bytes),
        1 => "[*$]-?[0-9]{0,3}\r\n".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
    ]
}

/// Positions of cuts, as fractions of the whole.
fn cuts() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..12)
}

/// Many cases, because each is cheap. Seeds are not kept, because a finding becomes a separate test.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arguments_are_those_of_a_redis_codec(arguments in arguments()) {
        let bytes = oracle::encode(&arguments);
        assert_eq!(oracle::decode(&bytes), Some((arguments, bytes.len())));
        oracle::compare(&bytes);
    }

    #[test]
    fn cuts_have_no_effect(pieces in vec(piece(), 1..6), cuts in cuts()) {
        let bytes = pieces.concat();
        oracle::compare(&bytes);
        let whole = feed::feed(&bytes, &[]);
        assert_eq!(feed::feed(&bytes, &cuts), whole);
        assert_eq!(feed::bytewise(&bytes), whole);
    }
}
