//! Interprets the replies of the image.

use super::live_ranges::AddressRange;
use crate::resp::Reply;
use crate::workload::PAGE;

/// The words of `VREALLOC` for a region that keeps its address. The next constant has the words for a region
/// that moves.
const STAYS: [&str; 3] = ["same", "shrunk", "grown"];
const GOES: [&str; 2] = ["moved", "copied"];
/// Codes of errors that report exhausted resources or limits. A load may cause them, so they are no
/// violations.
const PRESSURE: [&str; 4] = ["NOMEM", "NOVA", "QUOTA", "TOOBIG"];

/// Returns the first word of an error.
pub(super) fn word(error: &str) -> &str {
    error.split(' ').next().unwrap_or_default()
}

/// Returns whether an error only reports an exhausted resource.
pub(super) fn is_pressure(error: &str) -> bool {
    PRESSURE.contains(&word(error))
}

/// Returns whether a reply refuses access to another client's region.
pub(super) fn is_refusal(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(error) if ["PERM", "NOENT"].contains(&word(error)))
}

/// Reads the reply of `VMALLOC`. Returns `None` if the reply is not valid for a region of `size` bytes.
pub(super) fn allocated(reply: &Reply, size: u64) -> Option<AddressRange> {
    let Reply::Array(Some(items)) = reply else { return None };
    let [id, start, mapped] = items.as_slice() else { return None };
    range(id, start, mapped, size)
}

/// Reads the reply of `VREALLOC`. Returns `None` if the reply is not valid for a resize of `old` to `size`
/// bytes.
pub(super) fn resized(reply: &Reply, old: &AddressRange, size: u64) -> Option<AddressRange> {
    let Reply::Array(Some(items)) = reply else { return None };
    let [id, start, mapped, how] = items.as_slice() else { return None };
    let range = range(id, start, mapped, size)?;
    let how = text(how)?;
    let fits = match range.start == old.start {
        true => STAYS.contains(&how),
        false => GOES.contains(&how),
    };
    (fits && range.id == old.id).then_some(range)
}

/// Returns the address range, if its pages are whole and it has exactly the pages that the size needs.
fn range(id: &Reply, start: &Reply, mapped: &Reply, size: u64) -> Option<AddressRange> {
    let (Reply::Integer(id), Reply::Integer(mapped)) = (id, mapped) else { return None };
    let start = u64::from_str_radix(text(start)?.strip_prefix("0x")?, 16).ok()?;
    let (id, mapped) = (u64::try_from(*id).ok()?, u64::try_from(*mapped).ok()?);
    let fits = id > 0 && start.is_multiple_of(PAGE) && mapped == size.next_multiple_of(PAGE);
    fits.then_some(AddressRange { id, start, mapped })
}

fn text(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::Bulk(Some(bytes)) => std::str::from_utf8(bytes).ok(),
        Reply::Status(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(id: i64, start: &str, mapped: i64, how: Option<&str>) -> Reply {
        let bulk = |text: &str| Reply::Bulk(Some(text.as_bytes().to_vec()));
        let mut items = vec![Reply::Integer(id), bulk(start), Reply::Integer(mapped)];
        items.extend(how.map(bulk));
        Reply::Array(Some(items))
    }

    #[test]
    fn allocations_must_fit() {
        let range = AddressRange { id: 7, start: 0xf000, mapped: 8192 };
        assert_eq!(allocated(&reply(7, "0xf000", 8192, None), 4097), Some(range));
        for wrong in [
            reply(0, "0xf000", 8192, None),
            reply(7, "0xf001", 8192, None),
            reply(7, "f000", 8192, None),
            reply(7, "0xf000", 4096, None),
            reply(7, "0xf000", 12288, None),
            reply(7, "0xf000", 8192, Some("same")),
            Reply::Array(None),
        ] {
            assert_eq!(allocated(&wrong, 4097), None, "{wrong:?}");
        }
    }

    #[test]
    fn resizes_must_match_the_region() {
        let old = AddressRange { id: 7, start: 0xf000, mapped: 8192 };
        let how = |start, how| resized(&reply(7, start, 4096, Some(how)), &old, 1).is_some();
        assert!(how("0xf000", "same") && how("0xf000", "shrunk") && how("0xf000", "grown"));
        assert!(how("0x2000", "moved") && how("0x2000", "copied"));
        assert!(!how("0x2000", "grown") && !how("0xf000", "moved") && !how("0xf000", "gone"));
        assert_eq!(resized(&reply(8, "0xf000", 4096, Some("same")), &old, 1), None);
    }

    #[test]
    fn errors_are_classified_by_their_first_word() {
        assert!(is_pressure("NOMEM need 4096 pages, 102 free") && is_pressure("QUOTA"));
        assert!(!is_pressure("NOMEMORY") && !is_pressure("PERM region 1"));
        assert!(is_refusal(&Reply::Error("PERM region 1".to_owned())));
        for open in [Reply::Error("ERR".to_owned()), Reply::Integer(0), Reply::Bulk(None)] {
            assert!(!is_refusal(&open), "{open:?}");
        }
    }
}
