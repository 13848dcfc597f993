//! The upload of a connection, as the server works with it.

use vmalloc::Machine;

use super::connection::Connection;
use super::failure::Failure;
use super::parts::Parts;
use super::upload::{self, Flow};
use crate::resp::{Arguments, Reply};

/// The upload of a connection.
#[derive(Debug)]
pub struct ConnectionUpload<'a, M: Machine + 'static> {
    parts: &'a mut Parts<M>,
    connection: &'a mut Connection,
}

impl<'a, M: Machine> ConnectionUpload<'a, M> {
    pub(super) fn new(parts: &'a mut Parts<M>, connection: &'a mut Connection) -> Self {
        Self { parts, connection }
    }

    /// Begins a write whose data has `length` bytes and does not fit; `following` arguments come behind it.
    ///
    /// Returns `None` if the request is of another kind, and `false` if the reply has been written
    /// and the data is to be thrown away. Everything is checked first.
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

    /// Writes bytes.
    pub fn feed(&mut self, bytes: &[u8], has_options: bool, reply: &mut Reply<'_>) -> Flow {
        let Connection { session, upload, .. } = &mut *self.connection;
        let flow = upload::feed(self.parts, session, upload, bytes, has_options, reply);
        self.connection.close_reservation(self.parts);
        flow
    }

    /// Returns whether a large `SET` waits before its options are served, because the region of its key is being
    /// changed. Then the connection is looked at again.
    pub fn delays_options(&mut self) -> bool {
        let waits = upload::delays_options(self.parts, &self.connection.upload);
        if waits {
            self.connection.delay();
        }
        waits
    }

    /// Publishes the region of a large `SET`, as the options behind the value say. If the reply
    /// overflows, nothing was done, and this is to be called again with more room.
    pub fn finish(&mut self, options: Arguments<'_>, reply: &mut Reply<'_>) {
        let Connection { session, upload, .. } = &mut *self.connection;
        upload::finish(self.parts, session, upload, options, reply);
        self.connection.close_reservation(self.parts);
    }

    /// Frees the region of a large `SET` whose options cannot be read.
    pub fn abort(&mut self, failure: &Failure, reply: &mut Reply<'_>) {
        upload::abort(self.parts, &mut self.connection.upload, failure, reply);
        self.connection.close_reservation(self.parts);
    }
}
