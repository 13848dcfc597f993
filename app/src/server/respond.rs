//! Writes replies into the output of a connection. All replies of the server pass through this
//! module.

use super::output::{Output, Written};
use crate::resp::Reply;
use crate::service::Connection;

/// Writes a reply, or a part of one, into the output by calling `answer`.
pub(super) fn respond<T: AsRef<[u8]> + AsMut<[u8]>, R>(
    output: &mut Output<T>,
    connection: &mut Connection,
    answer: impl FnOnce(&mut Connection, &mut Reply<'_>) -> R,
) -> Written<R> {
    let written = output.write(|reply| compose(connection, reply, answer));
    output.set_streaming(connection.session().is_streaming());
    written
}

/// Writes a large reply into `buffer` by calling `answer`. Returns `false` if the reply does not
/// fit into `buffer` either; the output is then unchanged.
pub(super) fn respond_spilled<T: AsRef<[u8]> + AsMut<[u8]>, R>(
    output: &mut Output<T>,
    buffer: T,
    connection: &mut Connection,
    answer: impl FnOnce(&mut Connection, &mut Reply<'_>) -> R,
) -> bool {
    output.write_spilled(buffer, |reply| compose(connection, reply, answer))
}

/// Applies the protocol version and the `CLIENT REPLY` mode of the connection.
///
/// Every reply passes through this function, however its request was served: immediately, in
/// slices, by an AP, while its bytes arrive, retried after a delay, or refused. The mode is read
/// after `answer`, because `CLIENT REPLY ON` is answered although the mode was off. A suppressed
/// reply has no bytes, so it never needs a larger buffer.
fn compose<R>(
    connection: &mut Connection,
    reply: &mut Reply<'_>,
    answer: impl FnOnce(&mut Connection, &mut Reply<'_>) -> R,
) -> R {
    reply.set_resp3(connection.session().is_resp3());
    let mark = reply.mark();
    let result = answer(connection, reply);
    if connection.session().is_suppressed() {
        reply.rewind(mark);
    }
    result
}
