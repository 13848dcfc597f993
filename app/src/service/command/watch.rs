//! `WATCH` and `UNWATCH`: a transaction fails if a watched key has changed since `WATCH`.

use runtime_config::limits;
use vmalloc::Access;

use crate::service::call::Call;
use crate::service::failure::Failure;
use crate::service::store::Store;

/// Serves `WATCH key [key …]`.
pub(in crate::service) fn watch<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    if call.session.is_in_transaction() {
        return Err(Failure::Redis("WATCH inside MULTI is not allowed"));
    }
    let place = call.session.owner.place;
    let Store { names, watches, .. } = &mut call.parts.store;
    let hashes = || call.arguments.iter().skip(1).map(|key| names.hash_of(key));
    let mut are_new = [false; limits::ARGUMENTS_AT_ONCE];
    let mut added = Ok(());
    for (hash, is_new) in hashes().zip(&mut are_new) {
        match watches.add(hash, place) {
            Ok(whether) => *is_new = whether,
            Err(failure) => {
                added = Err(failure);
                break;
            }
        }
    }
    if added.is_err() {
        for (hash, _) in hashes().zip(are_new).filter(|(_, is_new)| *is_new) {
            watches.remove(hash, place);
        }
        return added;
    }
    call.reply.status("OK");
    Ok(())
}

/// Serves `UNWATCH`.
pub(in crate::service) fn unwatch<M: Access>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    call.parts.store.watches.clear(call.session.owner.place);
    call.reply.status("OK");
    Ok(())
}
