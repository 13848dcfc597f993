//! `AUTH`: the authentication of clients.

use runtime_config::cmdline::Config;
use vmalloc::Access;

use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::session::Session;

/// The only user, named as in Redis.
pub(super) const USER: &[u8] = b"default";

/// Serves `AUTH [default] password`.
pub(in crate::service) fn auth<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let (user, password) = match call.arguments.count() {
        2 if call.parts.config.password.is_empty() => {
            return Err(Failure::Redis(
                "AUTH <password> called without any password configured for the default user. Are \
                 you sure your configuration is correct?",
            ));
        }
        2 => (USER, call.argument(1)),
        3 => (call.argument(1), call.argument(2)),
        _ => return Err(Failure::Redis("syntax error")),
    };
    authenticate(&call.parts.config, call.session, user, password)?;
    call.reply.status("OK");
    Ok(())
}

/// Authenticates the session if `password` is right. If no password is configured, every password
/// is accepted, as for a `nopass` user of Redis.
pub(super) fn authenticate(
    config: &Config,
    session: &mut Session,
    user: &[u8],
    password: &[u8],
) -> Result<(), Failure> {
    let known = config.password.as_str().as_bytes();
    let is_right = known.is_empty() || is_same(known, password);
    if !(is_right && user == USER) {
        return Err(Failure::Plain(
            "WRONGPASS invalid username-password pair or user is disabled.",
        ));
    }
    session.is_authenticated = true;
    Ok(())
}

/// Compares two passwords. The time depends only on the length of the sent password, not on the
/// position of a difference.
fn is_same(known: &[u8], sent: &[u8]) -> bool {
    let mut difference = known.len() ^ sent.len();
    for (at, byte) in sent.iter().enumerate() {
        difference |= usize::from(byte ^ known[at % known.len()]);
    }
    core::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn only_the_same_is_the_same() {
        assert!(is_same(b"abc", b"abc"));
        for other in ["", "a", "ab", "abd", "xbc", "abca", "abcabc", "aabbcc"] {
            assert!(!is_same(b"abc", other.as_bytes()), "{other}");
        }
    }
}
