//! The head of a request.

use httparse::{EMPTY_HEADER, Error, Header, Request};
use runtime_config::limits::HTTP_HEAD_BYTES_MAX;

use super::body::Content;
use super::route;
use super::status::Status;

/// Fields of a head.
pub(super) const FIELDS_MAX: usize = 64;

/// A request that was understood, and what it is answered with.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// What to answer.
    pub answer: Result<Content, Status>,
    /// Whether only the head of the answer is wanted.
    pub is_head: bool,
    /// Whether it is HTTP/1.0, which knows no chunks.
    pub is_old: bool,
    /// Whether the connection goes on.
    pub keeps_alive: bool,
}

impl Head {
    /// The answer to what was not understood: the connection does not go on.
    #[must_use]
    pub fn refused(status: Status) -> Self {
        Self { answer: Err(status), is_head: false, is_old: false, keeps_alive: false }
    }
}

/// What stands at the front of a connection's bytes.
#[derive(Clone, Copy, Debug)]
pub enum Parsed {
    /// More must come.
    Incomplete,
    /// A head, of so many bytes.
    Head(Head, usize),
}

/// Looks for a head.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Parsed::Head(understand(&request), length),
        Ok(httparse::Status::Partial) if bytes.len() >= HTTP_HEAD_BYTES_MAX => {
            Parsed::Head(Head::refused(Status::HeadTooLarge), bytes.len())
        }
        Ok(httparse::Status::Partial) => Parsed::Incomplete,
        Err(error) => {
            let status = match error {
                Error::TooManyHeaders => Status::HeadTooLarge,
                Error::Version => Status::Version,
                _ => Status::BadRequest,
            };
            Parsed::Head(Head::refused(status), bytes.len())
        }
    }
}

fn understand(request: &Request<'_, '_>) -> Head {
    let is_old = request.version == Some(0);
    let method = request.method.unwrap_or_default();
    let body = body(request.headers);
    let hosts = values(request.headers, "host").count();
    let answer = if hosts > 1 || (hosts == 0 && !is_old) || body == Presence::Unclear {
        Err(Status::BadRequest)
    } else if !matches!(method, "GET" | "HEAD") {
        Err(Status::MethodNotAllowed)
    } else if body == Presence::Some {
        Err(Status::BodyRefused)
    } else {
        route::find(request.path.unwrap_or_default(), wants_page(request.headers))
    };
    // Where the bytes behind the head may be a body, nothing behind them can be understood.
    let is_readable = body == Presence::None && !matches!(answer, Err(Status::BadRequest));
    let keeps_alive = is_readable && !is_old && !closes(request.headers);
    Head { answer, is_head: method == "HEAD", is_old, keeps_alive }
}

/// Whether a body follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    None,
    Some,
    Unclear,
}

fn body(fields: &[Header<'_>]) -> Presence {
    let is_coded = values(fields, "transfer-encoding").next().is_some();
    let mut lengths = values(fields, "content-length");
    match (is_coded, lengths.next(), lengths.next()) {
        (false, None, _) => Presence::None,
        (false, Some(length), None)
            if !length.is_empty() && length.iter().all(u8::is_ascii_digit) =>
        {
            let is_empty = length.iter().all(|digit| *digit == b'0');
            if is_empty { Presence::None } else { Presence::Some }
        }
        (true, None, _) => Presence::Some,
        // Two lengths, or a length and a coding: what smuggled requests look like.
        _ => Presence::Unclear,
    }
}

fn closes(fields: &[Header<'_>]) -> bool {
    values(fields, "connection").any(|value| {
        value
            .split(|byte| *byte == b',')
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

/// Whether who asks is a browser: it says that it takes HTML, and is not curl.
fn wants_page(fields: &[Header<'_>]) -> bool {
    let is_curl = values(fields, "user-agent").any(|agent| agent.starts_with(b"curl"));
    let takes_html =
        |value: &[u8]| value.windows(9).any(|part| part.eq_ignore_ascii_case(b"text/html"));
    !is_curl && values(fields, "accept").any(takes_html)
}

fn values<'a>(fields: &'a [Header<'_>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let named = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    named.map(|field| field.value.trim_ascii())
}

#[cfg(test)]
mod tests;
