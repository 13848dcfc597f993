//! The settings of a boot and their defaults.

use super::address::IpConfig;
use super::choice::{Flush, Frames, Pools, Realloc};
use super::text::Text;
use crate::console::LogLevel;
use crate::{limits, ports};

/// All settings of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The source of the guest's address.
    pub ip: IpConfig,
    /// TCP port of the RESP service.
    pub resp_port: u16,
    /// TCP port of the HTTP reports; 0 disables them.
    pub http_port: u16,
    /// Bytes of the longest IP packet; 0 uses the MTU of the device.
    pub mtu_bytes: usize,
    /// Threshold of the log.
    pub log: LogLevel,
    /// Size of the address window that regions come from, in bytes.
    pub window_bytes: usize,
    /// Concurrent clients.
    pub clients: usize,
    /// Seconds of silence after which a client is probed with a keepalive; 0 means never.
    pub keepalive_seconds: usize,
    /// Concurrent regions; 0 means as many as the memory can hold.
    pub regions: usize,
    /// Concurrent named regions.
    pub names: usize,
    /// Regions of one connection; 0 means no limit.
    pub quota_regions: usize,
    /// Bytes of one connection's regions; 0 means no limit.
    pub quota_bytes: usize,
    /// Bytes of all regions with a name; 0 means no limit.
    pub quota_named: usize,
    /// The password of the service; empty if there is none.
    pub password: Text,
    /// Longest bulk string of a request, in bytes.
    pub bulk_bytes: usize,
    /// Longest inline request, in bytes.
    pub inline_bytes: usize,
    /// Largest number of arguments of one request.
    pub arguments: usize,
    /// Unsent reply bytes of one client.
    pub output_bytes: usize,
    /// Frames that clients cannot allocate; 0 means that the image chooses.
    pub reserve_frames: usize,
    /// When freed regions are flushed from the TLBs.
    pub flush: Flush,
    /// When the frames of freed regions are reused.
    pub frames: Frames,
    /// How a region is moved.
    pub realloc: Realloc,
    /// Whether freed areas are cached in pools.
    pub pools: Pools,
    /// Part of the names of the tests that a self-test image runs.
    pub selftest: Text,
    /// Duration of the self-test for stale translations in seconds; 0 keeps its number of rounds.
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
    /// Returns whether HTTP reports are served. Two services cannot share one port.
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
