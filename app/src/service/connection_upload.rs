//! Access of the server to the upload of a connection.

use vmalloc::Access;

use super::connection::Connection;
use super::failure::Failure;
use super::parts::Parts;
use super::upload::{self, Flow};
use crate::resp::{Arguments, Reply};

/// A connection together with the parts of the service, for its upload.
#[derive(Debug)]
pub struct ConnectionUpload<'a, M: Access + 'static> {
    parts: &'a mut Parts<M>,
    connection: &'a mut Connection,
}

impl<'a, M: Access> ConnectionUpload<'a, M> {
    pub(super) fn new(parts: &'a mut Parts<M>, connection: &'a mut Connection) -> Self {
        Self { parts, connection }
    }

    /// Begins an upload of `length` bytes of data that are followed by `following` arguments.
    ///
    /// Returns `None` if the request is not an upload. Returns `false` if the request was refused:
    /// the error has been written, and the caller must discard the data. All checks are made before
    /// the first byte of data is written.
    pub fn open(
        &mut self,
        arguments: Arguments<'_>,
        [length, following]: [usize; 2],
        reply: &mut Reply<'_>,
    ) -> Option<bool> {
        let Connection { session, upload, .. } = &mut *self.connection;
        let sizes = [length, following];
        let opened = upload::open(self.parts, session, upload, arguments, sizes, reply);
        self.connection.close_reservation(self.parts);
        opened
    }

    /// Writes the next received bytes of the upload into its region.
    pub fn feed(&mut self, bytes: &[u8], has_options: bool, reply: &mut Reply<'_>) -> Flow {
        let Connection { session, upload, .. } = &mut *self.connection;
        let flow = upload::feed(self.parts, session, upload, bytes, has_options, reply);
        self.connection.close_reservation(self.parts);
        flow
    }

    /// Returns whether the options of a large `SET` must wait, because the region that has the key
    /// is being changed. In that case, delays the request.
    pub fn delays_options(&mut self) -> bool {
        let waits = upload::delays_options(self.parts, &self.connection.upload);
        if waits {
            self.connection.delay();
        }
        waits
    }

    /// Publishes the region of a large `SET` with the given options. If the reply overflows, no
    /// state has changed, and the caller must repeat the call with a larger buffer.
    pub fn finish(&mut self, options: Arguments<'_>, reply: &mut Reply<'_>) {
        let Connection { session, upload, .. } = &mut *self.connection;
        upload::finish(self.parts, session, upload, options, reply);
        self.connection.close_reservation(self.parts);
    }

    /// Frees the region of a large `SET` whose options are invalid, and writes the error.
    pub fn abort(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        upload::abort(self.parts, &mut self.connection.upload, failure, reply);
        self.connection.close_reservation(self.parts);
    }
}
