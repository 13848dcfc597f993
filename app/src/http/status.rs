//! What an answer begins with.

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Here it is.
    Ok,
    /// The request makes no sense.
    BadRequest,
    /// There is no such report.
    NotFound,
    /// Reports can be got, and nothing else.
    MethodNotAllowed,
    /// The head did not come in time.
    Timeout,
    /// No request has a body.
    BodyRefused,
    /// The head is too long.
    HeadTooLarge,
    /// All places are taken.
    Busy,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
}

impl Status {
    /// The number and the phrase.
    #[must_use]
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::BodyRefused => "413 Content Too Large",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Busy => "503 Service Unavailable",
            Self::Version => "505 HTTP Version Not Supported",
        }
    }

    /// What a person reads.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok\n",
            Self::BadRequest => "the request makes no sense\n",
            Self::NotFound => {
                "there are /, /metrics, /vmallocinfo, /healthz, /api/stats.json and \
                 /api/regions.json\n"
            }
            Self::MethodNotAllowed => "reports are read with GET or HEAD\n",
            Self::Timeout => "the head of the request did not come in time\n",
            Self::BodyRefused => "a request for a report has no body\n",
            Self::HeadTooLarge => "the head of a request has at most 8 KiB and 64 fields\n",
            Self::Busy => "too many reports are being read, try again in a second\n",
            Self::Version => "HTTP/1.0 and HTTP/1.1 are spoken here\n",
        }
    }
}
