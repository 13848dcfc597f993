//! The settings of a boot and their defaults.

use super::address::IpConfig;
use super::choice::{Flush, Frames, Pools, Realloc};
use super::text::Text;
use crate::console::LogLevel;
use crate::{limits, ports};

/// Everything that can be set at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How the guest gets its address.
    pub ip: IpConfig,
    /// TCP port of the RESP service.
    pub resp_port: u16,
    /// TCP port of the HTTP reports; 0 serves none.
    pub http_port: u16,
    /// Bytes of the longest IP packet; 0 means what the device says.
    pub mtu_bytes: usize,
    /// Threshold of the log.
    pub log: LogLevel,
    /// Bytes of addresses that regions come from.
    pub window_bytes: usize,
    /// Clients at once.
    pub clients: usize,
    /// Seconds of silence after which a client is asked whether it still lives; 0 means never.
    pub keepalive_seconds: usize,
    /// Regions at once; 0 means as many as the memory can hold.
    pub regions: usize,
    /// Named regions at once.
    pub names: usize,
    /// Regions of one connection; 0 means no limit.
    pub quota_regions: usize,
    /// Bytes of one connection's regions; 0 means no limit.
    pub quota_bytes: usize,
    /// Bytes of all regions with a name; 0 means no limit.
    pub quota_named: usize,
    /// What clients must know to be served; empty where there is no password.
    pub password: Text,
    /// Longest bulk string of a request, in bytes.
    pub bulk_bytes: usize,
    /// Longest inline request, in bytes.
    pub inline_bytes: usize,
    /// Arguments of one request.
    pub arguments: usize,
    /// Unsent reply bytes of one client.
    pub output_bytes: usize,
    /// Frames that no client can take; 0 means that the image chooses.
    pub reserve_frames: usize,
    /// When what is freed is flushed.
    pub flush: Flush,
    /// When the frames of what is freed may be used again.
    pub frames: Frames,
    /// How a region gets to a new place.
    pub realloc: Realloc,
    /// Whether freed areas rest in pools.
    pub pools: Pools,
    /// Which of its own tests a self-test image runs: those whose name contains this.
    pub selftest: Text,
    /// Seconds that the self-test for stale translations goes on; 0 leaves it its number of rounds.
    pub selftest_seconds: usize,
}

impl Config {
    /// What an empty command line means.
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
    /// Whether HTTP reports are served: two services on one port would be one that answers by chance.
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
