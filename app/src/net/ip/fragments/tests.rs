use std::ops::Range;
use std::vec::Vec;

use proptest::collection::{btree_set, vec};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::datagram::PAYLOAD_BYTES;
use super::*;

const SOURCE: [u8; 4] = [10, 0, 2, 2];

/// The header fields in which the fragments of the tests differ.
#[derive(Clone, Copy)]
struct Fields {
    source: [u8; 4],
    number: u16,
    words_of_options: usize,
}

const FIELDS: Fields = Fields { source: SOURCE, number: 77, words_of_options: 0 };

/// Returns a fragment with `payload` at `offset` in bytes. `more` is its "more fragments" flag.
fn packet(fields: Fields, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let header = 20 + 4 * fields.words_of_options;
    let mut bytes = vec![1; header];
    bytes[0] = 0x40 | u8::try_from(header / 4).unwrap();
    bytes.extend_from_slice(payload);
    let total = u16::try_from(bytes.len()).unwrap();
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    packet.set_total_len(total);
    packet.set_ident(fields.number);
    packet.set_dont_frag(false);
    packet.clear_flags();
    packet.set_more_frags(more);
    packet.set_frag_offset(u16::try_from(offset).unwrap());
    packet.set_next_header(smoltcp::wire::IpProtocol::Tcp);
    packet.set_src_addr(fields.source.into());
    packet.fill_checksum();
    bytes
}

/// Returns the fragment that contains the bytes `range` of `payload`.
fn part(fields: Fields, payload: &[u8], range: Range<usize>) -> Vec<u8> {
    packet(fields, range.start, range.end < payload.len(), &payload[range])
}

