//! The settings of a boot and their defaults.

use super::address::IpConfig;
use super::choice::{Flush, Frames, Pools, Realloc};
use super::text::Text;
use crate::console::LogLevel;
use crate::{limits, ports};

/// All settings of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The source of the guest's IPv4 address.
    pub ip: IpConfig,
    /// TCP port of the RESP service.
    pub resp_port: u16,
    /// TCP port of the HTTP reports. 0 disables the reports.
    pub http_port: u16,
    /// Length of the longest IP packet in bytes. 0 uses the MTU of the network device.
    pub mtu_bytes: usize,
    /// The least severe level of log records that the image writes.
    pub log: LogLevel,
    /// Size of the address window that regions come from, in bytes.
    pub window_bytes: usize,
    /// Maximum number of clients connected at the same time.
    pub clients: usize,
    /// Seconds without received packets after which a client is probed with a keepalive. 0 disables probes.
    pub keepalive_seconds: usize,
    /// Maximum number of regions at the same time. 0 permits all that the memory can hold.
    pub regions: usize,
    /// Maximum number of named regions at the same time.
    pub names: usize,
    /// Maximum number of regions of one connection. 0 means no limit.
    pub quota_regions: usize,
    /// Maximum size of the regions of one connection in bytes. 0 means no limit.
    pub quota_bytes: usize,
    /// Maximum size of all named regions in bytes. 0 means no limit.
    pub quota_named: usize,
    /// The password of the service; empty if there is none.
    pub password: Text,
    /// Longest bulk string of a request, in bytes.
    pub bulk_bytes: usize,
    /// Longest inline request, in bytes.
    pub inline_bytes: usize,
    /// Largest number of arguments of one request.
    pub arguments: usize,
    /// Maximum number of unsent reply bytes of one client. Above it, the image does not read from that
    /// client.
    pub output_bytes: usize,
    /// Number of frames that clients cannot allocate. 0 lets the image choose a number.
    pub reserve_frames: usize,
    /// When TLB entries of freed regions are flushed.
    pub flush: Flush,
    /// When the frames of freed regions may be reused.
    pub frames: Frames,
    /// How the library moves a region.
    pub realloc: Realloc,
    /// Whether freed areas are cached in pools.
    pub pools: Pools,
    /// A part of a test name. A self-test image runs the tests whose names contain it.
    pub selftest: Text,
    /// Duration of the self-test for stale translations in seconds. With 0, the test runs a fixed number of
    /// rounds instead.
    pub selftest_seconds: usize,
}

impl Config {
    /// The settings of an empty command line.
    pub const DEFAULT: Self = Self {
        ip: IpConfig::Dhcp,
        resp_port: ports::RESP,
        http_port: ports::HTTP,
        mtu_bytes: limits::MTU_BYTES_DEFAULT,
        log: LogLevel::Info,
        window_bytes: limits::WINDOW_BYTES_DEFAULT,
        clients: limits::CLIENTS_DEFAULT,
        keepalive_seconds: limits::KEEPALIVE_SECONDS_DEFAULT,
        regions: limits::REGIONS_DEFAULT,
        names: limits::NAMES_DEFAULT,
        quota_regions: limits::QUOTA_REGIONS_DEFAULT,
        quota_bytes: limits::QUOTA_BYTES_DEFAULT,
        quota_named: limits::QUOTA_BYTES_DEFAULT,
        password: Text::EMPTY,
        bulk_bytes: limits::BULK_BYTES_DEFAULT,
        inline_bytes: limits::INLINE_BYTES_DEFAULT,
        arguments: limits::ARGUMENTS_DEFAULT,
        output_bytes: limits::OUTPUT_BYTES_DEFAULT,
        reserve_frames: limits::RESERVE_FRAMES_DEFAULT,
        flush: Flush::Lazy,
        frames: Frames::Strict,
        realloc: Realloc::Move,
        pools: Pools::On,
        selftest: Text::EMPTY,
        selftest_seconds: 0,
    };
}

impl Config {
    /// Returns whether HTTP reports are served. They are not served if the RESP service has the same port.
    #[must_use]
    pub const fn serves_http(&self) -> bool {
        self.http_port != 0 && self.http_port != self.resp_port
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
