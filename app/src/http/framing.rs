//! Writes a response: its head, and its body in chunks or with a known length.

use core::fmt::Write;

use vmalloc::Access;

use super::body::Body;
use super::budget::RowBudget;
use super::request::Head;
use super::status::Status;
use super::writer::BoundedWriter;
use crate::service::Service;

/// Header fields of all responses. They allow the page to run only its own script, forbid other sites to embed the
/// page, and forbid caches to store responses, because reports change all the time.
const FIELDS: &str = "Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'\r\n";

/// Bytes in front of the data of a chunk: its size as four hexadecimal digits, and a line end.
const CHUNK_FRONT: usize = 6;
/// Bytes behind the data of a chunk: a line end, and the empty chunk that ends the body.
const CHUNK_END: usize = 2 + 5;

/// A response that is being written.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    body: Body,
    is_chunked: bool,
    is_done: bool,
    /// Whether the connection stays open after the response.
    pub keeps_alive: bool,
}

impl Framing {
    /// Writes the head of the response to a request. Returns `None` if the head does not fit.
    pub fn begin(head: &Head, writer: &mut BoundedWriter<'_>) -> Option<Self> {
        let (status, kind, body) = match head.answer {
            Ok(content) => (Status::Ok, content.kind, content.body),
            Err(status) => {
                (status, "text/plain; charset=utf-8", Body::Message(status.message(), 0))
            }
        };
        let length = body.length();
        // HTTP/1.0 does not support chunks. A body of unknown length then ends when the connection is closed.
        let keeps_alive = head.keeps_alive && (length.is_some() || !head.is_old);
        let is_chunked = length.is_none() && !head.is_old;
        let fits = writer.whole(|writer| {
            // Writing to a BoundedWriter cannot fail.
            let _ =
                write!(writer, "HTTP/1.1 {}\r\nContent-Type: {kind}\r\n{FIELDS}", status.line());
            if status == Status::MethodNotAllowed {
                writer.raw(b"Allow: GET, HEAD\r\n");
            }
            if status == Status::Busy {
                writer.raw(b"Retry-After: 1\r\n");
            }
            if let Some(length) = length {
                let _ = write!(writer, "Content-Length: {length}\r\n");
            }
            if is_chunked {
                writer.raw(b"Transfer-Encoding: chunked\r\n");
            }
            writer.raw(b"Vary: Accept, User-Agent\r\n");
            let connection = if keeps_alive { "keep-alive" } else { "close" };
            let _ = write!(writer, "Connection: {connection}\r\n\r\n");
        });
        fits.then_some(Self { body, is_chunked, is_done: head.is_head, keeps_alive })
    }

    /// Returns whether the response is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Writes the next part of the body to the front of a buffer. Returns the number of bytes written.
    pub fn write<M: Access>(
        &mut self,
        service: &Service<M>,
        buffer: &mut [u8],
        budget: &mut RowBudget,
    ) -> usize {
        if !self.is_chunked {
            let mut writer = BoundedWriter::new(buffer);
            self.is_done = self.body.write(service, &mut writer, budget);
            return writer.length();
        }
        let Some(within) = buffer.len().checked_sub(CHUNK_FRONT + CHUNK_END) else { return 0 };
        // The size of a chunk is written with four hexadecimal digits.
        let within = within.min(0xffff);
        let mut writer = BoundedWriter::new(&mut buffer[CHUNK_FRONT..CHUNK_FRONT + within]);
        self.is_done = self.body.write(service, &mut writer, budget);
        let length = writer.length();
        let mut end = 0;
        if length > 0 {
            // Writing to a BoundedWriter cannot fail.
            let _ = write!(BoundedWriter::new(&mut buffer[..CHUNK_FRONT]), "{length:04x}\r\n");
            end = CHUNK_FRONT + length;
            buffer[end..end + 2].copy_from_slice(b"\r\n");
            end += 2;
        }
        if self.is_done {
            buffer[end..end + 5].copy_from_slice(b"0\r\n\r\n");
            end += 5;
        }
        end
    }
}
