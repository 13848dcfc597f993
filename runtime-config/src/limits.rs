//! The limits of the service, each with its reason.
//!
//! A constant `*_DEFAULT` is the value if the command line does not set one. `*_MIN` and `*_MAX` are the
//! bounds that [`crate::cmdline`] accepts. All other limits are fixed.

/// Bytes in a KiB.
pub const KIB: usize = 1024;
/// Bytes in a MiB.
pub const MIB: usize = 1024 * KIB;
/// Bytes in a GiB.
pub const GIB: usize = 1024 * MIB;

/// Minimum memory of a guest. With less memory, the client buffers and the frame metadata would leave no
/// memory for clients to allocate, so the image prints a message and does not run.
pub const MEMORY_BYTES_MIN: usize = 64 * MIB;

/// The firmware keeps less memory of a machine than this for itself. The image can therefore round the
/// reported RAM up to the size of the machine in whole MiB.
pub const FIRMWARE_BYTES_MAX: usize = MIB;
/// The least RAM that the firmware reports to the image on a machine with [`MEMORY_BYTES_MIN`].
pub const RAM_BYTES_MIN: usize = MEMORY_BYTES_MIN - FIRMWARE_BYTES_MAX;
/// Maximum memory of a guest, given by the 40 bits of a physical address of QEMU's processors.
pub const MEMORY_BYTES_MAX: usize = 1024 * GIB;

/// Size of the addresses from which the image allocates: all of [`crate::layout::WINDOW_BYTES`], as in Linux.
pub const WINDOW_BYTES_DEFAULT: usize = 32 * 1024 * GIB;
/// Minimum size of the window. The buffers of the maximum number of clients take 217 MiB of addresses, and
/// large replies need more.
pub const WINDOW_BYTES_MIN: usize = GIB;
/// Maximum size of the window: the window has a fixed address, and other mappings follow after the default
/// size.
pub const WINDOW_BYTES_MAX: usize = WINDOW_BYTES_DEFAULT;

/// Maximum number of CPUs that the image uses, which is the maximum of the library. Further CPUs are not
/// started.
pub const CPUS_MAX: usize = 64;

/// Default number of clients: 200 clients that may all be idle, and some for monitoring. Their buffers are
/// allocated at boot. An image with little memory serves fewer clients, see [`CLIENTS_PART`].
pub const CLIENTS_DEFAULT: usize = 256;
/// The buffers of all clients take at most 1/`CLIENTS_PART` of the memory.
pub const CLIENTS_PART: usize = 8;
/// Sockets with wide buffers (68 KiB in each direction) take at most 1/`WIDE_SOCKETS_PART` of the memory. If
/// the memory suffices, every client has a wide socket. Otherwise further connections have narrow buffers
/// (20 KiB).
pub const WIDE_SOCKETS_PART: usize = 16;
/// Minimum number of clients: the image is useful with one client.
pub const CLIENTS_MIN: usize = 1;
/// Maximum number of clients. Each client costs 212 KiB of buffers.
pub const CLIENTS_MAX: usize = 1024;

/// Maximum length of a name for `CLIENT SETNAME`. Each place in the client list has storage for such a name.
/// Redis has no special limit for it, and some libraries put their own name and version into it.
pub const CLIENT_NAME_BYTES_MAX: usize = 512;
/// Maximum length of the name and of the version of a library for `CLIENT SETINFO`.
pub const CLIENT_LIBRARY_BYTES_MAX: usize = 64;

/// Time that a new connection waits for a place in the client list, in microseconds. The close of an old
/// connection may arrive after the begin of a new one. A connection is therefore refused only if all places
/// are still taken after this time.
pub const CLIENT_WAIT_US: u64 = 100_000;

/// Maximum time of a shutdown in microseconds. During this time peers can receive their replies and
/// acknowledge the close of their connections.
pub const SHUTDOWN_US: u64 = 1_000_000;

/// Seconds without received packets after which a client is probed with a keepalive. The value is that of
/// Redis.
pub const KEEPALIVE_SECONDS_DEFAULT: usize = 300;
/// Maximum of the same time: one day.
pub const KEEPALIVE_SECONDS_MAX: usize = 86_400;

/// Default length of the longest IP packet. 0 uses the MTU of the network device.
pub const MTU_BYTES_DEFAULT: usize = 0;
/// Every host accepts packets of this length (RFC 1122 section 3.3.2), and no link in use has a smaller MTU.
pub const MTU_BYTES_MIN: usize = 576;
/// The maximum payload of an Ethernet frame.
pub const MTU_BYTES_MAX: usize = 1500;

