//! Builds a region from scattered frames, checks it through the page tables, and checks that it is freed
//! completely.

use anyhow::{Context, ensure};

use super::grammar;
use super::subject::Subject;
use crate::resp::{Client, Reply, encode};
use crate::test::reports;

const PAGE_BYTES: u64 = 4096;
/// Number of pages of 1 MiB.
const PAGES: usize = 256;
const PASSES: usize = 3;
/// Number of commands that are sent before their replies are read.
const BATCH: usize = 256;
/// One in this number of frames stays free, for the region under test.
const SPARED: u64 = 64;

/// Fills the memory, frees every second region, and allocates 1 MiB from the gaps.
pub(super) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let before = reports::baseline(&mut client)?;
    for pass in 0..PASSES {
        one_pass(&mut client).with_context(|| format!("pass {pass}"))?;
        reports::purge(&mut client)?;
        let after = reports::check(&mut client)?;
        // The first pass may fill caches. Later passes must not use more memory than the first one.
        if pass > 0 {
            let (then, now) = (before.footprint()?, after.footprint()?);
            ensure!(now == then, "pass {pass}: frames and tables {now:?}, {then:?} at first");
        }
    }
    Ok(())
}

fn one_pass(client: &mut Client) -> anyhow::Result<()> {
    let ids = fill(client)?;
    let (holes, kept): (Vec<_>, Vec<_>) = ids.iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let only_ids = |pairs: Vec<(usize, &u64)>| pairs.into_iter().map(|(_, id)| *id).collect();
    let (holes, kept): (Vec<u64>, Vec<u64>) = (only_ids(holes), only_ids(kept));
    reports::free(client, &holes)?;
    reports::purge(client)?;

    let region = reports::allocated(client.call(&["VZALLOC", "1M", "NAME", "demo"])?)?;
    check_entries(client, region)?;
    check_bytes(client)?;
    check_list(client, region)?;
    check_guard(client, region)?;

    // A report about every region of one page would exceed the limit of a reply.
    reports::free(client, &kept)?;
    check_report(client, region)?;
    ensure!(reports::integer(client.call(&["VFREE", "@demo"])?)? == 1, "demo was not freed");
    Ok(())
}

/// Allocates regions of one page until nearly all frames are in use.
fn fill(client: &mut Client) -> anyhow::Result<Vec<u64>> {
    let free = reports::stat(client, "frames_free")?;
    let wanted = usize::try_from(free - free / SPARED)?;
    let mut ids = Vec::with_capacity(wanted);
    while ids.len() < wanted {
        let batch = BATCH.min(wanted - ids.len());
        client.send(&encode(&["VMALLOC", "4096"]).repeat(batch))?;
        let mut refused = None;
        for _ in 0..batch {
            match client.receive()? {
                Reply::Error(error) => refused = Some(error),
                reply => ids.push(reports::allocated(reply)?.id),
            }
        }
        if let Some(error) = refused {
            ensure!(error.starts_with("NOMEM "), "{error}");
            break;
        }
    }
    ensure!(ids.len() * 100 >= wanted * 90, "{} of {wanted} pages", ids.len());
    Ok(ids)
}

fn check_entries(client: &mut Client, region: reports::Allocated) -> anyhow::Result<()> {
    let rows = reports::array(client.call(&["VPTE", "@demo"])?)?;
    ensure!(rows.len() == PAGES, "VPTE shows {} entries", rows.len());
    let mut frames = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let row = reports::text(row)?;
        let fields: Vec<_> = row.split(' ').collect();
        ensure!(fields.len() > 3, "a row of VPTE has 4 fields: {row}");
        let page = reports::parse_address(fields[0])?;
        ensure!(page == region.start + index as u64 * PAGE_BYTES, "entry {index} is of {page:#x}");
        ensure!(fields[1] == "1" && fields[3] == "P", "no present leaf: {row}");
        let frame = reports::parse_address(fields[2])?;
        ensure!(frame % PAGE_BYTES == 0 && frame != 0, "no frame: {row}");
        frames.push(frame);
    }
    let apart = frames.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) != PAGE_BYTES).count();
    ensure!(apart * 10 >= (PAGES - 1) * 9, "only {apart} of {} neighbours are apart", PAGES - 1);
    frames.sort_unstable();
    frames.dedup();
    ensure!(frames.len() == PAGES, "{} frames for {PAGES} pages", frames.len());
    Ok(())
}

/// New memory must be zero. Written bytes must be read back, within pages and across pages.
fn check_bytes(client: &mut Client) -> anyhow::Result<()> {
    let size = PAGES * usize::try_from(PAGE_BYTES)?;
    let half = size / 2;
    let read = |client: &mut Client, offset: usize, length: usize| -> anyhow::Result<Vec<u8>> {
        let reply = client.call(&["VREAD", "@demo", &offset.to_string(), &length.to_string()])?;
        match reply {
            Reply::Bulk(Some(bytes)) => Ok(bytes),
            other => anyhow::bail!("VREAD answers {}", other.terminal().trim_end()),
        }
    };
    ensure!(read(client, 0, half)?.iter().all(|byte| *byte == 0), "fresh memory is not zero");
    // The period of the pattern is not a page, so exchanged pages are detected.
    let pattern: Vec<u8> = (0..size).map(|index| (index % 251).to_le_bytes()[0]).collect();
    for (offset, part) in [(0, &pattern[..half]), (half, &pattern[half..])] {
        let offset = offset.to_string();
        let words: [&[u8]; 4] = [b"VWRITE", b"@demo", offset.as_bytes(), part];
        ensure!(reports::integer(client.call(&words)?)? == part.len() as u64, "a short write");
    }
    ensure!(read(client, 0, half)? == pattern[..half], "the first half differs");
    ensure!(read(client, half, half)? == pattern[half..], "the second half differs");
    Ok(())
}

fn check_report(client: &mut Client, region: reports::Allocated) -> anyhow::Result<()> {
    let rows = grammar::parse(&reports::text(client.call(&["VMALLOCINFO"])?)?)?;
    let row = rows.iter().find(|row| row.start == region.start).context("demo is not listed")?;
    ensure!(row.pages == Some(PAGES as u64), "demo has {:?} pages", row.pages);
    ensure!(row.end - row.start == (PAGES as u64 + 1) * PAGE_BYTES, "no guard after demo");
    Ok(())
}

/// `VLIST` from the address of the region must list that region first.
fn check_list(client: &mut Client, region: reports::Allocated) -> anyhow::Result<()> {
    let cursor = format!("{:#x}", region.start);
    let reply = client.call(&["VLIST", "CURSOR", &cursor, "COUNT", "1"])?;
    let text = reply.terminal();
    ensure!(text.contains(&cursor) && text.contains("demo"), "VLIST answers {text}");
    Ok(())
}

/// An access after the end of the region must fault and be attributed to the region. The image must continue.
fn check_guard(client: &mut Client, region: reports::Allocated) -> anyhow::Result<()> {
    let guard = format!("{:#x}", region.start + region.bytes);
    for access in ["r", "w"] {
        let answer = reports::text(client.call(&["VPROBE", &guard, access])?)?;
        let named = format!("region={} name=demo", region.id);
        ensure!(
            answer.starts_with("fault guard ") && answer.contains(&named),
            "VPROBE {access} of the guard answers {answer}"
        );
    }
    let last = format!("{:#x}", region.start + region.bytes - 1);
    let answer = reports::text(client.call(&["VPROBE", &last, "r"])?)?;
    ensure!(answer == "ok", "VPROBE of the last byte answers {answer}");
    Ok(())
}
