//! Old values, which a command replies with before it replaces or frees them.

use vmalloc::Machine;

use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parts::Parts;

/// Replies with the value of a key, or a null. Returns whether the command may continue: if the
/// reply overflows, the request is retried, so it must not have changed any state.
pub(super) fn reply<M: Machine>(call: &mut Call<'_, '_, M>, key: &[u8]) -> Result<bool, Failure> {
    write(call.parts, key, call.reply)?;
    Ok(!call.reply.overflowed() || call.session.is_suppressed())
}

/// Writes the value of a key, or a null.
///
/// # Errors
///
/// The value exceeds the limit of a reply: it would be freed before it could be sent.
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
