//! Values that a command answers with and then replaces or frees.

use vmalloc::Machine;

use crate::resp::Reply;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::failure::Failure;

/// `GETDEL key`: the value, or a null; the key is gone.
pub(in crate::service) fn getdel<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let key = call.argument(1);
    call.service.has_key(key);
    if reply(call, key)?
        && let Some(info) = call.service.key(key)?
    {
        call.service.give_up(info.id);
    }
    Ok(())
}

/// Answers with the value of a key, or with a null. Returns whether the command may go on: where the
/// reply needs more room than is left, the request is served again, and must have changed nothing.
pub(super) fn reply<M: Machine>(call: &mut Call<'_, '_, M>, key: &[u8]) -> Result<bool, Failure> {
    write(call.service, key, call.reply)?;
    Ok(!call.reply.overflowed() || call.session.is_suppressed())
}

/// Writes the value of a key, or a null.
///
/// # Errors
///
/// The value is longer than a reply may be: it would be gone before it could be sent.
pub(in crate::service) fn write<M: Machine>(
    service: &Service<M>,
    key: &[u8],
    reply: &mut Reply<'_>,
) -> Result<(), Failure> {
    let Some(info) = service.key(key)? else {
        reply.null();
        return Ok(());
    };
    let length = usize::try_from(info.requested)
        .ok()
        .filter(|length| *length <= service.config.output_bytes)
        .ok_or_else(|| service.reply_limit(", use GET first"))?;
    reply.bulk_in_place(length, |bytes| service.read(&info, 0, bytes))
}
