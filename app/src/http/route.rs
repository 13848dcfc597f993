//! Maps the target of a request to a report.

use vmalloc::Cursor;

use super::body::{Body, Representation};
use super::map::{self, Map, MapQuery};
use super::query::{self, ParameterError};
use super::regions::HttpRegions;
use super::status::Status;
use crate::{resp, service};

/// Default number of rows on a page of regions.
const COUNT: u64 = 100;
/// Maximum number of rows on a page of regions. The next page begins at the cursor in the response.
const COUNT_MAX: u64 = 1000;

const PAGE: &[u8] = include_bytes!("page/page.html");
const STYLE: &[u8] = include_bytes!("page/page.css");
/// All scripts are sent as one file, so that a browser needs one request for them.
const SCRIPT: &str = concat!(
    include_str!("page/format.js"),
    include_str!("page/load.js"),
    include_str!("page/status.js"),
    include_str!("page/patterns.js"),
    include_str!("page/panels.js"),
    include_str!("page/map.js"),
    include_str!("page/regions.js"),
    include_str!("page/main.js"),
);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Finds the report for the target of a request. `wants_page` tells whether the client is a browser.
pub(super) fn find(target: &str, wants_page: bool) -> Result<Representation, Status> {
    let (path, query) = split(target).ok_or(Status::NotFound)?;
    let (kind, body) = match path {
        "/" if wants_page => ("text/html; charset=utf-8", Body::fixed(PAGE)),
        "/" => (TEXT, Body::Summary(0)),
        "/page.css" => ("text/css; charset=utf-8", Body::fixed(STYLE)),
        "/page.js" => ("text/javascript; charset=utf-8", Body::fixed(SCRIPT.as_bytes())),
        "/healthz" => (TEXT, Body::fixed(b"ok\n")),
        "/metrics" => ("text/plain; version=0.0.4; charset=utf-8", Body::Metrics(0)),
        "/vmallocinfo" => (TEXT, Body::Vmallocinfo(Cursor::START)),
        "/api/stats.json" => (JSON, Body::Stats(0)),
        "/api/regions.json" => {
            (JSON, Body::HttpRegions(regions(query).map_err(Status::QueryRefused)?))
        }
        "/api/map.json" => (JSON, Body::Map(Map::new(map(query).map_err(Status::QueryRefused)?))),
        _ => return Err(Status::NotFound),
    };
    let is_monitoring = matches!(path, "/metrics" | "/healthz");
    Ok(Representation { kind, body, is_monitoring })
}

/// Splits the target of a request, in origin form or absolute form, into its path and its query.
fn split(target: &str) -> Option<(&str, &str)> {
    let origin = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = origin.split_once('?').unwrap_or((origin, ""));
    path.starts_with('/').then_some((path, query))
}

/// Parses the parameters `cursor` and `count` of `/api/regions.json`.
fn regions(query: &str) -> Result<HttpRegions, ParameterError> {
    let rule = "0 or what the page before gave";
    let from = query::read(query, "cursor", rule, service::parse_cursor)?;
    let count = query::read(query, "count", "a number from 1, 1000 at most are given", |text| {
        resp::decimal(text).filter(|count| *count > 0)
    })?;
    let count = count.map_or(COUNT, |count| count.min(COUNT_MAX));
    Ok(HttpRegions::new(from.unwrap_or(Cursor::START), count))
}

/// Parses the parameters `buckets`, `from` and `to` of `/api/map.json`.
fn map(query: &str) -> Result<MapQuery, ParameterError> {
    let buckets = query::read(query, "buckets", "a number from 1 to 4096", |text| {
        resp::decimal(text).filter(|count| (1..=map::BUCKETS_MAX).contains(count))
    })?;
    let address = |name| query::read(query, name, "an address such as 0xffffc90000000000", address);
    let buckets = buckets.unwrap_or(map::BUCKETS_DEFAULT);
    Ok(MapQuery { buckets, from: address("from")?, to: address("to")? })
}

/// Parses a hexadecimal address that begins with `0x`.
fn address(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"0x").filter(|digits| digits.len() <= 16)?;
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_in_both_forms() {
        assert_eq!(split("/a?b=c?d"), Some(("/a", "b=c?d")));
        assert_eq!(split("http://host:1"), Some(("/", "")));
        assert_eq!(split("http://host:1/a"), Some(("/a", "")));
        assert_eq!((split("*"), split(""), split("a/b")), (None, None, None));
    }

    #[test]
    fn ranges_of_a_map_are_checked() {
        let wanted = map("buckets=7&from=0xffffc90000000000&to=0x1").unwrap();
        assert_eq!((wanted.buckets, wanted.from, wanted.to), (7, Some(0xffff_c900 << 32), Some(1)));
        assert_eq!(map("").unwrap().buckets, map::BUCKETS_DEFAULT);
        for query in [
            "buckets=0",
            "buckets=4097",
            "buckets=",
            "from=12",
            "to=0x",
            "to=0x+1",
            "from=0x11111111111111111",
        ] {
            assert!(map(query).is_err(), "{query}");
        }
        let rule = map("buckets=0").unwrap_err().to_string();
        assert!(rule.ends_with(&format!("from 1 to {}", map::BUCKETS_MAX)), "{rule}");
    }

    #[test]
    fn numbers_of_a_query_are_checked() {
        assert!(regions("").is_ok() && regions("x&y=1").is_ok());
        assert!(regions("cursor=0xffffc90000000000&count=3").is_ok());
        for query in ["cursor=", "cursor=-1", "cursor=0x1", "count=0", "count=", "count=1e3"] {
            let is_slot = query == "cursor=0x1";
            assert_eq!(regions(query).is_ok(), is_slot, "{query}");
        }
    }
}
