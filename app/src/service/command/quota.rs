//! `VQUOTA`: the limits of each connection and of all named regions together. Requests in flight
//! count in the limits too; see `store::reservation`.

use vmalloc::{Access, PAGE_BYTES};

use crate::service::call::Call;
use crate::service::failure::{Failure, Word};
use crate::service::parse::size;
use crate::service::store::ledger::Usage;

/// Serves `VQUOTA [GET | SET REGIONS|BYTES|NAMED n …]`: replies with the limits and the present
/// use, or changes the limits of all connections.
pub(in crate::service) fn vquota<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let subcommand = call.arguments.get(1).unwrap_or(b"GET");
    if subcommand.eq_ignore_ascii_case(b"GET") && call.arguments.count() <= 2 {
        let store = &call.parts.store;
        let (own, named) = (store.ledger.of_place(call.session.owner.place), store.ledger.named());
        let quotas = store.quotas;
        let bytes = |usage: Usage| usage.pages * PAGE_BYTES;
        let (own, named) = (store.ledger.usage(own), store.ledger.usage(named));
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
    let mut quotas = call.parts.store.quotas;
    let mut words = call.arguments.iter().skip(2);
    while let Some(name) = words.next() {
        let what = "a quota is REGIONS, BYTES or NAMED";
        let field = quotas.field(name).ok_or_else(|| Failure::Invalid(what, Word::new(name)))?;
        let value = words.next().ok_or_else(|| Failure::NoValue(Word::new(name)))?;
        let what = "a quota is a number, 0 is none";
        *field = size::parse(value).ok_or_else(|| Failure::Invalid(what, Word::new(value)))?;
    }
    call.parts.store.quotas = quotas;
    call.reply.status("OK");
    Ok(())
}
