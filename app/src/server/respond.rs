//! Where replies enter a connection's output.

use super::output::{Output, Written};
use crate::resp::Reply;
use crate::service::Connection;

/// Lets `answer` write a reply, or a part of one, into the output.
pub(super) fn respond<T: AsRef<[u8]> + AsMut<[u8]>, R>(
    output: &mut Output<T>,
    connection: &mut Connection,
    answer: impl FnOnce(&mut Connection, &mut Reply<'_>) -> R,
) -> Written<R> {
    let written = output.write(|reply| compose(connection, reply, answer));
    output.set_streaming(connection.session().is_streaming());
    written
}

/// Lets `answer` write a large reply into a buffer of its own. Returns `false` where the reply does
/// not fit there either; then nothing of it is left.
pub(super) fn respond_spilled<T: AsRef<[u8]> + AsMut<[u8]>, R>(
    output: &mut Output<T>,
    buffer: T,
    connection: &mut Connection,
    answer: impl FnOnce(&mut Connection, &mut Reply<'_>) -> R,
) -> bool {
    output.write_spilled(buffer, |reply| compose(connection, reply, answer))
}

/// Applies the connection's protocol version and its `CLIENT REPLY` mode.
///
/// Every reply passes here, whatever path its request took: served at once, in slices, by an AP,
/// while its bytes come in, again after a delay, or refused. The mode is read after `answer`,
/// because `CLIENT REPLY ON` answers although the mode was off. A suppressed reply has no length,
/// so it never needs a larger buffer.
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
