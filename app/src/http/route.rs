//! Which report a target names.

use vmalloc::Cursor;

use super::body::{Body, Content};
use super::regions::Regions;
use super::status::Status;
use crate::{resp, service};

/// Rows of a page of regions, where the request does not say.
const COUNT: u64 = 100;
/// The most that one request may ask for: further ones are behind the cursor.
const COUNT_MAX: u64 = 1000;

const PAGE: &[u8] = include_bytes!("page/page.html");
const STYLE: &[u8] = include_bytes!("page/page.css");
const SCRIPT: &[u8] = include_bytes!("page/page.js");

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Finds what a target asks for; `wants_page` is whether a browser asks.
pub(super) fn find(target: &str, wants_page: bool) -> Result<Content, Status> {
    let (path, query) = split(target).ok_or(Status::NotFound)?;
    let (kind, body) = match path {
        "/" if wants_page => ("text/html; charset=utf-8", Body::fixed(PAGE)),
        "/" => (TEXT, Body::Summary(0)),
        "/page.css" => ("text/css; charset=utf-8", Body::fixed(STYLE)),
        "/page.js" => ("text/javascript; charset=utf-8", Body::fixed(SCRIPT)),
        "/healthz" => (TEXT, Body::fixed(Status::Ok.text().as_bytes())),
        "/metrics" => ("text/plain; version=0.0.4; charset=utf-8", Body::Metrics(0)),
        "/vmallocinfo" => (TEXT, Body::Vmallocinfo(Cursor::START)),
        "/api/stats.json" => (JSON, Body::Stats(0)),
        "/api/regions.json" => (JSON, Body::Regions(regions(query)?)),
        _ => return Err(Status::NotFound),
    };
    let is_monitoring = matches!(path, "/metrics" | "/healthz");
    Ok(Content { kind, body, is_monitoring })
}

/// Path and query, of a target in origin form or in absolute form.
fn split(target: &str) -> Option<(&str, &str)> {
    let origin = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = origin.split_once('?').unwrap_or((origin, ""));
    path.starts_with('/').then_some((path, query))
}

/// Reads `cursor=` and `count=`; what else there is, a browser or a cache has put there.
fn regions(query: &str) -> Result<Regions, Status> {
    let (mut from, mut count) = (Cursor::START, COUNT);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "cursor" => {
                from = service::parse_cursor(value.as_bytes()).ok_or(Status::BadRequest)?;
            }
            "count" => {
                let number = resp::decimal(value.as_bytes()).filter(|count| *count > 0);
                count = number.ok_or(Status::BadRequest)?.min(COUNT_MAX);
            }
            _ => {}
        }
    }
    Ok(Regions::new(from, count))
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
    fn numbers_of_a_query_are_checked() {
        assert!(regions("").is_ok() && regions("x&y=1").is_ok());
        assert!(regions("cursor=0xffffc90000000000&count=3").is_ok());
        for query in ["cursor=", "cursor=-1", "cursor=0x1", "count=0", "count=", "count=1e3"] {
            let is_slot = query == "cursor=0x1";
            assert_eq!(regions(query).is_ok(), is_slot, "{query}");
        }
    }
}
