use super::*;
use crate::buffers::HeapBuffers;

fn id(raw: u64) -> RegionId {
    RegionId::from_raw(raw).unwrap()
}

fn ledger(slots: u32) -> (Ledger, [List; 2]) {
    let ledger = Ledger::try_new(&HeapBuffers, slots, 2).unwrap();
    let lists = [ledger.of_place(0), ledger.of_place(1)];
    (ledger, lists)
}

fn drain(ledger: &mut Ledger, list: List) -> Vec<u64> {
    let mut ids = Vec::new();
    while let Some(id) = ledger.first(list) {
        ids.push(id.get());
        ledger.remove(id);
    }
    ids
}

#[test]
fn a_list_is_newest_first_and_loses_any_of_its_regions() {
    let (mut ledger, [list, other]) = ledger(9);
    for raw in 1..=9 {
        ledger.insert(list, id(raw), 10 * raw, 0);
    }
    for raw in [1, 5, 9] {
        assert_eq!(ledger.remove(id(raw)), None);
    }
    assert_eq!(ledger.usage(list), Usage { regions: 6, pages: 300 });
    assert_eq!(ledger.next(id(8)), Some(id(7)));
    assert_eq!(ledger.next(id(2)), None);
    assert_eq!(ledger.count(), 6);
    assert_eq!(drain(&mut ledger, list), [8, 7, 6, 4, 3, 2]);
    assert_eq!((ledger.count(), ledger.first(other)), (0, None));
    assert_eq!(ledger.usage(list), Usage::default());
}

#[test]
fn lists_are_abandoned_whole_and_their_next_owner_begins_with_nothing() {
    let (mut ledger, [one, other]) = ledger(9);
    for (list, raw) in [(one, 1), (one, 2), (other, 3), (other, 4)] {
        ledger.insert(list, id(raw), 5, 0);
    }
    ledger.abandon(one);
    ledger.abandon(one);
    ledger.insert(one, id(5), 7, 0);
    // The list that counted the region has another owner now, so its count must not change.
    ledger.remove(id(2));
    ledger.set_pages(id(1), 100);
    assert_eq!(ledger.usage(one), Usage { regions: 1, pages: 7 });
    ledger.abandon(other);
    let orphans = ledger.orphans();
    assert_eq!(drain(&mut ledger, orphans), [4, 3, 1]);
    assert_eq!(drain(&mut ledger, one), [5]);
}

#[test]
fn another_generation_is_another_region() {
    let (mut ledger, [list, _]) = ledger(2);
    ledger.insert(list, id(1), 1, 0);
    ledger.set_state(id(1), State::Ready);
    let later = id(1 << 24 | 1);
    assert_eq!((ledger.state(id(1)), ledger.state(later)), (Some(State::Ready), None));
    ledger.set_state(later, State::Changing);
    ledger.set_lease(later, 9);
    ledger.set_pages(later, 9);
    assert_eq!((ledger.remove(later), ledger.lease(id(1))), (None, None));
    assert_eq!(ledger.usage(list), Usage { regions: 1, pages: 1 });
    assert_eq!(drain(&mut ledger, list), [1]);
}

#[test]
fn a_region_moves_with_its_pages() {
    let (mut ledger, [list, _]) = ledger(2);
    ledger.insert(list, id(1), 3, 5_000_000);
    let name = NameIndex::new(7);
    ledger.set_name(id(1), name);
    ledger.move_to(ledger.named(), id(1));
    ledger.set_pages(id(1), 8);
    assert_eq!(ledger.usage(list), Usage::default());
    assert_eq!(ledger.usage(ledger.named()), Usage { regions: 1, pages: 8 });
    assert_eq!((ledger.name(id(1)), ledger.born_s(id(1))), (name, Some(5)));
    assert_eq!(ledger.remove(id(1)), name);
    assert_eq!(ledger.usage(ledger.named()), Usage::default());
}

#[test]
#[should_panic(expected = "noted already")]
fn a_slot_has_one_region() {
    let (mut ledger, [list, _]) = ledger(2);
    ledger.insert(list, id(1), 1, 0);
    ledger.insert(list, id(1 << 24 | 1), 1, 0);
}

#[test]
fn what_is_in_flight_counts_until_it_is_given_back() {
    let (mut ledger, [list, _]) = ledger(4);
    let wanted = Usage { regions: 2, pages: 1 << 40 };
    let charge = ledger.charge(list, wanted);
    ledger.insert_in_flight(list, id(1), 5, 0);
    assert_eq!((ledger.usage(list), ledger.first(list)), (wanted, Some(id(1))));
    ledger.discharge(charge);
    assert_eq!(ledger.usage(list), Usage::default());
    ledger.move_to(list, id(1));
    assert_eq!(ledger.usage(list), Usage { regions: 1, pages: 5 });
    // A charge to the previous owner of a list must not count for the next owner.
    let charge = ledger.charge(list, wanted);
    ledger.abandon(list);
    ledger.insert(list, id(2), 7, 0);
    ledger.discharge(charge);
    assert_eq!(ledger.usage(list), Usage { regions: 1, pages: 7 });
}

#[test]
fn charges_of_any_size_do_not_overflow() {
    let (mut ledger, [list, _]) = ledger(1);
    let wanted = Usage { regions: 1, pages: u64::MAX };
    let charges = [(); 2].map(|()| ledger.charge(list, wanted));
    assert_eq!(ledger.usage(list), Usage { regions: 2, pages: 2 << 48 }, "each counts 2^48");
    charges.into_iter().for_each(|charge| ledger.discharge(charge));
    assert_eq!(ledger.usage(list), Usage::default());
}

#[test]
fn a_region_is_credited_once_at_a_time() {
    let (mut ledger, [list, _]) = ledger(2);
    ledger.insert(list, id(1), 1, 0);
    assert!(ledger.credit(id(1)) && !ledger.credit(id(1)));
    ledger.set_state(id(1), State::Ready);
    assert_eq!((ledger.state(id(1)), ledger.credit(id(1))), (Some(State::Ready), false));
    ledger.uncredit(id(1));
    assert!(ledger.credit(id(1)));
    ledger.remove(id(1));
    assert!(!ledger.credit(id(1)), "it is gone");
}

#[test]
fn readers_are_counted_beside_the_state() {
    let (mut ledger, [list, _]) = ledger(2);
    ledger.insert(list, id(1), 1, 0);
    ledger.add_reader(id(1));
    ledger.add_reader(id(1));
    ledger.set_state(id(1), State::Ready);
    ledger.set_empty(id(1), true);
    assert!(!ledger.remove_reader(id(1)) && ledger.has_readers(id(1)), "one is left");
    assert_eq!((ledger.state(id(1)), ledger.is_empty(id(1))), (Some(State::Ready), true));
    assert!(ledger.remove_reader(id(1)) && !ledger.has_readers(id(1)));
    let later = id(1 << 24 | 1);
    ledger.add_reader(later);
    assert!(!ledger.has_readers(id(1)) && !ledger.has_readers(later));
}
