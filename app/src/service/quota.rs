//! `VQUOTA`: how much one connection may have, and all named regions together. Requests in flight count
//! too: see [`reservation`](super::reservation).

use runtime_config::cmdline::Config;
use vmalloc::{Machine, PAGE_BYTES};

use super::call::Call;
use super::failure::{Failure, Word};
use super::ledger::Usage;
use super::size;

/// Limits; 0 is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotas {
    /// Regions of one connection, without a name.
    pub(super) regions: u64,
    /// Their bytes, in whole pages.
    pub(super) bytes: u64,
    /// Bytes of all regions with a name, whoever made them.
    pub(super) named_bytes: u64,
}

impl Quotas {
    /// As configured.
    pub(super) fn new(config: &Config) -> Self {
        let [regions, bytes, named_bytes] =
            [config.quota_regions, config.quota_bytes, config.quota_named].map(|n| n as u64);
        Self { regions, bytes, named_bytes }
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut u64> {
        let fields = [
            ("REGIONS", &mut self.regions),
            ("BYTES", &mut self.bytes),
            ("NAMED", &mut self.named_bytes),
        ];
        let mut fields = fields.into_iter();
        fields.find(|(field, _)| name.eq_ignore_ascii_case(field.as_bytes())).map(|(_, at)| at)
    }
}

/// `VQUOTA [GET | SET REGIONS|BYTES|NAMED n …]`: limits and use, or new limits for everybody.
pub(super) fn vquota<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let subcommand = call.arguments.get(1).unwrap_or(b"GET");
    if subcommand.eq_ignore_ascii_case(b"GET") && call.arguments.count() <= 2 {
        let service = &*call.service;
        let (own, named) = (service.ledger.of_place(call.session.place), service.ledger.named());
        let quotas = service.quotas;
        let bytes = |usage: Usage| usage.pages * PAGE_BYTES;
        let (own, named) = (service.ledger.usage(own), service.ledger.usage(named));
        call.reply.map(6);
        for (name, value) in [
            ("regions", quotas.regions),
            ("regions_used", own.regions.into()),
            ("bytes", quotas.bytes),
            ("bytes_used", bytes(own)),
            ("named", quotas.named_bytes),
            ("named_used", bytes(named)),
        ] {
            call.reply.bulk(name.as_bytes());
            call.reply.integer(value);
        }
        return Ok(());
    }
    if !subcommand.eq_ignore_ascii_case(b"SET") || call.arguments.count() < 4 {
        return Err(Failure::Malformed("VQUOTA takes GET, or SET with names and numbers"));
    }
    let mut quotas = call.service.quotas;
    let mut words = call.arguments.iter().skip(2);
    while let Some(name) = words.next() {
        let what = "a quota is REGIONS, BYTES or NAMED";
        let field = quotas.field(name).ok_or_else(|| Failure::Invalid(what, Word::new(name)))?;
        let value = words.next().ok_or_else(|| Failure::NoValue(Word::new(name)))?;
        let what = "a quota is a number, 0 is none";
        *field = size::parse(value).ok_or_else(|| Failure::Invalid(what, Word::new(value)))?;
    }
    call.service.quotas = quotas;
    call.reply.status("OK");
    Ok(())
}
