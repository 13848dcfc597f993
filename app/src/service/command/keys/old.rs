//! Old values: commands that replace or free a value may first reply with it.

use vmalloc::Access;

use crate::resp::Reply;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parts::Parts;

/// Replies with the value of a key, or with a null. Returns `false` if the reply has overflowed:
/// the request is then retried with a larger buffer, so the command must not change any state
/// before.
pub(super) fn reply<M: Access>(call: &mut Call<'_, '_, M>, key: &[u8]) -> Result<bool, Failure> {
    write(call.parts, key, call.reply)?;
    Ok(!call.reply.overflowed() || call.session.is_suppressed())
}

/// Writes the value of a key, or a null.
///
/// # Errors
///
/// The value exceeds the limit of a reply. The caller must not free the value, because it was not
/// sent.
pub(in crate::service) fn write<M: Access>(
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
