//! Commands that use named regions like the string keys of Redis.

mod delete;
mod get;
mod large_set;
mod mget;
mod mset;
mod old;
mod scan;
mod set;
mod set_options;
mod variants;
mod write;

pub(in crate::service) use delete::{del, flush, getdel};
pub(in crate::service) use get::{exists, get, getrange, kind, memory_usage, strlen};
pub(in crate::service) use large_set::LargeSet;
pub(in crate::service) use mget::mget;
pub(in crate::service) use mset::{mset, msetnx};
pub(in crate::service) use old::write as write_old;
pub(in crate::service) use scan::{keys, scan};
pub(in crate::service) use set::{publish_value, set, wants_old};
pub(in crate::service) use variants::{getset, psetex, setex, setnx};
pub(in crate::service) use write::{LargeWrite, append, setrange};
