//! `INFO` and `DBSIZE`, which Redis clients and monitoring tools use.
//!
//! A field of Redis is included if the image has a true value for it, and omitted otherwise. The
//! counters of the image follow, with a heading for each section of the counter table.

mod sections;
mod text;

use vmalloc::Access;

use crate::resp::Arguments;
use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::parts::Parts;
use sections::{Detail, Sections};
use text::InfoText;

/// Serves `DBSIZE`: replies with the number of regions that have a name.
pub(in crate::service) fn dbsize<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.reply.integer(call.parts.store.names.count() as u64);
    Ok(())
}

/// Serves `INFO [section …]`.
pub(in crate::service) fn info<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let wanted = WantedSections(call.arguments);
    let parts = &*call.parts;
    call.reply.text_by(|reply| {
        let mut report = InfoText::new(reply);
        for section in Sections::ALL {
            if wanted.has(section.name, section.detail) {
                report.begin(section.name);
                (section.write)(parts, &mut report);
            }
        }
        write_counters(parts, &wanted, &mut report);
    });
    Ok(())
}

/// The sections that a request names.
struct WantedSections<'a>(Arguments<'a>);

impl WantedSections<'_> {
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

/// Writes all counters, with a heading for each section.
fn write_counters<M: Access>(
    parts: &Parts<M>,
    wanted: &WantedSections<'_>,
    report: &mut InfoText<'_, '_>,
) {
    let mut last = "";
    parts.for_each_row(&mut |row| {
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
