//! Allocates the buffers of a test server, and frees them after the server. The server itself never frees its buffers,
//! but these tests create thousands of servers.
#![expect(unsafe_code, reason = "a server takes buffers for ever, a script has it for a while")]

use std::cell::RefCell;
use std::ptr::NonNull;
use std::rc::Rc;

use app::buffers::Buffers;

/// The owner of all buffers of one server. It must be dropped after the server.
#[derive(Debug, Default)]
pub(crate) struct Arena(Rc<RefCell<Vec<NonNull<[u8]>>>>);

/// The source of the server's buffers.
#[derive(Debug)]
pub(crate) struct Source(Rc<RefCell<Vec<NonNull<[u8]>>>>);

/// A buffer of the server, whose memory belongs to the arena.
#[derive(Debug)]
pub(crate) struct ArenaBuffer(NonNull<[u8]>);

impl Arena {
    /// Creates an arena for one server.
    pub(crate) fn source(&self) -> Source {
        Source(Rc::clone(&self.0))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for buffer in self.0.borrow_mut().drain(..) {
            // SAFETY: the pointer comes from a box that was leaked in `take`, and is in the list once. The server, the only
            // user of the buffer, was dropped before.
            drop(unsafe { Box::from_raw(buffer.as_ptr()) });
        }
    }
}

impl Buffers for Source {
    type Buffer = ArenaBuffer;

    fn take(&self, _caller: &'static str, bytes: usize) -> Option<ArenaBuffer> {
        let buffer = NonNull::from(Box::leak(vec![0; bytes].into_boxed_slice()));
        self.0.borrow_mut().push(buffer);
        Some(ArenaBuffer(buffer))
    }

    fn grow(&self, buffer: &mut ArenaBuffer, bytes: usize) -> bool {
        let old = buffer.as_ref().len();
        if let Some(mut longer) = self.take("", bytes.max(old)) {
            longer.as_mut()[..old].copy_from_slice(buffer.as_ref());
            *buffer = longer;
        }
        true
    }
}

impl AsRef<[u8]> for ArenaBuffer {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the arena frees the bytes after the server is dropped. Until then only this pointer is used.
        unsafe { self.0.as_ref() }
    }
}

impl AsMut<[u8]> for ArenaBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_ref`.
        unsafe { self.0.as_mut() }
    }
}
