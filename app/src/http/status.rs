//! The status of a response.

use core::fmt::Write;

use arrayvec::ArrayString;
use runtime_config::limits::{HTTP_HEAD_BYTES_MAX, KIB};

use super::query::ParameterError;

/// Maximum number of header fields of a request.
pub(super) const FIELDS_MAX: usize = 64;

/// The body of a response that reports an error.
pub(super) type Message = ArrayString<128>;

/// The status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The report follows.
    Ok,
    /// The request is malformed.
    BadRequest,
    /// A parameter of the target has an invalid value.
    QueryRefused(ParameterError),
    /// The path is not that of a report.
    NotFound,
    /// The method is not GET or HEAD.
    MethodNotAllowed,
    /// The head of the request was not complete in time.
    Timeout,
    /// The request has a body.
    BodyRefused,
    /// The head of the request is too long or has too many fields.
    HeadTooLarge,
    /// All HTTP connections are in use.
    Busy,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    Version,
}

impl Status {
    /// Returns the code and the reason phrase.
    #[must_use]
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest | Self::QueryRefused(_) => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::BodyRefused => "413 Representation Too Large",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Busy => "503 Service Unavailable",
            Self::Version => "505 HTTP Version Not Supported",
        }
    }

    /// Returns the text that is the body of an error response.
    #[must_use]
    pub fn message(self) -> Message {
        let mut text = Message::new();
        // The result is ignored, because all texts fit.
        let _ = match self {
            Self::QueryRefused(refused) => writeln!(text, "{refused}"),
            Self::HeadTooLarge => writeln!(
                text,
                "the head of a request has at most {} KiB and {FIELDS_MAX} fields",
                HTTP_HEAD_BYTES_MAX / KIB
            ),
            other => writeln!(text, "{}", other.text()),
        };
        text
    }

    fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::BadRequest | Self::QueryRefused(_) => "the request makes no sense",
            Self::NotFound => {
                "there are /, /metrics, /vmallocinfo, /healthz, /api/stats.json, /api/map.json and \
                 /api/regions.json"
            }
            Self::MethodNotAllowed => "reports are read with GET or HEAD",
            Self::Timeout => "the head of the request did not come in time",
            Self::BodyRefused => "a request for a report has no body",
            Self::HeadTooLarge => "the head of the request is too large",
            Self::Busy => "too many reports are being read, try again in a second",
            Self::Version => "HTTP/1.0 and HTTP/1.1 are spoken here",
        }
    }
}
