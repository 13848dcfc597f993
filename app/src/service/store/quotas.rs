//! Limits on regions and bytes of clients.

use runtime_config::cmdline::Config;

/// Limits; 0 is none.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Quotas {
    /// Regions of one connection, without a name.
    pub(in crate::service) regions: u64,
    /// Their bytes, in whole pages.
    pub(in crate::service) bytes: u64,
    /// Bytes of all regions with a name, whoever made them.
    pub(in crate::service) named_bytes: u64,
}

impl Quotas {
    /// As configured.
    pub(in crate::service) fn new(config: &Config) -> Self {
        let [regions, bytes, named_bytes] =
            [config.quota_regions, config.quota_bytes, config.quota_named].map(|n| n as u64);
        Self { regions, bytes, named_bytes }
    }

    pub(in crate::service) fn field(&mut self, name: &[u8]) -> Option<&mut u64> {
        let fields = [
            ("REGIONS", &mut self.regions),
            ("BYTES", &mut self.bytes),
            ("NAMED", &mut self.named_bytes),
        ];
        let mut fields = fields.into_iter();
        fields.find(|(field, _)| name.eq_ignore_ascii_case(field.as_bytes())).map(|(_, at)| at)
    }
}
