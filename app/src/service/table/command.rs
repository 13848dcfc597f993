//! One row of the table: the facts of a command, its handler and its subcommands.

use vmalloc::Access;

use super::handler::Handler;
use crate::service::catalog::flags::Flags;
use crate::service::catalog::keys::Keys;
use crate::service::catalog::{Facts, Group};

/// A row of the table.
pub(in crate::service) struct Command<M: Access + 'static> {
    pub(super) facts: Facts,
    pub(super) handler: Handler<M>,
    /// The subcommands, which the second word of a request selects.
    pub(super) subcommands: &'static [Self],
}

impl<M: Access> Command<M> {
    pub(super) const fn new(
        group: Group,
        name: &'static str,
        arity: i32,
        syntax: &'static str,
        summary: &'static str,
        handler: Handler<M>,
    ) -> Self {
        let facts = Facts::new(group, name, arity, syntax, summary);
        Self { facts, handler, subcommands: &[] }
    }

    /// Marks a command that neither allocates nor frees memory.
    pub(super) const fn light(mut self) -> Self {
        self.facts.is_light = true;
        self
    }

    /// Sets the flags, and the ACL categories that cannot be derived from the flags.
    pub(super) const fn flags(mut self, flags: u32, categories: u32) -> Self {
        self.facts.flags = Flags::new(flags, categories);
        self
    }

    /// Sets the positions of the keys.
    pub(super) const fn keys(mut self, keys: Keys) -> Self {
        self.facts.keys = keys;
        self
    }

    /// Sets the hints for proxies.
    pub(super) const fn tips(mut self, tips: &'static str) -> Self {
        self.facts.tips = tips;
        self
    }

    /// Sets the codes (first words) of the command's own errors.
    pub(super) const fn errors(mut self, errors: &'static str) -> Self {
        self.facts.errors = errors;
        self
    }

    /// Marks a command that processes its arguments in slices.
    pub(super) const fn walked(mut self) -> Self {
        self.facts.is_walked = true;
        self
    }

    /// Sets the command that the error about a too large reply recommends instead.
    pub(super) const fn hint(mut self, hint: &'static str) -> Self {
        self.facts.hint = hint;
        self
    }

    /// Sets the subcommands.
    pub(super) const fn subcommands(mut self, subcommands: &'static [Self]) -> Self {
        self.subcommands = subcommands;
        self
    }
}
