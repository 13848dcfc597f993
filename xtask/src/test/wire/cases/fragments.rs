//! Tests that a request in IP fragments is reassembled (RFC 1122 section 3.3.2, RFC 791).

use anyhow::ensure;

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::findings::Findings;
use crate::test::wire::packet::{ETHERNET_BYTES, IPV4_BYTES, Part};
use crate::test::wire::peer::Peer;
use crate::test::wire::segment::{self, Out};
use crate::test::wire::topology::DEVICE;

/// Length of the text that the server must echo, in bytes.
const TEXT: usize = 1000;
/// The protocol number of TCP.
const TCP: u8 = 6;

/// A function that puts fragments into the order of their arrival.
type Arrange = fn(&mut Vec<Vec<u8>>);

/// Orders in which a network may deliver fragments.
const ORDERS: &[(&str, Arrange)] = &[
    ("in order", |_| {}),
    ("in reverse", |fragments| fragments.reverse()),
    ("with one twice", |fragments| {
        let copy = fragments[0].clone();
        fragments.insert(1, copy);
    }),
];

/// Tests fragments of several sizes, in several orders.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    bed.serve("fragments", &Boot::plain(), findings, |_, findings| {
        let mut port = 26_000;
        for size in [24, 200, 800] {
            for &(order, arrange) in ORDERS {
                port += 1;
                let claim = format!("a request in fragments of {size} bytes, {order}");
                findings.expect(&claim, echo(bed, port, size, arrange));
            }
        }
        Ok(())
    });
    Ok(())
}

fn echo(bed: &Bed<'_>, port: u16, size: usize, arrange: Arrange) -> anyhow::Result<String> {
    let mut peer = Peer::new(&bed.near, DEVICE, port)?;
    peer.open(0x5000_0000)?;
    let text = "z".repeat(TEXT);
    let request = crate::resp::encode(&["ECHO", &text]);
    let whole = peer.frame(Out::data(&request))?;
    peer.seq = peer.seq.wrapping_add(u32::try_from(request.len())?);
    let payload = whole.get(ETHERNET_BYTES + IPV4_BYTES..).unwrap_or_default();
    let mut fragments = Vec::new();
    for (number, piece) in payload.chunks(size).enumerate() {
        let offset = number * size;
        let more = offset + piece.len() < payload.len();
        let part = Part { identification: port, offset: u16::try_from(offset)?, more };
        fragments.push(peer.ends().raw(TCP, part, piece)?);
    }
    arrange(&mut fragments);
    fragments.iter().try_for_each(|fragment| peer.frames.send(fragment))?;
    let mut received = 0;
    let answers = peer.wait_for(|segment| {
        received += segment.data.len();
        received >= TEXT
    })?;
    ensure!(received >= TEXT, "{}", segment::show(&answers));
    peer.take(&answers);
    let (lives, _) = peer.pongs()?;
    ensure!(lives, "the connection is dead");
    peer.reset()?;
    Ok(format!("{} fragments, {received} bytes", fragments.len()))
}
