//! The rows of the command table. The most frequent commands come first.

use core::marker::PhantomData;

use vmalloc::Access;

use super::command::Command;
use super::handler::{answers, begins, resumes, waits};
use super::subcommands::Subcommands;
use crate::service::catalog::Group::{Connection, Key, Region, Report, Transaction};
use crate::service::catalog::flags::{
    ADMIN, ALLOW_BUSY, CONNECTION, DANGEROUS, DENYOOM, FAST, KEYSPACE, LOADING, MOVABLEKEYS,
    NO_AUTH, NO_MANDATORY_KEYS, NO_MULTI, NOSCRIPT, READONLY, SKIP_SLOWLOG, STALE, STRING,
    TRANSACTION, WRITE,
};
use crate::service::catalog::keys::Keys;
use crate::service::command::{
    allocate, audit, auth, batch, bench, bytes, connection, fill, free, info, inject, introspect,
    keys, lease, page_tables, probe, protect, quota, report, resize, shutdown, stats, time,
    transaction, watch,
};

/// Flags of commands whose region arguments are optional. The names of regions are keys.
const OPTIONAL_KEYS: u32 = NO_MANDATORY_KEYS | MOVABLEKEYS;
/// Flags of commands that are served without authentication.
const ANYBODY: u32 = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;

const CHANGES: &str = "nondeterministic_output";
const ALL_SHARDS: &str = "request_policy:all_shards response_policy:all_succeeded";
const SUM: &str = "request_policy:multi_shard response_policy:agg_sum";

/// The rows of the command table for one machine type.
pub(super) struct Rows<M>(PhantomData<M>);

