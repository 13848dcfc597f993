//! Options of `query`.

use std::ffi::OsString;

use clap::Args;

/// Options of `query`.
#[derive(Args, Debug)]
pub(crate) struct QueryOptions {
    /// Name of the guest.
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Prints strings unchanged, without quotes and numbers.
    #[arg(long)]
    pub(crate) raw: bool,
    /// The password of the guest; otherwise $REDISCLI_AUTH.
    #[arg(long, value_name = "TEXT")]
    pub(crate) password: Option<OsString>,
    /// Asks for RESP3.
    #[arg(long, short = '3')]
    pub(crate) resp3: bool,
    /// The command and its arguments; without one, commands are read from standard input, one per line.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}
