//! Names of commands in replies.

use crate::resp::Reply;

/// Writes a name as a bulk string in lower case.
pub(super) fn bulk_in_lower_case(name: &str, reply: &mut Reply<'_>) {
    reply.bulk_by(|reply| {
        name.bytes().for_each(|byte| reply.raw(&[byte.to_ascii_lowercase()]));
    });
}
