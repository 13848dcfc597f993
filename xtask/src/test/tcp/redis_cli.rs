//! Tests of redis-cli against the image.

mod basics;
mod command;
mod commands;
mod interactive;
mod keys;
mod options;
mod terminal;

pub(super) use basics::{agree, ping};
pub(super) use command::{PASSWORD, PASSWORD_LINE, redis_cli as command};
pub(super) use commands::run as commands;
pub(super) use interactive::run as terminal;
pub(super) use keys::run as keys;
pub(super) use options::{password, run as options};
