//! `VFILL` writes one byte value to a range of a region, and `VSUM` computes the checksum of a
//! range. Both work in slices.

use crc::{CRC_64_XZ, Crc, Digest, Table};
use vmalloc::{Access, PAGE_BYTES, RegionId, RegionInfo};

use crate::service::call::{Begun, Call, Step, Stepped};
use crate::service::failure::{Failure, Word};

/// The state of the checksum that xz calls CRC-64. The table computes 16 bytes at a time.
type Sum = Digest<'static, u64, Table<16>>;
static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// The cost of adding a byte to the checksum, as a multiple of the cost of writing a byte.
const SUM_COST: u64 = 4;

/// Maximum length of the piece that is summed at once, in bytes. A piece never exceeds a page.
const PIECE_BYTES: usize = 4096;

/// A `VFILL` or `VSUM` in progress.
#[derive(Clone)]
pub(in crate::service) struct Sweep {
    id: RegionId,
    offset: u64,
    end: u64,
    start: u64,
    kind: SweepKind,
    /// Whether a `VFILL` waits because bytes of the region are being sent to a client.
    is_held: bool,
}

#[derive(Clone)]
enum SweepKind {
    Fill(u8),
    Sum(Sum),
}

/// Serves `VFILL <r> offset length byte`.
pub(in crate::service) fn vfill<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Sweep>, Failure> {
    let what = "a byte is a number below 256";
    let byte = u8::try_from(call.number(4, what)?)
        .map_err(|_| Failure::Invalid(what, Word::new(call.argument(4))))?;
    let info = call.region(call.argument(1))?;
    begin(call, &info, SweepKind::Fill(byte))
}

/// Serves `VSUM <r> [offset length]`: replies with the CRC-64 of xz as hexadecimal digits.
pub(in crate::service) fn vsum<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Sweep>, Failure> {
    let info = call.region(call.argument(1))?;
    begin(call, &info, SweepKind::Sum(CRC.digest()))
}

fn begin<M: Access>(
    call: &mut Call<'_, '_, M>,
    info: &RegionInfo,
    kind: SweepKind,
) -> Result<Begun<Sweep>, Failure> {
    let (start, length) = match call.arguments.count() {
        2 => (0, info.requested),
        3 => return Err(Failure::Malformed("VSUM takes a region, or a region, offset and length")),
        _ => (
            call.size(2, "an offset is a number of bytes")?,
            call.size(3, "a length is a number of bytes")?,
        ),
    };
    call.store().check_range(info, start, length)?;
    // The first slice is done in this turn, so a short range is complete before the next request is
    // served.
    let end = start + length;
    Ok(Begun::Pending(Sweep { id: info.id, offset: start, end, start, kind, is_held: false }))
}

impl Sweep {
    /// Returns whether the write waits for the end of a streamed reply.
    pub(in crate::service) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Processes a slice of the range. Replies when the range is complete.
    pub(in crate::service) fn step<M: Access>(
        mut self,
        step: &mut Step<'_, '_, M>,
    ) -> Result<Stepped<Self>, Failure> {
        if !step.can_slice() {
            return Ok(Stepped::Waiting(self));
        }
        let writes = matches!(self.kind, SweepKind::Fill(_)) && self.offset < self.end;
        self.is_held = writes && step.parts.store.is_read(step.session.owner, self.id);
        if self.is_held {
            return Ok(Stepped::Waiting(self));
        }
        self.slice(step)?;
        if self.offset < self.end {
            return Ok(Stepped::Progressed(self));
        }
        match self.kind {
            SweepKind::Fill(_) => step.reply.integer(self.end - self.start),
            SweepKind::Sum(sum) => step.reply.bulk_of(format_args!("{:016x}", sum.finalize())),
        }
        Ok(Stepped::Answered)
    }

    fn slice<M: Access>(&mut self, step: &mut Step<'_, '_, M>) -> Result<(), Failure> {
        let (store, budget) = (&step.parts.store, &mut *step.budget);
        // Another client may have freed or shrunk the region since the last slice.
        let info = store.usable(step.session.owner, self.id)?;
        store.check_range(&info, self.offset, self.end - self.offset)?;
        while self.offset < self.end && !budget.is_spent() {
            // A piece ends at the end of its page.
            let in_page = PAGE_BYTES - self.offset % PAGE_BYTES;
            let length = in_page.min(self.end - self.offset);
            match &mut self.kind {
                SweepKind::Fill(byte) => {
                    budget.spend(1);
                    store.fill(&info, self.offset, length, *byte)?;
                }
                SweepKind::Sum(sum) => {
                    budget.spend(SUM_COST);
                    let mut page = [0; PIECE_BYTES];
                    let bytes = &mut page[..usize::try_from(length).unwrap_or(0)];
                    store.read(&info, self.offset, bytes)?;
                    sum.update(bytes);
                }
            }
            self.offset += length;
        }
        Ok(())
    }
}

impl core::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { id, offset, end, .. } = self;
        write!(f, "Sweep({id}, {offset}..{end})")
    }
}
