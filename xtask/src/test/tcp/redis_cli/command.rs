//! The command line of redis-cli against an image.

use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::test::tally::Skip;
use crate::test::tcp::subject::Subject;

/// Time limit for a busy host.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// A kernel command line with a password.
pub(crate) const PASSWORD_LINE: &str = "requirepass=open-sesame";
pub(crate) const PASSWORD: &str = "open-sesame";

/// Makes a command line of redis-cli, without a user's settings for other servers.
pub(crate) fn redis_cli(subject: &Subject) -> anyhow::Result<Command> {
    if process::find("redis-cli").is_none() {
        return Err(Skip("redis-cli is not installed").into());
    }
    let mut command = Command::new("redis-cli");
    command.args(["-p", &subject.address().port().to_string()]).env_remove("REDISCLI_AUTH");
    command.env("REDISCLI_RCFILE", "/dev/null").env("REDISCLI_HISTFILE", "/dev/null");
    Ok(command)
}
