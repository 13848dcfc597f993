//! Every limit of the service, with its reason.
//!
//! `*_DEFAULT` is the value of the image when the command line has no word for it; `*_MIN` and `*_MAX` are
//! the bounds that [`crate::cmdline`] accepts. The other limits are fixed.

/// Bytes in a KiB.
pub const KIB: usize = 1024;
/// Bytes in a MiB.
pub const MIB: usize = 1024 * KIB;
/// Bytes in a GiB.
pub const GIB: usize = 1024 * MIB;

/// Least memory of a guest. With less, the client buffers and the frame metadata leave no memory to
/// allocate, so the image refuses to run, with a message.
pub const MEMORY_BYTES_MIN: usize = 64 * MIB;

/// Firmware keeps less than this of a machine's memory, so the image can derive the machine's size in whole
/// MiB from the RAM that is reported to it.
pub const FIRMWARE_BYTES_MAX: usize = MIB;
/// The least RAM that is reported to the image on a machine of [`MEMORY_BYTES_MIN`].
pub const RAM_BYTES_MIN: usize = MEMORY_BYTES_MIN - FIRMWARE_BYTES_MAX;
/// Most memory of a guest: the 40 address bits of QEMU's processors.
pub const MEMORY_BYTES_MAX: usize = 1024 * GIB;

/// Addresses that the image allocates from: all of [`crate::layout::WINDOW_BYTES`], as many as Linux has.
pub const WINDOW_BYTES_DEFAULT: usize = 32 * 1024 * GIB;
/// The buffers of the largest number of clients take 217 MiB of addresses; large replies need more.
pub const WINDOW_BYTES_MIN: usize = GIB;
/// The window lies at a fixed address, and other mappings begin after its default size.
pub const WINDOW_BYTES_MAX: usize = WINDOW_BYTES_DEFAULT;

/// CPUs that the image uses, the library's own maximum. Further CPUs stay where the firmware left them.
pub const CPUS_MAX: usize = 64;

/// Concurrent clients: 200 that may all be idle, and room for monitoring clients. The buffers are allocated
/// at boot, and an image with little memory serves fewer clients: see [`CLIENTS_PART`].
pub const CLIENTS_DEFAULT: usize = 256;
/// The buffers of all clients take no more than this part of the memory.
pub const CLIENTS_PART: usize = 8;
/// Sockets with wide buffers (68 KiB in each direction) take no more than this part of the memory. There
/// are as many wide sockets as clients if the memory allows it; further connections get narrow buffers (20
/// KiB).
pub const WIDE_SOCKETS_PART: usize = 16;
/// One client is enough to work.
pub const CLIENTS_MIN: usize = 1;
/// Each client takes 212 KiB of buffers.
pub const CLIENTS_MAX: usize = 1024;

/// Longest name that `CLIENT SETNAME` takes: each client has room for one. Redis limits the name only by
/// its bulk strings, and libraries write their own name and version into it.
pub const CLIENT_NAME_BYTES_MAX: usize = 512;
/// Longest name and version of a library that `CLIENT SETINFO` takes.
pub const CLIENT_LIBRARY_BYTES_MAX: usize = 64;

/// How long a new connection waits for a place among the clients, in microseconds. The end of an old
/// connection may arrive after the beginning of a new one, so a client that connects while all places are
/// taken is refused only after this time.
pub const CLIENT_WAIT_US: u64 = 100_000;

/// Microseconds that a shutdown waits for peers to take their replies and the ends of their connections.
pub const SHUTDOWN_US: u64 = 1_000_000;

/// Seconds of silence after which a client is probed with a keepalive, as in Redis.
pub const KEEPALIVE_SECONDS_DEFAULT: usize = 300;
/// A day.
pub const KEEPALIVE_SECONDS_MAX: usize = 86_400;

/// Bytes of the longest IP packet; 0 uses the MTU of the device.
pub const MTU_BYTES_DEFAULT: usize = 0;
/// Every host accepts packets of this size (RFC 1122 section 3.3.2), and no current link has a smaller MTU.
pub const MTU_BYTES_MIN: usize = 576;
/// The payload of an Ethernet frame.
pub const MTU_BYTES_MAX: usize = 1500;

/// Listening sockets beyond the clients. The network stack has no listen backlog: a SYN that finds no
/// listener is reset. Because packets are taken one at a time, 16 listeners are enough for 200 simultaneous
/// SYNs.
pub const SPARE_LISTENERS: usize = 16;

/// Concurrent HTTP connections. They have their own places, sockets and buffers, so neither service can
/// exhaust the other's. Idle connections are closed for new ones, so viewers need few of them.
pub const HTTP_CLIENTS: usize = 16;
/// Places of these that only answer requests for `/metrics` and `/healthz`, so that monitoring works while
/// other reports occupy the rest.
pub const HTTP_RESERVED: usize = 4;
/// Sockets of HTTP connections that wait for a place or are closing.
pub const HTTP_WAITING: usize = 24;
/// Listening sockets of the HTTP service. A listener is replaced after each connection that it accepts.
pub const HTTP_LISTENERS: usize = 8;
/// Longest head of an HTTP request, the limit of common servers.
pub const HTTP_HEAD_BYTES_MAX: usize = 8 * KIB;

