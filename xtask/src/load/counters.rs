//! Reads the counters of the image, and audits it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::violation::Violation;
use crate::resp::{Client, Reply};

/// Counters whose growth is reported.
const SHOWN: [&str; 24] = [
    "commands",
    "errors",
    "protocol_errors",
    "replies_spilled",
    "errands",
    "turns",
    "turns_long",
    "allocations",
    "allocations_failed",
    "frees",
    "frees_refused",
    "resizes_same",
    "resizes_shrunk",
    "resizes_grown",
    "resizes_moved",
    "resizes_copied",
    "purges",
    "shootdowns_full",
    "shootdowns_pages",
    "flushes_full",
    "flushes_by_page",
    "zeroed_hits",
    "zeroed_misses",
    "frames_used",
];
/// Maximum time in which the image must free the regions of ended connections.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two audits while these regions are being freed.
const LOOK: Duration = Duration::from_millis(50);

/// Counters by their names.
pub(super) type Counters = BTreeMap<String, i64>;

/// Reads all counters.
///
/// # Errors
/// The image does not reply with a map.
pub(super) fn read(client: &mut Client) -> anyhow::Result<Counters> {
    let reply = client.call(&["VSTATS"])?;
    let Reply::Array(Some(items)) = reply else {
        bail!("VSTATS answers {}", reply.terminal().trim_end());
    };
    let pair = |pair: &[Reply]| match pair {
        [Reply::Bulk(Some(name)), Reply::Integer(value)] => {
            Some((String::from_utf8_lossy(name).into_owned(), *value))
        }
        _ => None,
    };
    Ok(items.chunks(2).filter_map(pair).collect())
}

/// Returns the growth of each reported counter that has changed.
pub(super) fn growth(before: &Counters, after: &Counters) -> Vec<(&'static str, i64)> {
    let of = |name: &'static str| Some((name, after.get(name)? - before.get(name)?));
    SHOWN.into_iter().filter_map(of).filter(|(_, growth)| *growth != 0).collect()
}

/// Returns whether the image supports a command.
pub(super) fn serves(client: &mut Client, command: &str) -> anyhow::Result<bool> {
    let reply = client.call(&[command])?;
    Ok(!matches!(reply, Reply::Error(error) if error.starts_with("ERR unknown command")))
}

/// Audits the image after the clients have ended. If `areas` is given, the image must return to that number
/// of areas.
///
/// # Errors
/// The violation that the image reports, or the missing reply.
pub(super) fn audit(client: &mut Client, areas: Option<u64>) -> Result<String, Violation> {
    let deadline = Instant::now() + SETTLE_LIMIT;
    loop {
        let line = check(client)?;
        let now = number(&line, "areas=");
        if areas.is_none() || now == areas {
            return Ok(line);
        }
        if Instant::now() > deadline {
            return Err(Violation::Audit(format!("regions are left over: {line}")));
        }
        std::thread::sleep(LOOK);
    }
}

/// Audits the image once.
///
/// # Errors
/// As [`audit`].
pub(super) fn check(client: &mut Client) -> Result<String, Violation> {
    match client.call(&["VCHECK"]) {
        Ok(Reply::Status(line)) if line.starts_with("OK ") => Ok(line),
        Ok(other) => Err(Violation::Audit(other.terminal().trim_end().to_owned())),
        Err(error) => Err(Violation::Audit(format!("VCHECK: {error}"))),
    }
}

/// Returns the number after `name` in a line, for example after `areas=`.
pub(super) fn number(line: &str, name: &str) -> Option<u64> {
    line.split(' ').find_map(|word| word.strip_prefix(name))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_growth_is_shown() {
        let counters = |pairs: &[(&str, i64)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Counters>()
        };
        let before = counters(&[("purges", 5), ("errors", 1), ("clients", 1)]);
        let after = counters(&[("purges", 9), ("errors", 1), ("clients", 7), ("turns", 3)]);
        assert_eq!(growth(&before, &after), [("purges", 4)]);
    }

    #[test]
    fn audits_have_numbers() {
        assert_eq!(number("OK areas=12 lazy=3", "areas="), Some(12));
        assert_eq!(number("OK lazy=3", "areas="), None);
    }
}
