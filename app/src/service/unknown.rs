//! Writes errors for requests that name no known command, in the words of Redis.

use arrayvec::ArrayString;

use super::catalog::Facts;
use crate::resp::{Arguments, Reply};

/// Maximum number of bytes of an unknown request that its error repeats, as in Redis.
const ECHOED_BYTES_MAX: usize = 128;

/// Writes Redis's error for an unknown command. The error repeats bytes of the request unchanged.
pub(super) fn unknown(arguments: Arguments<'_>, reply: &mut Reply<'_>) {
    let mut echoed = [0; 2 * ECHOED_BYTES_MAX + 8];
    let mut length = 0;
    for argument in arguments.iter().skip(1) {
        if length >= ECHOED_BYTES_MAX {
            break;
        }
        let room = ECHOED_BYTES_MAX - length;
        for part in [b"'", c_string(argument, room), b"' "] {
            echoed[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
    }
    let name = c_string(arguments.get(0).unwrap_or_default(), ECHOED_BYTES_MAX);
    let echoed = &echoed[..length];
    reply.error_of_bytes(&[
        b"ERR unknown command '",
        name,
        b"', with args beginning with: ",
        echoed,
    ]);
}

/// Writes Redis's error for an unknown subcommand.
pub(super) fn unknown_subcommand(command: &Facts, arguments: Arguments<'_>, reply: &mut Reply<'_>) {
    let word = c_string(arguments.get(1).unwrap_or_default(), ECHOED_BYTES_MAX);
    let (name, end) = (command.name.as_bytes(), b" HELP.");
    reply.error_of_bytes(&[b"ERR unknown subcommand '", word, b"'. Try ", name, end]);
}

/// Returns the bytes that C prints for `%.*s` with the precision `limit`: those before the first
/// NUL.
fn c_string(bytes: &[u8], limit: usize) -> &[u8] {
    let end = bytes.iter().take(limit).position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len().min(limit))]
}

/// Writes Redis's error for a wrong number of arguments.
pub(super) fn wrong_count(command: &Facts, reply: &mut Reply<'_>) {
    let mut name = ArrayString::<32>::new();
    for character in command.name.chars() {
        // The name of every command is shorter than the capacity.
        let _ = name.try_push(character.to_ascii_lowercase());
    }
    reply.error(format_args!("ERR wrong number of arguments for '{name}' command"));
}
