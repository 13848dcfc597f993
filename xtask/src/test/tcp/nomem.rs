//! Exhausts the memory and frees it, ten times.

use anyhow::{Context, ensure};

use super::subject::Subject;
use crate::resp::{Client, Reply, encode};
use crate::test::reports;

const ROUNDS: usize = 10;
const PAGE_BYTES: u64 = 4096;
const BATCH: usize = 256;

/// One client allocates until `NOMEM`, frees half, allocates that amount as one region, and frees all
/// regions.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let mut second = None;
    for round in 0..ROUNDS {
        let count = one_round(&mut client).with_context(|| format!("round {round}"))?;
        match (round, second) {
            (0, _) => {}
            (_, None) => second = Some(count),
            (_, Some(second)) => {
                ensure!(count == second, "{count} regions in round {round}, {second} in round 1");
            }
        }
    }
    Ok(())
}

fn one_round(client: &mut Client) -> anyhow::Result<usize> {
    let free = reports::stat(client, "frames_free")?;
    let ids = exhaust(client)?;
    let enough = ids.len() as u64 * 100 >= free * 95;
    ensure!(enough, "{} regions from {free} free frames", ids.len());

    let freed: Vec<u64> = ids.iter().copied().step_by(2).collect();
    let kept: Vec<u64> = ids.iter().copied().skip(1).step_by(2).collect();
    reports::free(client, &freed)?;
    let pages = freed.len() as u64 / 2;
    let size = (pages * PAGE_BYTES).to_string();
    let region = reports::allocated(client.call(&["VMALLOC", &size])?)?;
    mark_pages(client, region.id, pages)?;

    reports::free(client, &[region.id])?;
    reports::free(client, &kept)?;
    reports::purge(client)?;
    reports::check(client)?;
    Ok(ids.len())
}

/// Allocates regions of one page until the image refuses.
fn exhaust(client: &mut Client) -> anyhow::Result<Vec<u64>> {
    let request = encode(&["VMALLOC", "4096"]).repeat(BATCH);
    let mut ids = Vec::new();
    loop {
        client.send(&request)?;
        let mut refused = false;
        for _ in 0..BATCH {
            match client.receive()? {
                Reply::Error(error) => {
                    ensure!(error.starts_with("NOMEM "), "{error}");
                    refused = true;
                }
                reply => ids.push(reports::allocated(reply)?.id),
            }
        }
        if refused {
            return Ok(ids);
        }
    }
}

/// Writes the number of each page into the page, and then reads all pages back.
fn mark_pages(client: &mut Client, id: u64, pages: u64) -> anyhow::Result<()> {
    let id = id.to_string();
    let all: Vec<u64> = (0..pages).collect();
    for part in all.chunks(BATCH) {
        let requests = part.iter().flat_map(|page| {
            let offset = (page * PAGE_BYTES).to_string();
            let mark = page.to_le_bytes();
            encode(&[b"VWRITE", id.as_bytes(), offset.as_bytes(), mark.as_slice()])
        });
        client.send(&requests.collect::<Vec<_>>())?;
        for page in part {
            let written = reports::integer(client.receive()?)?;
            ensure!(written == 8, "{written} bytes written to page {page}");
        }
    }
    for part in all.chunks(BATCH) {
        let requests = part
            .iter()
            .flat_map(|page| encode(&["VREAD", &id, &(page * PAGE_BYTES).to_string(), "8"]));
        client.send(&requests.collect::<Vec<_>>())?;
        for page in part {
            let reply = client.receive()?;
            let right = reply == Reply::Bulk(Some(page.to_le_bytes().to_vec()));
            ensure!(right, "page {page} has {}", reply.terminal().trim_end());
        }
    }
    Ok(())
}
