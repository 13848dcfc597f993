//! Options of `query`.

use std::ffi::OsString;

use clap::Args;

/// Options of `query`.
#[derive(Args, Debug)]
pub(crate) struct QueryOptions {
    /// Name of the guest to query.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Prints the strings of replies unchanged, without quotes and without numbers of elements.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Password of the guest. The default is the value of $REDISCLI_AUTH.
    #[arg(long, value_name = "TEXT")]
    pub(crate) password: Option<OsString>,
    /// Uses version 3 of the Redis protocol (RESP3).
    #[arg(long, short = '3')]
    pub(crate) resp3: bool,
    /// The command and its arguments. Without a command, commands are read from standard input, one per line.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}