/// Concurrent regions; 0 means as many as the memory can hold.
pub const REGIONS_DEFAULT: usize = 0;
/// Least number of regions that can be set: the stacks of up to 64 CPUs and the buffers of the network and
/// the service are regions too, and clients need some.
pub const REGIONS_MIN: usize = 1024;
/// A region id has 24 bits for the slot, and slot 0 is unused.
pub const REGIONS_MAX: usize = (1 << 24) - 1;

/// Concurrent named regions.
pub const NAMES_DEFAULT: usize = 16_384;
/// With a table of 0 names every `NAME` would fail.
pub const NAMES_MIN: usize = 1;
/// A name takes about 140 bytes of the table: 1 Mi names take 140 MiB.
pub const NAMES_MAX: usize = 1 << 20;
/// Longest name of a region, which is the longest key. Each of the `names` has its own storage for the
/// first 48 bytes; the rest of longer names comes from a shared pool of 60 bytes per entry of `names`.
pub const NAME_BYTES_MAX: usize = 512;
/// The longest part of a name that reports and errors show, so that they stay on one line of a terminal.
pub const NAME_SHOWN_BYTES_MAX: usize = 64;

/// Concurrent regions with a lease: a lease takes 32 bytes of heap.
pub const LEASES: usize = 16_384;

/// Regions of one connection; 0 applies the limit of [`REGIONS_DEFAULT`] only.
pub const QUOTA_REGIONS_DEFAULT: usize = 0;
/// Bytes of one connection, or of all named regions; 0 allows all memory except the reserve.
pub const QUOTA_BYTES_DEFAULT: usize = 0;
/// 16 TiB: the largest value of the per-connection counters.
pub const QUOTA_BYTES_MAX: usize = 1 << 44;

/// Longest bulk string of a request.
pub const BULK_BYTES_DEFAULT: usize = 16 * MIB;
/// `redis-cli` sends its own probes as bulk strings; shorter limits break every client.
pub const BULK_BYTES_MIN: usize = KIB;
/// Redis' own limit (`proto-max-bulk-len`).
pub const BULK_BYTES_MAX: usize = 512 * MIB;

/// Longest inline request line, as in Redis.
pub const INLINE_BYTES_DEFAULT: usize = 64 * KIB;
/// An inline line must hold the longest command with a name.
pub const INLINE_BYTES_MIN: usize = 256;
/// The largest configurable length of an inline request. The image allocates an input buffer of at least the
/// configured length for every client, so a higher limit costs memory for each of them.
pub const INLINE_BYTES_MAX: usize = MIB;

/// Arguments of one request: as many as Redis clients send in one request.
pub const ARGUMENTS_DEFAULT: usize = ARGUMENTS_MAX;
/// The longest form of `VMALLOC` has 16.
pub const ARGUMENTS_MIN: usize = 32;
/// The position of an argument and the number of bytes before it are 32-bit numbers; Redis clients stay
/// below this limit too.
pub const ARGUMENTS_MAX: usize = 1 << 20;
/// Arguments of a request that is not sliced: it completes within one turn.
pub const ARGUMENTS_AT_ONCE: usize = 1024;
/// Words of an inline request: as many as fit into the default line. Each takes 8 bytes at boot.
pub const INLINE_WORDS: usize = 32 * KIB;

/// Keys that all connections together can watch. Each takes 32 bytes at boot.
pub const WATCHES: usize = 4096;

/// Bytes of one request that are buffered at once. Only requests that do not fit into 64 KiB take more,
/// while they are received and served; the data of `SET` and `VWRITE` is streamed.
pub const REQUEST_BYTES_MAX: usize = 64 * MIB;
/// All requests that are buffered in this way take no more than this part of the memory.
pub const REQUESTS_PART: usize = 4;

/// Unsent reply bytes of one client; the image does not read from a client above this limit. The bytes of a
/// region that are copied as they are sent (`GET`, `GETRANGE`, `VREAD`) do not count, because they need no
/// memory.
pub const OUTPUT_BYTES_DEFAULT: usize = MIB;
/// A reply of up to 32 KiB, the longest piece that is read from a region at once, must fit.
pub const OUTPUT_BYTES_MIN: usize = 64 * KIB;
/// With more, one slow client could use up the memory of a small guest.
pub const OUTPUT_BYTES_MAX: usize = 64 * MIB;

/// Seconds within which a client must read a reply that is copied from a region as it is sent, and the
/// bytes per second that extend this time for longer replies. Until then the pages of the region are kept,
/// and requests that would change the region wait. A client that does not read is disconnected after this
/// time.
pub const REPLY_SECONDS_MIN: u64 = 120;
/// See [`REPLY_SECONDS_MIN`].
pub const REPLY_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// Frames that clients cannot allocate, reserved for page tables, network and metadata; 0 means that the
/// image chooses by the size of its memory.
pub const RESERVE_FRAMES_DEFAULT: usize = 0;
/// 64 GiB of frames: more than any guest needs to reserve.
pub const RESERVE_FRAMES_MAX: usize = 1 << 24;

/// Longest duration of a self-test in seconds: the host tool waits 300 s.
pub const SELFTEST_SECONDS_MAX: usize = 240;

/// Longest duration of one `VBENCH` in milliseconds, during which other clients wait.
pub const BENCH_MS_MAX: usize = 10_000;

/// Longest kernel command line; the image copies it into a buffer of this size.
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
