//! Parses the head of a request.

use httparse::{EMPTY_HEADER, Error, Header, Request};
use runtime_config::limits::HTTP_HEAD_BYTES_MAX;

use super::body::Representation;
use super::route;
use super::status::{FIELDS_MAX, Status};

/// The properties of a request that determine the response.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The report that is the body of the response, or an error.
    pub answer: Result<Representation, Status>,
    /// Whether the client requests only the head of the response (method HEAD).
    pub is_head: bool,
    /// Whether the request uses HTTP/1.0, which does not support chunks.
    pub is_old: bool,
    /// Whether the connection stays open after the response.
    pub keeps_alive: bool,
}

impl Head {
    /// Creates the properties of the response to an invalid request. The connection is closed after the response.
    #[must_use]
    pub fn refused(status: Status) -> Self {
        Self { answer: Err(status), is_head: false, is_old: false, keeps_alive: false }
    }
}

/// The result of [`parse`].
#[derive(Clone, Copy, Debug)]
pub enum ParsedHead {
    /// The head is not complete.
    Incomplete,
    /// A complete or invalid head, and the number of bytes that must be skipped.
    Head(Head, usize),
}

/// Parses the request head at the front of `bytes`.
#[must_use]
pub fn parse(bytes: &[u8]) -> ParsedHead {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => ParsedHead::Head(understand(&request), length),
        Ok(httparse::Status::Partial) if bytes.len() >= HTTP_HEAD_BYTES_MAX => {
            ParsedHead::Head(Head::refused(Status::HeadTooLarge), bytes.len())
        }
        Ok(httparse::Status::Partial) => ParsedHead::Incomplete,
        Err(error) => {
            let status = match error {
                Error::TooManyHeaders => Status::HeadTooLarge,
                Error::Version => Status::Version,
                _ => Status::BadRequest,
            };
            ParsedHead::Head(Head::refused(status), bytes.len())
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
    // If a body may follow the head, the connection is closed, because the start of the next request is not known.
    let is_readable = body == Presence::None && !matches!(answer, Err(Status::BadRequest));
    let keeps_alive = is_readable && !is_old && !closes(request.headers);
    Head { answer, is_head: method == "HEAD", is_old, keeps_alive }
}

/// Whether a request has a body.
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
        // Two lengths, or a length together with a transfer coding, are signs of request smuggling.
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

/// Returns whether the client is a browser: the client accepts HTML and is not curl.
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
