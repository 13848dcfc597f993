//! `VREAD` and `VWRITE` access the bytes of a region through the mapping whose address the client
//! received.

use vmalloc::Access;

use crate::service::call::{Begun, Call, Never};
use crate::service::failure::Failure;

/// Serves `VREAD <r> offset length`.
pub(in crate::service) fn vread<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Never>, Failure> {
    let info = call.region(call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    let length = call.size(3, "a length is a number of bytes")?;
    call.parts.store.check_range(&info, offset, length)?;
    call.reply_bytes(&info, offset..offset + length, "")
}

/// Serves `VWRITE <r> offset data` if the data fits into the input of the connection. Larger data
/// is written by an [`Upload`](crate::service::upload::Upload).
pub(in crate::service) fn vwrite<M: Access>(
    call: &mut Call<'_, '_, M>,
) -> Result<Begun<Never>, Failure> {
    let info = call.region(call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    let data = call.argument(3);
    call.parts.store.check_range(&info, offset, data.len() as u64)?;
    if call.is_read(info.id) {
        return Ok(Begun::Wait(None));
    }
    call.parts.store.write(&info, offset, data)?;
    call.reply.integer(data.len() as u64);
    Ok(Begun::Answered)
}
