//! Tests the allocator where frames and tables run out, and where windows have odd borders.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "borders.rs"]
mod borders;
#[path = "refusals.rs"]
mod refusals;
