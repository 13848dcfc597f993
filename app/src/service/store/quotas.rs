//! The limits on the regions and bytes of clients, which `VQUOTA` shows and sets.

use runtime_config::cmdline::Config;

/// The limits. 0 stands for unlimited.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Quotas {
    /// Maximum number of regions without a name, per connection.
    pub(in crate::service) regions: u64,
    /// Maximum size of these regions in bytes, counted in whole pages.
    pub(in crate::service) bytes: u64,
    /// Maximum total size of all named regions in bytes.
    pub(in crate::service) named_bytes: u64,
}

impl Quotas {
    /// Reads the limits from the configuration.
    pub(in crate::service) fn new(config: &Config) -> Self {
        let [regions, bytes, named_bytes] =
            [config.quota_regions, config.quota_bytes, config.quota_named].map(|n| n as u64);
        Self { regions, bytes, named_bytes }
    }

    /// Returns the limit that `VQUOTA` calls `name`.
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
