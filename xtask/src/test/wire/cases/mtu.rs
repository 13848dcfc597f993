//! Tests the MTU of the device and the MTU setting. The server must announce a segment size that fits, and
//! send no larger segment.

use anyhow::ensure;

use crate::test::wire::bed::Bed;
use crate::test::wire::boot::Boot;
use crate::test::wire::dial::Dial;
use crate::test::wire::findings::Findings;
use crate::test::wire::peer::Peer;
use crate::test::wire::topology::{self, DEVICE};

/// Length of the value that the peer reads, in bytes.
const VALUE: usize = 20_000;
/// Length of the IPv4 and TCP headers without options, in bytes.
const HEADERS: u16 = 40;

/// A row: the name of the case, properties of the device, words of the command line, and the expected MTU.
const CASES: &[(&str, &str, &str, u16)] = &[
    ("without a word", "", "", 1500),
    ("the device has 1400", ",host_mtu=1400", "", 1400),
    ("the setting is 1300", "", "mtu=1300", 1300),
    ("the device has 1400, the setting is 1300", ",host_mtu=1400", "mtu=1300", 1300),
    ("the setting is 576", "", "mtu=576", 576),
];

/// Tests each MTU on a server of its own.
pub(super) fn run(bed: &Bed<'_>, findings: &mut Findings) -> anyhow::Result<()> {
    for &(claim, card, line, mtu) in CASES {
        // Without segmentation offload, the segments on the device are those of a real link.
        let whole = if card.is_empty() { ",host_tso4=off" } else { ",host_mtu=1400,host_tso4=off" };
        bed.serve(claim, &Boot::plain().card(whole).line(line), findings, |_, findings| {
            findings.expect(claim, sizes(bed, mtu));
            Ok(())
        });
    }
    Ok(())
}

fn sizes(bed: &Bed<'_>, mtu: u16) -> anyhow::Result<String> {
    let mut near = Dial::PLAIN.client(&bed.near, topology::resp())?;
    near.call(&[b"SET".as_slice(), b"k", &vec![b'x'; VALUE]])?;
    let mut peer = Peer::new(&bed.near, DEVICE, 27_000)?;
    let answer = peer.open(0x6000_0000)?;
    let mss = answer.mss();
    let segments = peer.fetch(b"GET k\r\n", VALUE)?;
    peer.reset()?;
    let longest = segments.iter().map(|segment| segment.packet.len()).max().unwrap_or_default();
    let seen = format!("MSS {mss:?}, longest packet {longest} bytes");
    ensure!(mss == Some(mtu - HEADERS) && longest <= usize::from(mtu), "{seen}");
    // Segments that are much smaller than the MTU would reduce the rate.
    ensure!(longest + 100 > usize::from(mtu), "{seen}");
    Ok(seen)
}
