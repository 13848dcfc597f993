//! How an answer's bytes are set apart from the next one's.

use core::fmt::Write;

use vmalloc::Machine;

use super::body::{Body, Share};
use super::request::Head;
use super::room::Room;
use super::status::Status;
use crate::service::Service;

/// What every answer says. The page runs its own script and nothing else, and no other site may
/// show it; nothing is kept, since everything changes.
const FIELDS: &str = "Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'\r\n";

/// Digits of a chunk's size and the line end.
const CHUNK_FRONT: usize = 6;
/// The line end of a chunk, and the last chunk.
const CHUNK_END: usize = 2 + 5;

/// An answer that is being written.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    body: Body,
    is_chunked: bool,
    is_done: bool,
    /// Whether the connection goes on behind it.
    pub keeps_alive: bool,
}

impl Framing {
    /// Writes the head of an answer; `None` where there is no room for it.
    pub fn begin(head: &Head, room: &mut Room<'_>) -> Option<Self> {
        let (status, kind, body) = match head.answer {
            Ok(content) => (Status::Ok, content.kind, content.body),
            Err(status) => {
                (status, "text/plain; charset=utf-8", Body::Message(status.message(), 0))
            }
        };
        let length = body.length();
        // What has no length ends with the connection where there are no chunks.
        let keeps_alive = head.keeps_alive && (length.is_some() || !head.is_old);
        let is_chunked = length.is_none() && !head.is_old;
        let fits = room.whole(|room| {
            // Writing to a room cannot fail.
            let _ = write!(room, "HTTP/1.1 {}\r\nContent-Type: {kind}\r\n{FIELDS}", status.line());
            if status == Status::MethodNotAllowed {
                room.raw(b"Allow: GET, HEAD\r\n");
            }
            if status == Status::Busy {
                room.raw(b"Retry-After: 1\r\n");
            }
            if let Some(length) = length {
                let _ = write!(room, "Content-Length: {length}\r\n");
            }
            if is_chunked {
                room.raw(b"Transfer-Encoding: chunked\r\n");
            }
            room.raw(b"Vary: Accept, User-Agent\r\n");
            let connection = if keeps_alive { "keep-alive" } else { "close" };
            let _ = write!(room, "Connection: {connection}\r\n\r\n");
        });
        fits.then_some(Self { body, is_chunked, is_done: head.is_head, keeps_alive })
    }

    /// Whether everything is written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Writes on at the front of a buffer. Returns how many bytes are there now.
    pub fn write<M: Machine>(
        &mut self,
        service: &Service<M>,
        buffer: &mut [u8],
        share: &mut Share,
    ) -> usize {
        if !self.is_chunked {
            let mut room = Room::new(buffer);
            self.is_done = self.body.write(service, &mut room, share);
            return room.length();
        }
        let Some(within) = buffer.len().checked_sub(CHUNK_FRONT + CHUNK_END) else { return 0 };
        // The size has four digits.
        let within = within.min(0xffff);
        let mut room = Room::new(&mut buffer[CHUNK_FRONT..CHUNK_FRONT + within]);
        self.is_done = self.body.write(service, &mut room, share);
        let length = room.length();
        let mut end = 0;
        if length > 0 {
            // Writing to a room cannot fail.
            let _ = write!(Room::new(&mut buffer[..CHUNK_FRONT]), "{length:04x}\r\n");
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
