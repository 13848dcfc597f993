//! The text of a name: its first bytes from its record, and the rest from parts.

use runtime_config::limits::NAME_BYTES_MAX;

use super::parts::NameParts;

/// A buffer into which the longest name fits.
pub(in crate::service) type NameBuffer = [u8; NAME_BYTES_MAX];

/// The bytes of a name, in the pieces in which the name table stores them.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct NameText<'a> {
    pub(super) head: &'a [u8],
    /// The number of the first part of the rest, or 0 if there is no rest.
    pub(super) rest: u32,
    pub(super) length: usize,
    pub(super) parts: &'a NameParts,
}

impl<'a> NameText<'a> {
    /// Returns the length of the name in bytes.
    #[must_use]
    pub(in crate::service) fn length(&self) -> usize {
        self.length
    }

    /// Returns the pieces in order.
    pub(in crate::service) fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let left = self.length - self.head.len();
        core::iter::once(self.head).chain(self.parts.pieces(self.rest, left))
    }

    /// Returns the bytes of the name as one slice. A name with a rest is copied into `buffer`.
    pub(in crate::service) fn bytes<'b>(&self, buffer: &'b mut NameBuffer) -> &'b [u8]
    where
        'a: 'b,
    {
        if self.rest == 0 {
            return self.head;
        }
        let mut at = 0;
        for piece in self.pieces() {
            buffer[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        &buffer[..at]
    }

    /// Returns whether the name consists of exactly the bytes `text`.
    #[inline]
    pub(super) fn is(&self, text: &[u8]) -> bool {
        self.length == text.len()
            && text.starts_with(self.head)
            && (self.rest == 0 || self.ends_with(&text[self.head.len()..]))
    }

    fn ends_with(&self, mut text: &[u8]) -> bool {
        self.pieces().skip(1).all(|piece| match text.strip_prefix(piece) {
            Some(left) => {
                text = left;
                true
            }
            None => false,
        })
    }
}