/// Number of listening sockets beyond the number of clients. The network stack has no listen backlog: it
/// resets a SYN for which no socket listens. Because packets are processed one at a time, 16 listeners
/// suffice for 200 simultaneous SYNs.
pub const SPARE_LISTENERS: usize = 16;

/// Number of HTTP connections that are served at the same time. HTTP and RESP have separate places, sockets
/// and buffers, so neither service can exhaust those of the other. The number can be small, because idle
/// connections are closed when new ones arrive.
pub const HTTP_CLIENTS: usize = 16;
/// Number of these places that serve only `/metrics` and `/healthz`, so that monitoring works while other
/// reports occupy all other places.
pub const HTTP_RESERVED: usize = 4;
/// Number of sockets for HTTP connections that wait for a place or are being closed.
pub const HTTP_WAITING: usize = 24;
/// Number of listening sockets of the HTTP service. A listener that accepts a connection is replaced.
pub const HTTP_LISTENERS: usize = 8;
/// Maximum length of the head of an HTTP request. Common HTTP servers have the same limit.
pub const HTTP_HEAD_BYTES_MAX: usize = 8 * KIB;

/// Default number of regions. 0 permits all regions that the memory can hold.
pub const REGIONS_DEFAULT: usize = 0;
/// Minimum number of regions that can be set. The stacks of up to 64 CPUs and the buffers of the network and
/// the service are regions too, and clients need further ones.
pub const REGIONS_MIN: usize = 1024;
/// Maximum number of regions: the id of a region has 24 bits for the slot, and slot 0 is unused.
pub const REGIONS_MAX: usize = (1 << 24) - 1;

/// Default number of named regions.
pub const NAMES_DEFAULT: usize = 16_384;
/// Minimum number of names: with 0, every option `NAME` would fail.
pub const NAMES_MIN: usize = 1;
/// Maximum number of names. Each name takes about 140 bytes, so 1 Mi names take 140 MiB.
pub const NAMES_MAX: usize = 1 << 20;
/// Maximum length of the name of a region, and so of a key. Storage for the first 48 bytes of each name is
/// reserved. The rest of longer names is stored in a shared pool that has 60 bytes for each name.
pub const NAME_BYTES_MAX: usize = 512;
/// Maximum length of a name in reports and errors, so that their lines fit on a terminal.
pub const NAME_SHOWN_BYTES_MAX: usize = 64;

/// Maximum number of regions with a lease. Each lease takes 32 bytes of the heap.
pub const LEASES: usize = 16_384;

/// Default limit of regions of one connection. With 0, only the limit of [`REGIONS_DEFAULT`] applies.
pub const QUOTA_REGIONS_DEFAULT: usize = 0;
/// Default limit of bytes of one connection, and of all named regions. 0 permits all memory except the
/// reserve.
pub const QUOTA_BYTES_DEFAULT: usize = 0;
/// Maximum of these limits: 16 TiB is the largest value that the counters of a connection can hold.
pub const QUOTA_BYTES_MAX: usize = 1 << 44;

/// Default maximum length of a bulk string of a request.
pub const BULK_BYTES_DEFAULT: usize = 16 * MIB;
/// Minimum of this limit. With less, requests that `redis-cli` itself sends would be refused.
pub const BULK_BYTES_MIN: usize = KIB;
/// Maximum of this limit, which is the limit of Redis (`proto-max-bulk-len`).
pub const BULK_BYTES_MAX: usize = 512 * MIB;

/// Default maximum length of an inline request, as in Redis.
pub const INLINE_BYTES_DEFAULT: usize = 64 * KIB;
/// Minimum of this limit, so that the longest command with a name fits.
pub const INLINE_BYTES_MIN: usize = 256;
/// The largest configurable length of an inline request. The image allocates an input buffer of at least the
/// configured length for every client, so a higher limit costs memory for each of them.
pub const INLINE_BYTES_MAX: usize = MIB;

/// Default maximum number of arguments of a request. Redis clients can send this number.
pub const ARGUMENTS_DEFAULT: usize = ARGUMENTS_MAX;
/// Minimum of this limit: the longest form of `VMALLOC` has 16 arguments.
pub const ARGUMENTS_MIN: usize = 32;
/// Maximum of this limit. The parser stores positions of arguments and of their bytes as 32-bit numbers.
/// Redis clients send no more arguments.
pub const ARGUMENTS_MAX: usize = 1 << 20;
/// Maximum number of arguments of a request that is served within one turn. A request with more arguments is
/// served in slices.
pub const ARGUMENTS_AT_ONCE: usize = 1024;
/// Maximum number of words of an inline request, which is the number that fits into the default length. Each
/// word takes 8 bytes, allocated at boot.
pub const INLINE_WORDS: usize = 32 * KIB;

