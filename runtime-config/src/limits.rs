//! Every limit of the service, with its reason.
//!
//! `*_DEFAULT` is what the image uses without a word on the command line, `*_MIN` and `*_MAX` are
//! the bounds that [`crate::cmdline`] accepts. The rest is fixed.

/// Bytes in a KiB.
pub const KIB: usize = 1024;
/// Bytes in a MiB.
pub const MIB: usize = 1024 * KIB;
/// Bytes in a GiB.
pub const GIB: usize = 1024 * MIB;

/// Least memory of a guest: below it the buffers of the clients and the frame metadata leave
/// nothing to allocate, so the image refuses with a message.
pub const MEMORY_BYTES_MIN: usize = 64 * MIB;

/// Firmware keeps less than this of a machine's memory, so that an image can tell the machine's size by
/// whole MiB from the RAM that is reported to it.
pub const FIRMWARE_BYTES_MAX: usize = MIB;
/// The least RAM that is reported to the image on a machine of [`MEMORY_BYTES_MIN`].
pub const RAM_BYTES_MIN: usize = MEMORY_BYTES_MIN - FIRMWARE_BYTES_MAX;
/// Most memory of a guest: what QEMU's processors address (40 bits).
pub const MEMORY_BYTES_MAX: usize = 1024 * GIB;

/// Addresses that the image allocates from: all of [`crate::layout::WINDOW_BYTES`], as many as Linux has.
pub const WINDOW_BYTES_DEFAULT: usize = 32 * 1024 * GIB;
/// The buffers of the most clients take 217 MiB of addresses, and large replies come on top.
pub const WINDOW_BYTES_MIN: usize = GIB;
/// The window lies at a fixed address, and other things begin behind its default size.
pub const WINDOW_BYTES_MAX: usize = WINDOW_BYTES_DEFAULT;

/// CPUs that the image uses: what the library knows. Further ones stay where the firmware left them.
pub const CPUS_MAX: usize = 64;

/// Clients at once: 200 that may all be idle, and room for those who look after them. All that they
/// need is taken at boot, and an image with little memory serves fewer: see [`CLIENTS_PART`].
pub const CLIENTS_DEFAULT: usize = 256;
/// The buffers of all clients take no more than this part of the memory.
pub const CLIENTS_PART: usize = 8;
/// Sockets with wide buffers (68 KiB in each direction) take no more than this part of the memory. There
/// are as many of them as clients where that is enough; connections beyond get narrow buffers (20 KiB).
pub const WIDE_SOCKETS_PART: usize = 16;
/// One client is enough to work.
pub const CLIENTS_MIN: usize = 1;
/// Each takes 212 KiB of buffers.
pub const CLIENTS_MAX: usize = 1024;

/// Longest name that `CLIENT SETNAME` takes: each client has room for one. Redis has no limit but
/// that of its bulk strings, and libraries write what they are into the name.
pub const CLIENT_NAME_BYTES_MAX: usize = 512;
/// Longest name and version of a library that `CLIENT SETINFO` takes.
pub const CLIENT_LIBRARY_BYTES_MAX: usize = 64;

/// Connections that wait until one of the places of clients is given up. The end of an old connection
/// may arrive after the beginning of a new one, so a client that comes when all places are taken waits
/// for this long, in microseconds, before it is refused.
pub const CLIENT_WAIT_US: u64 = 100_000;

/// Microseconds that a shutdown waits for peers to take their replies and the ends of their connections.
pub const SHUTDOWN_US: u64 = 1_000_000;

/// Seconds without a word from a client after which it is asked whether it still lives, as in Redis.
pub const KEEPALIVE_SECONDS_DEFAULT: usize = 300;
/// A day.
pub const KEEPALIVE_SECONDS_MAX: usize = 86_400;

/// Bytes of the longest IP packet; 0 is what the device says.
pub const MTU_BYTES_DEFAULT: usize = 0;
/// Every host takes packets of this size (RFC 1122 section 3.3.2), and no link of today has a smaller one.
pub const MTU_BYTES_MIN: usize = 576;
/// An Ethernet frame has room for so much.
pub const MTU_BYTES_MAX: usize = 1500;

/// Listening sockets beyond the clients: the network stack has no backlog, a SYN that finds no
/// listener is reset. With one packet taken at a time 16 are enough for 200 simultaneous SYNs.
pub const SPARE_LISTENERS: usize = 16;

/// HTTP connections that are served at once. They have places, sockets and buffers of their own, so
/// that neither service can take the other's. Idle ones give way, so viewers need few of them.
pub const HTTP_CLIENTS: usize = 16;
/// Of these, places that only requests for `/metrics` and `/healthz` may be answered in: monitoring
/// works while other reports take all the rest.
pub const HTTP_RESERVED: usize = 4;
/// Sockets of HTTP connections that wait for a place, or are closing.
pub const HTTP_WAITING: usize = 24;
/// Listening sockets for them: another is armed after each connection that one has taken.
pub const HTTP_LISTENERS: usize = 8;
/// Longest head of an HTTP request: what every common server takes.
pub const HTTP_HEAD_BYTES_MAX: usize = 8 * KIB;