fn seconds(seconds: i64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

#[test]
fn the_whole_has_the_header_of_the_first_fragment() {
    let mut fragments = Fragments::new();
    let data = payload(1000);
    let with_options = Fields { words_of_options: 3, ..FIELDS };
    assert_eq!(fragments.add(&part(FIELDS, &data, 512..1000), seconds(1)), Ok(None));
    let first = part(with_options, &data, 0..512);
    let whole = fragments.add(&first, seconds(2)).unwrap().unwrap();
    assert_eq!(whole, packet(with_options, 0, false, &data));
    assert!(Ipv4Packet::new_checked(&*whole).unwrap().verify_checksum());
    assert_eq!(fragments.expire(seconds(100)), 0);
}

#[test]
fn bytes_behind_the_packet_do_not_count() {
    let mut fragments = Fragments::new();
    let data = payload(24);
    let mut padded = part(FIELDS, &data, 16..24);
    padded.resize(46, 0xff);
    assert_eq!(fragments.add(&padded, seconds(1)), Ok(None));
    let whole = fragments.add(&part(FIELDS, &data, 0..16), seconds(1)).unwrap().unwrap();
    assert_eq!(whole[20..], data);
}

#[test]
fn duplicates_are_ignored_and_contradictions_end_the_packet() {
    let data = payload(64);
    let mut other = data.clone();
    other[9] ^= 1;
    let longer = payload(72);
    let fragment = Err(Drop::Fragment);
    for (bytes, result) in [
        (part(FIELDS, &data, 0..16), Ok(None)),
        (part(FIELDS, &data, 48..64), Ok(None)),
        (part(FIELDS, &other, 0..16), fragment),
        (part(FIELDS, &data, 0..8), fragment),
        (part(FIELDS, &data, 0..24), fragment),
        (part(FIELDS, &data, 8..24), fragment),
        (part(FIELDS, &data, 8..16), fragment),
        // These fragments continue behind the known end of the packet, or end it at another place.
        (part(FIELDS, &longer, 48..64), fragment),
        (part(FIELDS, &longer, 40..64), fragment),
        (part(FIELDS, &longer, 64..72), fragment),
        (part(FIELDS, &data[..24], 16..24), fragment),
        (part(FIELDS, &data[..8], 0..8), fragment),
        // These fragments are empty, end within a unit of 8 bytes, or exceed the maximum payload.
        (packet(FIELDS, 16, true, &[]), fragment),
        (packet(FIELDS, 16, true, &[0; 9]), fragment),
        (packet(FIELDS, PAYLOAD_BYTES, false, &[0; 1]), fragment),
    ] {
        let mut fragments = Fragments::new();
        for range in [0..16, 48..64] {
            assert_eq!(fragments.add(&part(FIELDS, &data, range), seconds(1)), Ok(None));
        }
        let result = result.map(|_: Option<()>| None::<&mut [u8]>);
        assert_eq!(fragments.add(&bytes, seconds(1)), result);
        let last = fragments.add(&part(FIELDS, &data, 16..48), seconds(1));
        assert_eq!(last.is_ok_and(|whole| whole.is_some()), result.is_ok());
        // The refused packet keeps its slot, but is not counted as timed out.
        assert_eq!(fragments.expire(seconds(100)), 0);
    }
}

#[test]
fn two_adjacent_fragments_are_not_a_duplicate_of_one() {
    let (mut fragments, data) = (Fragments::new(), payload(64));
    for range in [0..16, 16..32] {
        assert_eq!(fragments.add(&part(FIELDS, &data, range), seconds(1)), Ok(None));
    }
    let both = part(FIELDS, &data, 0..32);
    assert_eq!(fragments.add(&both, seconds(1)), Err(Drop::Fragment));
}

#[test]
fn an_inconsistent_header_is_refused() {
    let mut fragments = Fragments::new();
    let mut bytes = part(FIELDS, &payload(64), 0..16);
    bytes[3] += 1;
    assert_eq!(fragments.add(&bytes, seconds(1)), Err(Drop::IpHeader));
}

#[test]
fn an_incomplete_packet_times_out() {
    let (mut fragments, data) = (Fragments::new(), payload(32));
    for (second, range) in [(1, 0..16), (15, 16..24)] {
        assert_eq!(fragments.add(&part(FIELDS, &data, range), seconds(second)), Ok(None));
    }
    assert_eq!(fragments.expire(seconds(15)), 0);
    assert_eq!(fragments.add(&part(FIELDS, &data, 24..32), seconds(16)), Ok(None));
    assert_eq!(fragments.expire(seconds(16)), 1);
    assert_eq!(fragments.add(&part(FIELDS, &data, 0..16), seconds(17)), Ok(None));
    assert!(fragments.add(&part(FIELDS, &data, 16..24), seconds(17)).unwrap().is_some());
}

#[test]
fn a_sender_has_at_most_half_of_the_slots() {
    let (mut fragments, data) = (Fragments::new(), payload(32));
    let other = Fields { source: [10, 0, 2, 3], ..FIELDS };
    assert_eq!(fragments.add(&part(other, &data, 0..16), seconds(1)), Ok(None));
    for number in 0..100 {
        let fields = Fields { number, ..FIELDS };
        assert_eq!(fragments.add(&part(fields, &data, 0..16), seconds(2)), Ok(None));
    }
    assert_eq!(fragments.expire(seconds(2)), 96);
    assert!(fragments.add(&part(other, &data, 16..32), seconds(2)).unwrap().is_some());
    let newest = Fields { number: 99, ..FIELDS };
    assert!(fragments.add(&part(newest, &data, 16..32), seconds(2)).unwrap().is_some());
}

#[test]
fn refused_and_oldest_packets_are_evicted() {
    let (mut fragments, data) = (Fragments::new(), payload(32));
    let of = |last: usize| {
        let source = [10, 0, 2, u8::try_from(last).unwrap()];
        Fields { source, ..FIELDS }
    };
    for last in 0..PLACES {
        let at = seconds(i64::try_from(last).unwrap());
        assert_eq!(fragments.add(&part(of(last), &data, 0..16), at), Ok(None));
    }
    let refused = fragments.add(&part(of(5), &data, 8..24), seconds(9));
    assert_eq!(refused, Err(Drop::Fragment));
    assert_eq!(fragments.add(&part(of(100), &data, 0..16), seconds(9)), Ok(None));
    assert_eq!(fragments.expire(seconds(9)), 0);
    assert_eq!(fragments.add(&part(of(101), &data, 0..16), seconds(9)), Ok(None));
    assert_eq!(fragments.expire(seconds(9)), 1);
    for (last, is_whole) in [(1, true), (4, true), (101, true), (0, false)] {
        let whole = fragments.add(&part(of(last), &data, 16..32), seconds(9)).unwrap();
        assert_eq!(whole.is_some(), is_whole, "sender {last}");
    }
}

/// Generates a payload, and the ranges of its fragments in random order.
fn cut_payload() -> impl Strategy<Value = (Vec<u8>, Vec<Range<usize>>)> {
    let cuts = btree_set(1..PAYLOAD_BYTES / 8, 0..40);
    (vec(any::<u8>(), 1..=PAYLOAD_BYTES), cuts).prop_flat_map(|(data, cuts)| {
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| 8 * cut).collect();
        ends.retain(|end| *end < data.len());
        ends.push(data.len());
        let mut start = 0;
        let ranges = ends.into_iter().map(|end| mem::replace(&mut start, end)..end);
        let ranges: Vec<_> = ranges.collect();
        (Just(data), Just(ranges).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn any_cutting_in_any_order_gives_the_same_bytes(
        (data, ranges) in cut_payload(),
        again in vec(any::<u16>(), 0..8),
    ) {
        let mut fragments = Fragments::new();
        let (last, others) = ranges.split_last().unwrap();
        for (at, range) in others.iter().enumerate() {
            prop_assert_eq!(fragments.add(&part(FIELDS, &data, range.clone()), seconds(1)), Ok(None));
            for again in &again {
                let range = others[usize::from(*again) % (at + 1)].clone();
                prop_assert_eq!(fragments.add(&part(FIELDS, &data, range), seconds(1)), Ok(None));
            }
        }
        let whole = fragments.add(&part(FIELDS, &data, last.clone()), seconds(1));
        let whole = whole.unwrap().unwrap();
        prop_assert_eq!(&whole[20..], &data[..]);
        prop_assert!(Ipv4Packet::new_checked(whole).unwrap().verify_checksum());
    }

    #[test]
    fn an_overlap_before_the_end_never_gives_a_packet(
        (data, ranges) in cut_payload(),
        at in any::<usize>(),
        (start, length) in (0..PAYLOAD_BYTES / 8, 1..40_usize),
    ) {
        let start = 8 * start;
        let end = (start + 8 * length).min(data.len());
        let overlap = start..end;
        let overlaps = |range: &Range<usize>| range.start < end && start < range.end;
        // After the last fragment the packet is complete, so the overlap must overlap an earlier one.
        let before = &ranges[..ranges.len() - 1];
        // The overlap must not end the payload: it could then complete the packet before another fragment contradicts
        // it.
        let is_met = start < end && end < data.len() && !ranges.contains(&overlap);
        let is_met = is_met && before.iter().any(overlaps);
        let mut fragments = Fragments::new();
        let mut parts = before.to_vec();
        parts.insert(at % ranges.len(), overlap);
        parts.push(ranges[ranges.len() - 1].clone());
        parts.extend(ranges.iter().cloned());
        if is_met {
            for range in parts {
                let added = fragments.add(&part(FIELDS, &data, range), seconds(1));
                prop_assert!(!added.is_ok_and(|whole| whole.is_some()));
            }
        }
    }

    #[test]
    fn random_fragments_never_panic(
        packets in vec((vec(any::<u8>(), 0..200), any::<[u8; 4]>(), any::<bool>()), 0..60),
    ) {
        let mut fragments = Fragments::new();
        for (second, (mut bytes, [length, more, offset, source], is_fixed)) in (0..).zip(packets) {
            if is_fixed && bytes.len() >= 20 {
                bytes[0] = 0x45 + (length & 3);
                (bytes[2], bytes[3]) = (0, u8::try_from(bytes.len()).unwrap_or(200) - length % 9);
                (bytes[4], bytes[5]) = (0, 0);
                (bytes[6], bytes[7]) = (more & 0x20, offset & 0x1f);
                bytes[9] = 6;
                bytes[12..20].fill(source & 1);
            }
            if let Ok(Some(whole)) = fragments.add(&bytes, seconds(second)) {
                prop_assert!(Ipv4Packet::new_checked(whole).unwrap().verify_checksum());
            }
        }
    }
}
