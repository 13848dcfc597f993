//! Reads reports of the image for tests.

use std::fmt;

use anyhow::{Context, bail, ensure};

use crate::resp::{Client, Reply};

/// The reply of a `VCHECK` that found no violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    line: String,
}

impl Audit {
    fn parse(line: &str) -> anyhow::Result<Self> {
        ensure!(line.starts_with("OK "), "VCHECK answers {line}");
        Ok(Self { line: line.to_owned() })
    }

    /// Returns the number after `name` in the reply, for example after `areas=`.
    pub(crate) fn number(&self, name: &str) -> anyhow::Result<u64> {
        let words = self.line.split(' ').filter_map(|word| word.split_once('='));
        let value = words.into_iter().find_map(|(key, value)| (key == name).then_some(value));
        value
            .and_then(|value| value.parse().ok())
            .with_context(|| format!("no {name}= in {}", self.line))
    }

    /// Returns the numbers of frames and of page tables in use.
    pub(crate) fn footprint(&self) -> anyhow::Result<(u64, u64)> {
        Ok((self.number("frames_used")?, self.number("table_pages")?))
    }

    /// Returns whether the numbers of areas, frames and page tables are at most those of the audit `before`.
    pub(crate) fn holds_no_more_than(&self, before: &Self) -> bool {
        ["areas", "frames_used", "table_pages"].iter().all(|name| {
            matches!((self.number(name), before.number(name)), (Ok(now), Ok(then)) if now <= then)
        })
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Audits the image.
///
/// # Errors
/// The audit failed.
pub(crate) fn check(client: &mut Client) -> anyhow::Result<Audit> {
    Audit::parse(&text(client.call(&["VCHECK"])?)?)
}

/// Audits the image, so that a later audit can be compared with this one.
///
/// When a page table first has regions of two owners, a page is allocated permanently to separate them. The
/// image's own regions are in a table that is never freed, so the first region of a client has that effect.
///
/// # Errors
/// As [`check`].
pub(crate) fn baseline(client: &mut Client) -> anyhow::Result<Audit> {
    let first = allocated(client.call(&["VMALLOC", "4096"])?)?;
    free(client, &[first.id])?;
    purge(client)?;
    check(client)
}

/// Purges all lazy areas, and releases all caches.
pub(crate) fn purge(client: &mut Client) -> anyhow::Result<()> {
    let reply = client.call(&["VPURGE", "SYNC"])?;
    ensure!(!reply.is_error(), "VPURGE SYNC answers {}", reply.terminal().trim_end());
    Ok(())
}

/// Reads a counter of `VSTATS`.
pub(crate) fn stat(client: &mut Client, name: &str) -> anyhow::Result<u64> {
    let reply = client.call(&["VSTATS"])?;
    let Reply::Array(Some(items)) = reply else {
        bail!("VSTATS answers {}", reply.terminal().trim_end());
    };
    for pair in items.chunks_exact(2) {
        let [key, value] = pair else { continue };
        if text(key.clone())? == name {
            return integer(value.clone());
        }
    }
    bail!("VSTATS has no {name}")
}

/// Converts a status or a bulk string to text.
pub(crate) fn text(reply: Reply) -> anyhow::Result<String> {
    match reply {
        Reply::Status(text) => Ok(text),
        Reply::Bulk(Some(bytes)) => Ok(String::from_utf8(bytes)?),
        other => bail!("a text was expected, not {}", other.terminal().trim_end()),
    }
}

/// Converts an integer reply, or a text reply that is a number.
pub(crate) fn integer(reply: Reply) -> anyhow::Result<u64> {
    match reply {
        Reply::Integer(number) => Ok(u64::try_from(number)?),
        other => {
            let text = text(other)?;
            text.parse().with_context(|| format!("a number was expected, not {text}"))
        }
    }
}

/// Converts a reply with an address, for example `0xffffc90000000000`.
pub(crate) fn address(reply: Reply) -> anyhow::Result<u64> {
    parse_address(&text(reply)?)
}

/// Parses an address, for example `0xffffc90000000000`.
pub(crate) fn parse_address(text: &str) -> anyhow::Result<u64> {
    let digits = text.strip_prefix("0x").with_context(|| format!("no address: {text}"))?;
    u64::from_str_radix(digits, 16).with_context(|| format!("no address: {text}"))
}

/// Returns the items of an array reply.
pub(crate) fn array(reply: Reply) -> anyhow::Result<Vec<Reply>> {
    match reply {
        Reply::Array(Some(items)) => Ok(items),
        other => bail!("an array was expected, not {}", other.terminal().trim_end()),
    }
}

/// The reply to an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// The region's id.
    pub(crate) id: u64,
    /// The address of the region's first byte.
    pub(crate) start: u64,
    /// The number of mapped bytes.
    pub(crate) bytes: u64,
}

/// Parses the reply of `VMALLOC` and `VZALLOC`.
pub(crate) fn allocated(reply: Reply) -> anyhow::Result<Allocated> {
    let items = array(reply)?;
    let [id, start, bytes] = <[Reply; 3]>::try_from(items)
        .map_err(|items| anyhow::anyhow!("{} items for an allocation", items.len()))?;
    Ok(Allocated { id: integer(id)?, start: address(start)?, bytes: integer(bytes)? })
}

/// Frees regions by their ids, with many ids in one command.
pub(crate) fn free(client: &mut Client, ids: &[u64]) -> anyhow::Result<()> {
    /// Maximum number of ids in one command, below the service's limit of 1024 arguments.
    const AT_ONCE: usize = 1000;
    for part in ids.chunks(AT_ONCE) {
        let mut words = vec!["VFREE".to_owned()];
        words.extend(part.iter().map(u64::to_string));
        let freed = integer(client.call(&words)?)?;
        ensure!(freed == part.len() as u64, "{freed} of {} were freed", part.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "OK areas=0 lazy=3 frames_used=312 table_pages=7 generation=19 us=412";

    #[test]
    fn audits_have_numbers() {
        let audit = Audit::parse(LINE).unwrap();
        assert_eq!(audit.footprint().unwrap(), (312, 7));
        assert!(audit.number("frames").is_err());
        assert!(Audit::parse("VIOLATION 3").is_err());
        let more = Audit::parse(&LINE.replace("312", "313")).unwrap();
        assert!(audit.holds_no_more_than(&more) && !more.holds_no_more_than(&audit));
    }

    #[test]
    fn allocations_are_triples() {
        let reply = Reply::Array(Some(vec![
            Reply::Integer(1),
            Reply::Bulk(Some(b"0xffffc90000010000".to_vec())),
            Reply::Integer(12288),
        ]));
        let expected = Allocated { id: 1, start: 0xffff_c900_0001_0000, bytes: 12288 };
        assert_eq!(allocated(reply).unwrap(), expected);
        assert!(allocated(Reply::Error("NOMEM".to_owned())).is_err());
    }
}