/// Regions at once; 0 means as many as the memory can hold.
pub const REGIONS_DEFAULT: usize = 0;
/// Least number of regions that can be set: stacks of up to 64 CPUs and the buffers of the network and the
/// service are regions too, and clients need some.
pub const REGIONS_MIN: usize = 1024;
/// A region id has 24 bits for the slot, and slot 0 is nobody's.
pub const REGIONS_MAX: usize = (1 << 24) - 1;

/// Named regions at once.
pub const NAMES_DEFAULT: usize = 16_384;
/// A table of no names would refuse every `NAME`.
pub const NAMES_MIN: usize = 1;
/// A name costs about 140 bytes of table: 1 Mi of them is 140 MiB.
pub const NAMES_MAX: usize = 1 << 20;
/// Longest name of a region, which is the longest key. The first 48 bytes of each of the `names`
/// have room of their own; the rest of longer ones shares 60 bytes for each of the `names`.
pub const NAME_BYTES_MAX: usize = 512;
/// The most that reports and errors show of a name: they stay one line of a terminal.
pub const NAME_SHOWN_BYTES_MAX: usize = 64;

/// Regions that end by themselves, at once: a lease costs 32 bytes of heap.
pub const LEASES: usize = 16_384;

/// Regions of one connection; 0 is no limit but [`REGIONS_DEFAULT`]'s.
pub const QUOTA_REGIONS_DEFAULT: usize = 0;
/// Bytes of one connection, or of all named regions; 0 is no limit but the memory without the
/// reserve.
pub const QUOTA_BYTES_DEFAULT: usize = 0;
/// 16 TiB: what the notes on a connection can count.
pub const QUOTA_BYTES_MAX: usize = 1 << 44;

/// Longest bulk string of a request.
pub const BULK_BYTES_DEFAULT: usize = 16 * MIB;
/// `redis-cli` sends its own probes as bulks; shorter limits break every client.
pub const BULK_BYTES_MIN: usize = KIB;
/// Redis' own limit (`proto-max-bulk-len`).
pub const BULK_BYTES_MAX: usize = 512 * MIB;

/// Longest inline request line, as in Redis.
pub const INLINE_BYTES_DEFAULT: usize = 64 * KIB;
/// An inline line must hold the longest command with a name.
pub const INLINE_BYTES_MIN: usize = 256;
/// Every client owns a buffer of this size.
pub const INLINE_BYTES_MAX: usize = MIB;

/// Arguments of one request: as many as clients of Redis send at once.
pub const ARGUMENTS_DEFAULT: usize = ARGUMENTS_MAX;
/// The longest form of `VMALLOC` has 16.
pub const ARGUMENTS_MIN: usize = 32;
/// A position among them and the bytes in front of it have 32 bits; Redis' clients stay below this too.
pub const ARGUMENTS_MAX: usize = 1 << 20;
/// Arguments of a request whose work is not cut into slices: it is done within one turn.
pub const ARGUMENTS_AT_ONCE: usize = 1024;
/// Words of an inline request: as many as fit into the default line. Each costs 8 bytes at boot.
pub const INLINE_WORDS: usize = 32 * KIB;

/// Keys that all connections together can watch. Each costs 32 bytes at boot.
pub const WATCHES: usize = 4096;

/// Bytes of one request that are held at once. Only requests that do not fit into 64 KiB take more, while
/// they come in and are served; the data of `SET` and `VWRITE` is not held.
pub const REQUEST_BYTES_MAX: usize = 64 * MIB;
/// All requests that are held in this way take no more than this part of the memory.
pub const REQUESTS_PART: usize = 4;

/// Unsent reply bytes of one client; a client above it is not read from. The bytes of a region that
/// are copied as they are sent (`GET`, `GETRANGE`, `VREAD`) do not count: they need no memory.
pub const OUTPUT_BYTES_DEFAULT: usize = MIB;
/// Every reply up to 32 KiB, of which regions are read at once, must fit.
pub const OUTPUT_BYTES_MIN: usize = 64 * KIB;
/// Beyond it one slow client could take a small guest's memory.
pub const OUTPUT_BYTES_MAX: usize = 64 * MIB;

/// Seconds in which a client must take a reply that is copied out of a region as it is sent, and
/// the bytes per second by which a longer one is allowed more. Until then the region's pages are
/// kept, and requests that would change it wait: a client that takes nothing is closed after that.
pub const REPLY_SECONDS_MIN: u64 = 120;
/// See [`REPLY_SECONDS_MIN`].
pub const REPLY_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// Frames that no client can take, kept for page tables, network and metadata; 0 means that the
/// image chooses by the size of its memory.
pub const RESERVE_FRAMES_DEFAULT: usize = 0;
/// 64 GiB of frames: more than any guest needs to keep back.
pub const RESERVE_FRAMES_MAX: usize = 1 << 24;

/// The longest that a self-test may be told to go on, in seconds: the host tool waits 300.
pub const SELFTEST_SECONDS_MAX: usize = 240;

/// The longest that one `VBENCH` goes on, in milliseconds: other clients wait that long.
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