impl<M: Access + 'static> Rows<M> {
    /// The rows of all commands.
    pub(super) const TABLE: &'static [Command<M>] = &[
        Command::new(Region, "VMALLOC", -2, "size [ALIGN a] [ZERO|NOZERO] [NODE n] [HUGE never|try|must] [PROT rw|ro|rx|none] [NAME k [REPLACE]] [LEASE ms|PERSIST] [SOFT]", "allocates a zeroed region: id, address, mapped bytes; with `SOFT` a lack of memory, addresses, names or quota is answered with null", begins!(allocate::vmalloc, Allocate))
            .flags(WRITE | DENYOOM | OPTIONAL_KEYS, 0)
            .keys(Keys::named(2))
            .errors("INVAL TOOBIG NOMEM NOVA NONODE QUOTA EXISTS"),
        Command::new(Region, "VFREE", -2, "[STRICT] r [r ...]", "frees regions and returns their number; with `STRICT` a region that does not exist is an error", resumes!(free::vfree, Free))
            .flags(WRITE | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, -1, "RM delete"))
            .walked()
            .errors("PERM INVAL BUSY NOENT"),
        Command::new(Connection, "PING", -1, "[message]", "returns PONG, or the message", resumes!(connection::ping, Walk))
            .flags(FAST, CONNECTION)
            .tips(ALL_SHARDS)
            .light(),
        Command::new(Key, "GET", 2, "key", "returns the bytes of a region, or null", waits!(keys::get))
            .flags(READONLY | FAST, STRING)
            .keys(Keys::fixed(1, 1, 1, "RO access"))
            .light()
            .errors("FAULT LIMIT")
            .hint(", use GETRANGE"),
        Command::new(Key, "SET", -3, "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-seconds|PXAT unix-milliseconds|KEEPTTL]", "stores the value in a new region and frees the old one; with `GET` the reply is the old value", answers!(keys::set))
            .flags(WRITE | DENYOOM, STRING)
            .keys(Keys::fixed(1, 1, 1, "RW access update variable_flags"))
            .errors("OOM"),
        Command::new(Region, "VREAD", 4, "r offset length", "returns bytes inside the requested size", waits!(bytes::vread))
            .flags(READONLY | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RO access"))
            .light()
            .errors("FAULT RANGE LIMIT NOENT PERM BUSY"),
        Command::new(Region, "VWRITE", 4, "r offset data", "writes bytes inside the requested size and returns their number", waits!(bytes::vwrite))
            .flags(WRITE | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RW update"))
            .light()
            .errors("FAULT RANGE LIMIT NOENT PERM BUSY"),
        Command::new(Region, "VZALLOC", -2, "size [options of VMALLOC]", "same as VMALLOC, which always zeroes", begins!(allocate::vmalloc, Allocate))
            .flags(WRITE | DENYOOM | OPTIONAL_KEYS, 0)
            .keys(Keys::named(2))
            .errors("INVAL TOOBIG NOMEM NOVA NONODE QUOTA EXISTS"),
        Command::new(Region, "VMALLOC_NODE", -3, "size node [options of VMALLOC]", "as VMALLOC, with the frames of the node first", begins!(allocate::vmalloc_node, Allocate))
            .flags(WRITE | DENYOOM | OPTIONAL_KEYS, 0)
            .keys(Keys::named(3))
            .errors("INVAL TOOBIG NOMEM NOVA NONODE QUOTA EXISTS"),
        Command::new(Region, "VMALLOCN", -3, "count size [options of VMALLOC] [PARTIAL]", "allocates up to 1024 regions, all or none, and returns their ids; with `PARTIAL` as many as fit", begins!(batch::vmallocn, Batch))
            .flags(WRITE | DENYOOM, 0)
            .errors("INVAL TOOBIG NOMEM NOVA NONODE QUOTA"),
        Command::new(Region, "VREALLOC", -3, "r size [MOVE|NOMOVE|COPY] [ZERO]", "resizes a region and zeroes the added bytes: id, address, mapped bytes, and same, shrunk, grown, moved or copied; size 0 frees the region and returns null", begins!(resize::vrealloc, Resize))
            .flags(WRITE | DENYOOM | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RW update"))
            .errors("NOENT PERM INVAL TOOBIG NOMEM NOVA QUOTA BUSY"),
        Command::new(Region, "VFREEALL", 1, "", "frees this connection's regions without a name and returns their number", begins!(batch::vfreeall, FreeAll))
            .flags(WRITE, 0),
        Command::new(Region, "VFILL", 5, "r offset length byte", "sets bytes to one value, in slices, and returns their number", begins!(fill::vfill, Sweep))
            .flags(WRITE | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RW update"))
            .light()
            .errors("FAULT RANGE NOENT PERM BUSY INVAL"),
        Command::new(Region, "VSUM", -2, "r [offset length]", "returns the CRC-64 (as in xz) of bytes in hexadecimal, computed in slices", begins!(fill::vsum, Sweep))
            .flags(READONLY | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RO access"))
            .light()
            .errors("FAULT RANGE NOENT PERM BUSY INVAL"),
        Command::new(Region, "VPROT", 3, "r ro|rw|rx|none", "changes the rights of a region on all CPUs before it replies", begins!(protect::vprot, Protect))
            .flags(WRITE | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RW update"))
            .errors("WXVIOLATION NOENT PERM INVAL BUSY"),
        Command::new(Region, "VLEASE", 3, "r ms|PERSIST", "frees a region after this number of milliseconds, or never", answers!(lease::vlease))
            .flags(WRITE | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RW update"))
            .errors("NOENT PERM INVAL QUOTA BUSY"),
        Command::new(Region, "VINFO", 2, "r", "returns all fields of a region", answers!(report::vinfo))
            .flags(READONLY | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RO"))
            .light()
            .errors("NOENT BUSY"),
        Command::new(Report, "VLIST", -1, "[CURSOR c] [COUNT n] [OWNER o] [STATE busy|lazy|all]", "lists regions by address, then areas that wait for a flush: the next cursor (0 at the end), and rows of id, caller, address, mapped and requested bytes, protection, state", answers!(report::vlist))
            .flags(READONLY, 0)
            .tips(CHANGES)
            .errors("INVAL LIMIT")
            .hint(", use a smaller COUNT"),
        Command::new(Report, "VMALLOCINFO", -1, "[EXT]", "lists all regions in the format of `/proc/vmallocinfo`; with `EXT` also id, owner, requested bytes and rights", answers!(report::vmallocinfo))
            .flags(READONLY, 0)
            .tips(CHANGES)
            .errors("LIMIT")
            .hint(", use VLIST"),
        Command::new(Report, "VPTE", -2, "r [offset pages]", "lists the page-table entries of a region: address, level, frame, flags", answers!(page_tables::vpte))
            .flags(READONLY | OPTIONAL_KEYS, 0)
            .keys(Keys::regions(1, 1, "RO"))
            .errors("NOENT PERM RANGE LIMIT BUSY")
            .hint(", use offset and pages"),
        Command::new(Report, "VWALK", 2, "address", "returns the page-table entry at each of the four levels", answers!(page_tables::vwalk))
            .flags(READONLY, 0)
            .errors("INVAL"),
        Command::new(Report, "VPROBE", 3, "address r|w|x", "tries a real access: ok, or the fault and the owner of the address", answers!(probe::vprobe))
            .flags(READONLY, 0)
            .errors("INVAL"),
        Command::new(Report, "VCHECK", -1, "[FULL]", "audits all structures against each other; with `FULL` no other request is served until it ends", begins!(audit::vcheck, Audit))
            .flags(READONLY | ADMIN, 0)
            .errors("VIOLATION"),
        Command::new(Report, "VPURGE", -1, "[SYNC]", "flushes and releases freed memory: areas, pages with guards, and none, pages or full; with `SYNC` also what is cached for speed", begins!(audit::vpurge, Purge))
            .flags(ADMIN, 0),
        Command::new(Report, "VBENCH", -2, "all|name|mask [CPUS n] [LOOPS n] [PAGES n] [MS n]", "runs workloads of Linux's `test_vmalloc` on n CPUs for at most 10 s; no other request is served until they end", waits!(bench::vbench))
            .flags(ADMIN, 0)
            .tips(CHANGES)
            .errors("INVAL BUSY"),
        Command::new(Report, "VINJECT", 3, "region|area|frame|table n", "makes the n-th such reservation from now on fail; 0 cancels that", answers!(inject::vinject))
            .flags(ADMIN, 0)
            .light()
            .errors("INVAL"),
        Command::new(Report, "VQUOTA", -1, "[GET|SET REGIONS|BYTES|NAMED n ...]", "returns or sets limits and returns their use: of this connection, and of all named regions", answers!(quota::vquota))
            .flags(ADMIN, 0)
            .light()
            .errors("INVAL"),
        Command::new(Report, "VSTATS", -1, "[section]", "returns all counters, or those of one section", answers!(stats::vstats))
            .flags(LOADING | STALE, 0)
            .tips(CHANGES)
            .light()
            .errors("INVAL"),
        Command::new(Key, "SETNX", 3, "key value", "as SET with `NX`: 1, or 0 if the key exists", answers!(keys::setnx))
            .flags(WRITE | DENYOOM | FAST, STRING)
            .keys(Keys::fixed(1, 1, 1, "OW insert"))
            .errors("OOM"),
        Command::new(Key, "SETEX", 4, "key seconds value", "as SET with `EX`", answers!(keys::setex))
            .flags(WRITE | DENYOOM, STRING)
            .keys(Keys::fixed(1, 1, 1, "OW update"))
            .errors("OOM"),
        Command::new(Key, "PSETEX", 4, "key milliseconds value", "as SET with `PX`", answers!(keys::psetex))
            .flags(WRITE | DENYOOM, STRING)
            .keys(Keys::fixed(1, 1, 1, "OW update"))
            .errors("OOM"),
        Command::new(Key, "GETSET", 3, "key value", "as SET with `GET`", answers!(keys::getset))
            .flags(WRITE | DENYOOM | FAST, STRING)
            .keys(Keys::fixed(1, 1, 1, "RW access update"))
            .errors("OOM"),
        Command::new(Key, "GETDEL", 2, "key", "returns the bytes of a region and frees it, or returns null", answers!(keys::getdel))
            .flags(WRITE | FAST, STRING)
            .keys(Keys::fixed(1, 1, 1, "RW access delete"))
            .errors("FAULT LIMIT"),
        Command::new(Key, "MGET", -2, "key [key ...]", "returns the bytes of regions, and null for a key that does not exist", resumes!(keys::mget, Walk))
            .flags(READONLY | FAST, STRING)
            .keys(Keys::fixed(1, -1, 1, "RO access"))
            .tips("request_policy:multi_shard")
            .walked()
            .light()
            .errors("FAULT LIMIT")
            .hint(", use GET"),
        Command::new(Key, "MSET", -3, "key value [key value ...]", "as SET for several keys, all or none", resumes!(keys::mset, SetAll))
            .flags(WRITE | DENYOOM, STRING)
            .keys(Keys::fixed(1, -1, 2, "OW update"))
            .tips("request_policy:multi_shard response_policy:all_succeeded")
            .walked()
            .errors("OOM"),
        Command::new(Key, "MSETNX", -3, "key value [key value ...]", "as MSET if no key exists: 1, otherwise 0", resumes!(keys::msetnx, SetAll))
            .flags(WRITE | DENYOOM, STRING)
            .keys(Keys::fixed(1, -1, 2, "OW insert"))
            .tips("request_policy:multi_shard response_policy:agg_min")
            .walked()
            .errors("OOM"),
        Command::new(Key, "FLUSHDB", -1, "[ASYNC|SYNC]", "frees every region that has a name, in slices; regions without a name stay", resumes!(keys::flush, Names))
            .flags(WRITE, KEYSPACE | DANGEROUS)
            .tips(ALL_SHARDS),
        Command::new(Key, "FLUSHALL", -1, "[ASYNC|SYNC]", "as FLUSHDB", resumes!(keys::flush, Names))
            .flags(WRITE, KEYSPACE | DANGEROUS)
            .tips(ALL_SHARDS),
        Command::new(Key, "DEL", -2, "key [key ...]", "frees regions by name and returns their number", resumes!(keys::del, Walk))
            .flags(WRITE, KEYSPACE)
            .keys(Keys::fixed(1, -1, 1, "RM delete"))
            .walked()
            .tips(SUM),
        Command::new(Key, "UNLINK", -2, "key [key ...]", "as DEL", resumes!(keys::del, Walk))
            .flags(WRITE | FAST, KEYSPACE)
            .keys(Keys::fixed(1, -1, 1, "RM delete"))
            .walked()
            .tips(SUM),
        Command::new(Key, "GETRANGE", 4, "key start end", "returns a part of the bytes, both ends included; negative positions count from the end", waits!(keys::getrange))
            .flags(READONLY, STRING)
            .keys(Keys::fixed(1, 1, 1, "RO access"))
            .light()
            .errors("FAULT LIMIT")
            .hint(", use a smaller range"),
        Command::new(Key, "SETRANGE", 4, "key offset value", "writes at an offset, grows a region that is too small, and returns the length", resumes!(keys::setrange, Write))
            .flags(WRITE | DENYOOM, STRING)
            .keys(Keys::fixed(1, 1, 1, "RW update"))
            .errors("OOM FAULT"),
        Command::new(Key, "APPEND", 3, "key value", "writes at the end and returns the length", resumes!(keys::append, Write))
            .flags(WRITE | DENYOOM | FAST, STRING)
            .keys(Keys::fixed(1, 1, 1, "RW insert"))
            .errors("OOM FAULT"),
        Command::new(Key, "STRLEN", 2, "key", "returns the number of requested bytes, 0 if the key does not exist", answers!(keys::strlen))
            .flags(READONLY | FAST, STRING)
            .keys(Keys::fixed(1, 1, 1, "RO"))
            .light(),
        Command::new(Key, "EXISTS", -2, "key [key ...]", "returns how many of the keys exist", resumes!(keys::exists, Walk))
            .flags(READONLY | FAST, KEYSPACE)
            .keys(Keys::fixed(1, -1, 1, "RO"))
            .tips(SUM)
            .walked()
            .light(),
        Command::new(Key, "TYPE", 2, "key", "returns string, or none if the key does not exist", answers!(keys::kind))
            .flags(READONLY | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RO"))
            .light(),
        Command::new(Key, "SCAN", -2, "cursor [MATCH pattern] [COUNT n] [TYPE string]", "returns names, a page at a time", answers!(keys::scan))
            .flags(READONLY, KEYSPACE)
            .tips("nondeterministic_output request_policy:special")
            .light(),
        Command::new(Key, "KEYS", 2, "pattern", "returns all names that match, or an error if the search takes too many comparisons", answers!(keys::keys))
            .flags(READONLY, KEYSPACE | DANGEROUS)
            .tips("request_policy:all_shards nondeterministic_output_order")
            .light()
            .errors("LIMIT")
            .hint(", use SCAN"),
        Command::new(Key, "DBSIZE", 1, "", "returns the number of regions with a name", answers!(info::dbsize))
            .flags(READONLY | FAST, KEYSPACE)
            .tips("request_policy:all_shards response_policy:agg_sum")
            .light(),
        Command::new(Key, "MEMORY", -2, "subcommand", "reports the memory of keys", answers!(introspect::help))
            .subcommands(Subcommands::MEMORY)
            .light(),
        Command::new(Key, "EXPIRE", -3, "key seconds [NX|XX|GT|LT]", "frees a region after this time: 1, or 0 if the key does not exist or the condition does not hold", answers!(lease::expire))
            .flags(WRITE | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RW update"))
            .errors("OOM"),
        Command::new(Key, "PEXPIRE", -3, "key milliseconds [NX|XX|GT|LT]", "as EXPIRE, in milliseconds", answers!(lease::pexpire))
            .flags(WRITE | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RW update"))
            .errors("OOM"),
        Command::new(Key, "EXPIREAT", -3, "key unix-seconds [NX|XX|GT|LT]", "as EXPIRE, at a time of day", answers!(lease::expireat))
            .flags(WRITE | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RW update"))
            .errors("OOM"),
        Command::new(Key, "PEXPIREAT", -3, "key unix-milliseconds [NX|XX|GT|LT]", "as EXPIREAT, in milliseconds", answers!(lease::pexpireat))
            .flags(WRITE | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RW update"))
            .errors("OOM"),
        Command::new(Key, "PERSIST", 2, "key", "removes the lease: 1, or 0 if there is no lease", answers!(lease::persist))
            .flags(WRITE | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RW update"))
            .light(),
        Command::new(Key, "TTL", 2, "key", "returns the seconds until the lease ends, -1 without a lease, -2 without a key", answers!(lease::ttl))
            .flags(READONLY | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RO access"))
            .tips(CHANGES)
            .light(),
        Command::new(Key, "PTTL", 2, "key", "as TTL, in milliseconds", answers!(lease::pttl))
            .flags(READONLY | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RO access"))
            .tips(CHANGES)
            .light(),
        Command::new(Key, "EXPIRETIME", 2, "key", "returns the seconds since 1970 at which the lease ends, -1 without a lease, -2 without a key", answers!(lease::expiretime))
            .flags(READONLY | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RO access"))
            .light(),
        Command::new(Key, "PEXPIRETIME", 2, "key", "as EXPIRETIME, in milliseconds", answers!(lease::pexpiretime))
            .flags(READONLY | FAST, KEYSPACE)
            .keys(Keys::fixed(1, 1, 1, "RO access"))
            .light(),
        Command::new(Report, "TIME", 1, "", "returns the time of day: seconds since 1970, and microseconds", answers!(time::time))
            .flags(LOADING | STALE | FAST, 0)
            .tips(CHANGES)
            .light(),
        Command::new(Report, "INFO", -1, "[section ...]", "returns counters in the format of Redis", answers!(info::info))
            .flags(LOADING | STALE, DANGEROUS)
            .tips("nondeterministic_output request_policy:all_shards response_policy:special")
            .light(),
        Command::new(Report, "CONFIG", -2, "subcommand", "reads the settings, which are fixed at boot, and resets the counters of the traffic", answers!(introspect::help))
            .subcommands(Subcommands::CONFIG)
            .light(),
        Command::new(Report, "SHUTDOWN", -1, "[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]", "closes all connections and powers the machine off; `SAVE` needs `FORCE`, because there is no storage", answers!(shutdown::shutdown))
            .flags(ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY, 0)
            .light(),
        Command::new(Report, "COMMAND", -1, "[subcommand]", "describes the commands", answers!(introspect::command))
            .flags(LOADING | STALE, CONNECTION)
            .tips("nondeterministic_output_order")
            .subcommands(Subcommands::COMMAND)
            .light(),
        Command::new(Connection, "HELLO", -1, "[2|3 [AUTH default password] [SETNAME name]]", "selects the protocol version and describes the server", answers!(connection::hello))
            .flags(ANYBODY, CONNECTION)
            .light()
            .errors("NOPROTO WRONGPASS"),
        Command::new(Connection, "AUTH", -2, "[default] password", "authenticates with the password of the setting `requirepass`", answers!(auth::auth))
            .flags(ANYBODY, CONNECTION)
            .light()
            .errors("WRONGPASS"),
        Command::new(Connection, "CLIENT", -2, "subcommand", "reports and controls connections", answers!(introspect::help))
            .subcommands(Subcommands::CLIENT)
            .light(),
        Command::new(Connection, "ECHO", 2, "message", "returns the message", resumes!(connection::echo, Walk))
            .flags(LOADING | STALE | FAST, CONNECTION)
            .light(),
        Command::new(Connection, "SELECT", 2, "index", "accepts database 0 only", answers!(connection::select))
            .flags(LOADING | STALE | FAST, CONNECTION)
            .light(),
        Command::new(Connection, "RESET", 1, "", "resets the state of the connection; its regions stay", answers!(connection::reset))
            .flags(ANYBODY, CONNECTION)
            .light(),
        Command::new(Connection, "QUIT", -1, "", "closes the connection", answers!(connection::quit))
            .flags(ANYBODY, CONNECTION)
            .light(),
        Command::new(Transaction, "MULTI", 1, "", "queues the requests that follow, until `EXEC`", answers!(transaction::multi))
            .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, TRANSACTION)
            .light(),
        Command::new(Transaction, "EXEC", 1, "", "serves the queued requests without requests of other clients in between: their replies, or null if a watched key has changed", waits!(transaction::exec))
            .flags(NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG, TRANSACTION)
            .errors("EXECABORT"),
        Command::new(Transaction, "DISCARD", 1, "", "drops the queued requests", answers!(transaction::discard))
            .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, TRANSACTION)
            .light(),
        Command::new(Transaction, "WATCH", -2, "key [key ...]", "makes the next `EXEC` fail if one of the keys changes before it", answers!(watch::watch))
            .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, TRANSACTION)
            .keys(Keys::fixed(1, -1, 1, "RO"))
            .errors("LIMIT")
            .light(),
        Command::new(Transaction, "UNWATCH", 1, "", "stops watching all keys", answers!(watch::unwatch))
            .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY, TRANSACTION)
            .light(),
    ];
}
