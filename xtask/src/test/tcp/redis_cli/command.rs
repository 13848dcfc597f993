//! Builds command lines of redis-cli for an image.

use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::test::tally::Skip;
use crate::test::tcp::subject::Subject;

/// Maximum time of a call on a busy host.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// A kernel command line that sets a password.
pub(crate) const PASSWORD_LINE: &str = "requirepass=open-sesame";
pub(crate) const PASSWORD: &str = "open-sesame";

/// Returns a command line of redis-cli, without the user's settings for other servers.
pub(crate) fn redis_cli(subject: &Subject) -> anyhow::Result<Command> {
    if process::find("redis-cli").is_none() {
        return Err(Skip("redis-cli is not installed").into());
    }
    let mut command = Command::new("redis-cli");
    command.args(["-p", &subject.address().port().to_string()]).env_remove("REDISCLI_AUTH");
    command.env("REDISCLI_RCFILE", "/dev/null").env("REDISCLI_HISTFILE", "/dev/null");
    Ok(command)
}