/// Maximum number of keys that all connections together can watch. Each takes 32 bytes, allocated at boot.
pub const WATCHES: usize = 4096;

/// Maximum number of bytes of one request that are held in a buffer. Only a request that does not fit into 64
/// KiB has a larger buffer, until it is served. The data of `SET` and `VWRITE` needs no such buffer, because
/// it is written into its region as it arrives.
pub const REQUEST_BYTES_MAX: usize = 64 * MIB;
/// The larger buffers of all requests take at most 1/`REQUESTS_PART` of the memory.
pub const REQUESTS_PART: usize = 4;

/// Default maximum number of unsent reply bytes of one client. Above it, the image does not read from that
/// client. Bytes of a region that are copied while they are sent (by `GET`, `GETRANGE` and `VREAD`) do not
/// count, because they need no buffer.
pub const OUTPUT_BYTES_DEFAULT: usize = MIB;
/// Minimum of this limit, so that a reply of 32 KiB fits, which is the longest reply that is written in one
/// piece.
pub const OUTPUT_BYTES_MIN: usize = 64 * KIB;
/// Maximum of this limit. With more, one slow client could use up the memory of a small guest.
pub const OUTPUT_BYTES_MAX: usize = 64 * MIB;

/// Time in seconds within which a client must read a reply whose bytes are copied from a region while they
/// are sent. Longer replies get one more second for each [`REPLY_BYTES_PER_SECOND_MIN`] bytes. During that
/// time the pages of the region are kept, and requests that would change the region are delayed. A client
/// that has not read the reply by then is disconnected.
pub const REPLY_SECONDS_MIN: u64 = 120;
/// Number of bytes of a reply that extend [`REPLY_SECONDS_MIN`] by one second.
pub const REPLY_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// Default number of frames that clients cannot allocate. They are reserved for page tables, network and
/// metadata. With 0, the image chooses a number by the size of its memory.
pub const RESERVE_FRAMES_DEFAULT: usize = 0;
/// Maximum of this number: 64 GiB of frames, which is more than any guest needs to reserve.
pub const RESERVE_FRAMES_MAX: usize = 1 << 24;

/// Maximum duration of a self-test in seconds. The host tool ends the guest after 300 s.
pub const SELFTEST_SECONDS_MAX: usize = 240;

/// Maximum duration of one `VBENCH` in milliseconds. Requests of other clients are delayed during that time.
pub const BENCH_MS_MAX: usize = 10_000;

/// Maximum length of the kernel command line. The image copies the line into a buffer of this size.
pub const COMMAND_LINE_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout;

    #[test]
    fn the_default_window_is_the_whole_layout() {
        assert_eq!(WINDOW_BYTES_DEFAULT as u64, layout::WINDOW_BYTES);
    }

    #[test]
    fn defaults_lie_between_their_bounds() {
        for (default, min, max) in [
            (WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MIN, WINDOW_BYTES_MAX),
            (CLIENTS_DEFAULT, CLIENTS_MIN, CLIENTS_MAX),
            (REGIONS_DEFAULT, 0, REGIONS_MAX),
            (NAMES_DEFAULT, NAMES_MIN, NAMES_MAX),
            (BULK_BYTES_DEFAULT, BULK_BYTES_MIN, BULK_BYTES_MAX),
            (INLINE_BYTES_DEFAULT, INLINE_BYTES_MIN, INLINE_BYTES_MAX),
            (ARGUMENTS_DEFAULT, ARGUMENTS_MIN, ARGUMENTS_MAX),
            (OUTPUT_BYTES_DEFAULT, OUTPUT_BYTES_MIN, OUTPUT_BYTES_MAX),
            (RESERVE_FRAMES_DEFAULT, 0, RESERVE_FRAMES_MAX),
            (MTU_BYTES_DEFAULT, 0, MTU_BYTES_MAX),
            (KEEPALIVE_SECONDS_DEFAULT, 0, KEEPALIVE_SECONDS_MAX),
        ] {
            assert!(min <= default && default <= max, "{min} <= {default} <= {max}");
        }
    }
}
