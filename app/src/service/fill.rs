//! `VFILL` and `VSUM`: bytes that are written or summed up, however many, in slices.

use crc::{CRC_64_XZ, Crc, Digest, Table};
use vmalloc::{Machine, PAGE_BYTES, RegionId, RegionInfo};

use super::Service;
use super::call::Call;
use super::failure::{Failure, Word};
use super::job::{Budget, Job};
use super::session::Session;
use crate::resp::Reply;

/// What xz calls CRC-64, sixteen bytes at a time.
type Sum = Digest<'static, u64, Table<16>>;
static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// A sum costs as much as the writing of so many times its bytes.
const SUM_COST: u64 = 4;

/// Bytes that are summed up at once: at most a page.
const PIECE_BYTES: usize = 4096;

/// Bytes of a region that are being gone through.
#[derive(Clone)]
pub(super) struct Sweep {
    id: RegionId,
    offset: u64,
    end: u64,
    start: u64,
    work: Work,
    /// Whether it waits until the region is no longer being sent to a client.
    pub(super) is_held: bool,
}

#[derive(Clone)]
enum Work {
    Fill(u8),
    Sum(Sum),
}

/// `VFILL <r> offset length byte`
pub(super) fn vfill<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let what = "a byte is a number below 256";
    let byte = u8::try_from(call.number(4, what)?)
        .map_err(|_| Failure::Invalid(what, Word::new(call.argument(4))))?;
    let info = call.service.region(call.session, call.argument(1))?;
    begin(call, &info, Work::Fill(byte))
}

/// `VSUM <r> [offset length]`: the CRC-64 of xz, in hexadecimal.
pub(super) fn vsum<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    begin(call, &info, Work::Sum(CRC.digest()))
}

fn begin<M: Machine>(
    call: &mut Call<'_, '_, M>,
    info: &RegionInfo,
    work: Work,
) -> Result<(), Failure> {
    let (start, length) = match call.arguments.count() {
        2 => (0, info.requested),
        3 => return Err(Failure::Malformed("VSUM takes a region, or a region, offset and length")),
        _ => (
            call.size(2, "an offset is a number of bytes")?,
            call.size(3, "a length is a number of bytes")?,
        ),
    };
    call.service.check_range(info, start, length)?;
    let sweep =
        Sweep { id: info.id, offset: start, end: start + length, start, work, is_held: false };
    // What is short is done before the next request: in the first slice.
    call.session.job = Some(Job::Sweep(sweep));
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Goes through a slice. Returns whether anything was done.
    pub(super) fn sweep(
        &mut self,
        session: &mut Session,
        mut sweep: Sweep,
        reply: &mut Reply<'_>,
        budget: &mut Budget,
    ) -> bool {
        let writes = matches!(sweep.work, Work::Fill(_)) && sweep.offset < sweep.end;
        sweep.is_held = writes && self.is_read(session, sweep.id);
        if sweep.is_held {
            session.job = Some(Job::Sweep(sweep));
            return false;
        }
        match self.sweep_slice(session, &mut sweep, budget) {
            Err(failure) => self.refuse(&failure, reply),
            Ok(()) if sweep.offset < sweep.end => session.job = Some(Job::Sweep(sweep)),
            Ok(()) => match sweep.work {
                Work::Fill(_) => reply.integer(sweep.end - sweep.start),
                Work::Sum(sum) => reply.bulk_of(format_args!("{:016x}", sum.finalize())),
            },
        }
        true
    }

    fn sweep_slice(
        &self,
        session: &Session,
        sweep: &mut Sweep,
        budget: &mut Budget,
    ) -> Result<(), Failure> {
        // Somebody may have freed it meanwhile, or made it smaller.
        let info = self.usable(session, sweep.id)?;
        self.check_range(&info, sweep.offset, sweep.end - sweep.offset)?;
        while sweep.offset < sweep.end && !budget.is_spent() {
            // At most to the page's end.
            let in_page = PAGE_BYTES - sweep.offset % PAGE_BYTES;
            let length = in_page.min(sweep.end - sweep.offset);
            match &mut sweep.work {
                Work::Fill(byte) => {
                    budget.spend(1);
                    self.fill(&info, sweep.offset, length, *byte)?;
                }
                Work::Sum(sum) => {
                    budget.spend(SUM_COST);
                    let mut page = [0; PIECE_BYTES];
                    let bytes = &mut page[..usize::try_from(length).unwrap_or(0)];
                    self.read(&info, sweep.offset, bytes)?;
                    sum.update(bytes);
                }
            }
            sweep.offset += length;
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
