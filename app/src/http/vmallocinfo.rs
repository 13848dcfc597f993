//! Writes the report `/vmallocinfo`: the text of the command `VMALLOCINFO`, without a limit of its length.

use vmalloc::{Access, Cursor};

use super::budget::RowBudget;
use super::writer::BoundedWriter;
use crate::service::Service;

/// Writes the rows from the cursor on, until the writer is full or the budget is spent. Returns whether the report is
/// complete.
pub(super) fn write<M: Access>(
    service: &Service<M>,
    writer: &mut BoundedWriter<'_>,
    budget: &mut RowBudget,
    cursor: &mut Cursor,
) -> bool {
    while !budget.is_spent() {
        let Some((info, next)) = service.vm().next_area(*cursor) else { return true };
        let caller = service.reports().caller(&info);
        // The budget is also charged for a row that does not fit, because formatting the row takes time.
        budget.spend(service, &info);
        let is_written = writer.whole(|writer| {
            // Writing to a BoundedWriter cannot fail.
            let _ = service.vm().write_row(&info, &caller, writer);
        });
        if !is_written {
            return false;
        }
        *cursor = next;
    }
    false
}
