//! `VPROT`: what a region may be used for, on every CPU when the reply is sent.

use vmalloc::{Machine, Protection};

use super::away::Then;
use super::call::Call;
use super::errand::Errand;
use super::failure::{Failure, Word};
use super::ledger::State;

/// `VPROT <r> ro|rw|rx|none`
pub(super) fn vprot<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    let protection = protection(call.argument(2))?;
    if call.waits_for_readers(info.id) {
        return Ok(());
    }
    let service = &mut *call.service;
    if service.is_freed_away(&info) {
        let errand = Errand::Protect(info.id, protection);
        if service.send(call.session, errand, Then::Protected(info.id)) {
            service.ledger.set_state(info.id, State::Changing);
        }
        return Ok(());
    }
    service.vm.protect(info.id, protection)?;
    call.reply.status("OK");
    Ok(())
}

/// Reads rights.
pub(super) fn protection(text: &[u8]) -> Result<Protection, Failure> {
    let known = [
        ("rw", Protection::ReadWrite),
        ("ro", Protection::ReadOnly),
        ("rx", Protection::ReadExecute),
        ("none", Protection::None),
    ];
    let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
    if ["rwx", "wx", "xw"].iter().any(|name| is(name)) {
        return Err(Failure::Wx);
    }
    let found = known.into_iter().find(|(name, _)| is(name)).map(|(_, protection)| protection);
    found.ok_or_else(|| Failure::Invalid("rights are rw, ro, rx or none", Word::new(text)))
}
