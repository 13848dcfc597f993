//! `INFO` and `DBSIZE`: what stock clients and their monitors ask.
//!
//! Every field of Redis has its true value here; a field without one is left out. The image's own
//! counters follow, each section of their table under a heading.

mod sections;

use core::fmt::Write;

use vmalloc::Machine;

use super::Service;
use super::call::Call;
use super::failure::Failure;
use crate::resp::{Arguments, Reply};
use sections::Sections;

/// `DBSIZE`: regions with a name.
pub(super) fn dbsize<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(call.service.names.count() as u64);
    Ok(())
}

/// `INFO [section …]`
pub(super) fn info<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let wanted = Wanted(call.arguments);
    let service = &*call.service;
    call.reply.text_by(|reply| {
        let mut report = Report { reply, is_begun: false };
        for section in Sections::ALL {
            if wanted.has(section.name, section.detail) {
                report.begin(section.name);
                (section.write)(service, &mut report);
            }
        }
        service.write_counters(&wanted, &mut report);
    });
    Ok(())
}

/// When a section is written without being named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Always.
    Default,
    /// With `all` and `everything`.
    All,
    /// By default and with `everything`, and not with `all`.
    Modules,
}

/// The sections that a request names.
struct Wanted<'a>(Arguments<'a>);

impl Wanted<'_> {
    fn has(&self, section: &str, detail: Detail) -> bool {
        if self.0.count() == 1 {
            return detail != Detail::All;
        }
        self.0.iter().skip(1).any(|word| {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            is(section)
                || is("everything")
                || is("all") && detail != Detail::Modules
                || is("default") && detail != Detail::All
        })
    }
}

/// The text: sections with an empty line between two.
struct Report<'a, 'r> {
    reply: &'a mut Reply<'r>,
    is_begun: bool,
}

impl Report<'_, '_> {
    /// Begins a section. Its heading has a capital.
    fn begin(&mut self, name: &str) {
        if core::mem::replace(&mut self.is_begun, true) {
            self.reply.raw(b"\r\n");
        }
        let (first, rest) = name.split_at(1);
        self.reply.raw(b"# ");
        self.reply.raw(&[first.as_bytes()[0].to_ascii_uppercase()]);
        self.reply.raw(rest.as_bytes());
        self.reply.raw(b"\r\n");
    }

    fn line(&mut self, name: &str, value: impl core::fmt::Display) {
        // Writing to a reply cannot fail.
        let _ = write!(self.reply, "{name}:{value}\r\n");
    }

    fn rest_of_line(&mut self, text: core::fmt::Arguments<'_>) {
        // Writing to a reply cannot fail.
        let _ = write!(self.reply, "{text}\r\n");
    }

    /// Fields that are 0.
    fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.line(name, 0));
    }
}

impl<M: Machine> Service<M> {
    /// Every counter, each section under a heading.
    fn write_counters(&self, wanted: &Wanted<'_>, report: &mut Report<'_, '_>) {
        let mut last = "";
        self.for_each_row(&mut |row| {
            if !wanted.has(row.section, Detail::Default) {
                return;
            }
            if row.section != last {
                report.begin(row.section);
                last = row.section;
            }
            report.line(row.name, row.value);
        });
    }
}
