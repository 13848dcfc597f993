//! Values that a command answers with and then replaces or frees.

use vmalloc::Machine;

use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parts::Parts;

/// Answers with the value of a key, or with a null. Returns whether the command may go on: where the
/// reply needs more room than is left, the request is served again, and must have changed nothing.
pub(super) fn reply<M: Machine>(call: &mut Call<'_, '_, M>, key: &[u8]) -> Result<bool, Failure> {
    write(call.parts, key, call.reply)?;
    Ok(!call.reply.overflowed() || call.session.is_suppressed())
}

/// Writes the value of a key, or a null.
///
/// # Errors
///
/// The value is longer than a reply may be: it would be gone before it could be sent.
pub(in crate::service) fn write<M: Machine>(
    parts: &Parts<M>,
    key: &[u8],
    reply: &mut Reply<'_>,
) -> Result<(), Failure> {
    let Some(info) = parts.store.key(key)? else {
        reply.null();
        return Ok(());
    };
    let length = usize::try_from(info.requested)
        .ok()
        .filter(|length| *length <= parts.config.output_bytes)
        .ok_or_else(|| parts.reply_limit(", use GET first"))?;
    reply.bulk_in_place(length, |bytes| parts.store.read(&info, 0, bytes))
}
