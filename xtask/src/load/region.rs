//! A region of a client, with its expected content and its next step.

use super::live_ranges::AddressRange;
use super::pattern::{Content, Pattern};
use super::request::LoadRequest;

/// Maximum length of the data that one request reads or writes. It is longer than the image's buffers, so
/// that large replies and streamed data are tested too.
const PIECE: u64 = 256 << 10;

/// A region of a simulated client.
#[derive(Clone, Debug)]
pub(super) struct Region {
    /// The number that the client has given to the region.
    pub(super) key: u64,
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// The addresses.
    pub(super) range: AddressRange,
    /// The requested size in bytes.
    pub(super) size: u64,
    /// The expected content.
    pub(super) content: Content,
    /// The next step of the client with this region.
    pub(super) step: RegionStep,
}

/// The next step of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegionStep {
    /// No step is required.
    Rest,
    /// Read the bytes from this offset to the end, compare them, and continue with the given step.
    Check(u64, AfterCheck),
    /// Write the bytes from this offset to the end.
    Fill(u64),
    /// Free the region.
    Free,
}

/// The step after the bytes of a region were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterCheck {
    /// Write this pattern to the region.
    Fill(Pattern),
    /// Free the region.
    Free,
}

impl Region {
    /// Returns the word that names the region in requests.
    pub(super) fn reference(&self) -> String {
        self.name.as_ref().map_or_else(|| self.range.id.to_string(), |name| format!("@{name}"))
    }

    /// Returns the request that reads the next part of the region from `offset` on.
    pub(super) fn read(&self, offset: u64) -> LoadRequest {
        LoadRequest::Read { key: self.key, offset, length: self.piece(offset) }
    }

    /// Returns the request that writes the next part of the pattern from `offset` on.
    pub(super) fn write(&self, offset: u64) -> LoadRequest {
        let (key, length, pattern) = (self.key, self.piece(offset), self.content.pattern());
        LoadRequest::Write { key, offset, length, pattern }
    }

    fn piece(&self, offset: u64) -> u64 {
        self.size.saturating_sub(offset).min(PIECE)
    }

    /// Begins to write another pattern.
    pub(super) fn rewrite(&mut self, pattern: Pattern) {
        self.content.begin(pattern);
        self.step = RegionStep::Fill(0);
    }

    /// Records that the bytes up to `end` were compared, and chooses the next step.
    pub(super) fn checked(&mut self, end: u64) {
        match self.step {
            RegionStep::Check(_, then) if end < self.size => {
                self.step = RegionStep::Check(end, then)
            }
            RegionStep::Check(_, AfterCheck::Fill(pattern)) => self.rewrite(pattern),
            RegionStep::Check(_, AfterCheck::Free) => self.step = RegionStep::Free,
            // The bytes were read without a check of the whole region.
            RegionStep::Rest | RegionStep::Fill(_) | RegionStep::Free => {}
        }
    }

    /// Records that the bytes up to `end` were written, and chooses the next step.
    pub(super) fn filled(&mut self, end: u64) {
        self.content.fill(end);
        self.step = if end < self.size { RegionStep::Fill(end) } else { RegionStep::Rest };
    }

    /// Records a new size and a new address range.
    pub(super) fn resized(&mut self, range: AddressRange, size: u64) {
        self.content.resize(size);
        (self.range, self.size) = (range, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_checked_and_written_to_its_last_byte() {
        let size = 2 * PIECE + 1;
        let range = AddressRange { id: 5, start: 4096, mapped: size.next_multiple_of(4096) };
        let content = Content::fresh(Pattern::new(1, 1, 1));
        let step = RegionStep::Check(0, AfterCheck::Fill(Pattern::new(1, 1, 2)));
        let mut region = Region { key: 1, name: None, range, size, content, step };
        let (mut read, mut written) = (Vec::new(), Vec::new());
        loop {
            match region.step {
                RegionStep::Check(offset, _) => {
                    let LoadRequest::Read { length, .. } = region.read(offset) else { panic!() };
                    read.push(length);
                    region.checked(offset + length);
                }
                RegionStep::Fill(offset) => {
                    let LoadRequest::Write { length, .. } = region.write(offset) else { panic!() };
                    written.push(length);
                    region.filled(offset + length);
                }
                RegionStep::Rest | RegionStep::Free => break,
            }
        }
        assert_eq!((read, written), (vec![PIECE, PIECE, 1], vec![PIECE, PIECE, 1]));
        assert_eq!((region.step, region.reference().as_str()), (RegionStep::Rest, "5"));
        assert_eq!(region.content.pattern(), Pattern::new(1, 1, 2));
        region.step = RegionStep::Check(0, AfterCheck::Free);
        region.checked(size);
        assert_eq!(region.step, RegionStep::Free);
    }
}
