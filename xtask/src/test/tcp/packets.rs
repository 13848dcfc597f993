//! Transfers values in packets of every size.

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::resp::{Client, Reply, encode};
use crate::test::pattern::bytes;

/// Lengths of values around the capacities of a packet, of a buffer of a device, and of the bytes that a
/// client may send at once. The longest values are streamed.
const SIZES: [usize; 14] = [
    1, 63, 1_400, 1_460, 2_024, 2_036, 4_060, 8_192, 16_384, 20_000, 20_480, 65_000, 65_536,
    300_000,
];

/// Number of values in flight at the same time.
const AT_ONCE: usize = 4;

/// Sets values and gets them back, one by one and several at once. Every byte must be the same.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    for size in SIZES {
        let values: Vec<_> = (0..AT_ONCE).map(|seed| bytes(size, seed)).collect();
        let sets = values
            .iter()
            .enumerate()
            .map(|(key, value)| encode(&[b"SET".as_slice(), name(key).as_bytes(), value]));
        client.send(&sets.collect::<Vec<_>>().concat())?;
        for _ in &values {
            let reply = client.receive()?;
            ensure!(reply == Reply::Status("OK".into()), "SET of {size} bytes: {reply:?}");
        }
        let gets = (0..AT_ONCE).map(|key| encode(&["GET", &name(key)]));
        client.send(&gets.collect::<Vec<_>>().concat())?;
        for value in &values {
            same(&mut client, value).with_context(|| format!("GET of {size} bytes"))?;
        }
    }
    Ok(())
}

fn name(key: usize) -> String {
    format!("packets:{key}")
}

fn same(client: &mut Client, value: &[u8]) -> anyhow::Result<()> {
    let Reply::Bulk(Some(found)) = client.receive()? else { anyhow::bail!("no bulk string") };
    ensure!(found.len() == value.len(), "{} bytes", found.len());
    let wrong = found.iter().zip(value).position(|(found, value)| found != value);
    ensure!(wrong.is_none(), "byte {} is wrong", wrong.unwrap_or_default());
    Ok(())
}
