//! `/vmallocinfo`: the text of `VMALLOCINFO`, however long.

use vmalloc::{Cursor, Machine};

use super::body::Share;
use super::room::Room;
use crate::service::Service;

/// Writes rows from the cursor on.
pub(super) fn write<M: Machine>(
    service: &Service<M>,
    room: &mut Room<'_>,
    share: &mut Share,
    cursor: &mut Cursor,
) -> bool {
    while !share.is_spent() {
        let Some((info, next)) = service.vm().next_area(*cursor) else { return true };
        let caller = service.caller(&info);
        // What does not fit was counted all the same.
        share.spend(service, &info);
        let is_written = room.whole(|room| {
            // Writing to a room cannot fail.
            let _ = service.vm().write_row(&info, &caller, room);
        });
        if !is_written {
            return false;
        }
        *cursor = next;
    }
    false
}
