use super::*;
use crate::buffers::HeapBuffers;

fn id(raw: u64) -> RegionId {
    RegionId::from_raw(raw).unwrap()
}

fn text(names: &Names, index: NameIndex) -> Vec<u8> {
    let mut buffer = [0; NAME_BYTES_MAX];
    let bytes = names.text(index).bytes(&mut buffer).to_vec();
    assert_eq!(bytes, names.text(index).pieces().collect::<Vec<_>>().concat());
    bytes
}

#[test]
fn names_are_found_renamed_and_given_back() {
    let mut names = Names::try_new(&HeapBuffers, 2, 7).unwrap();
    let one = names.insert(b"one", id(1)).unwrap();
    let two = names.insert(b"two", id(2)).unwrap();
    assert!(names.insert(b"three", id(3)).is_none(), "the table is full");
    assert_eq!(names.find(b"one"), Some(one));
    assert_eq!((names.id(two), text(&names, two)), (Some(id(2)), b"two".to_vec()));
    names.remove(one);
    names.remove(one);
    assert_eq!((names.find(b"one"), names.count()), (None, 1));
    let three = names.insert(b"three", id(3)).unwrap();
    assert_eq!(text(&names, three), b"three");
}

#[test]
fn churn_never_grows_the_table() {
    let mut names = Names::try_new(&HeapBuffers, 100, 7).unwrap();
    let bytes = names.table.allocation_size();
    let text = |number: usize| format!("k:{number}").into_bytes();
    for number in 0..20_000 {
        names.insert(&text(number), id(1)).unwrap();
        if let Some(old) = number.checked_sub(99) {
            let index = names.find(&text(old)).unwrap();
            names.remove(index);
        }
    }
    assert_eq!(names.table.allocation_size(), bytes);
}

/// Returns `length` bytes of many different values, which differ for each `salt`.
fn long(length: usize, salt: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + salt * 13).to_le_bytes()[0]).collect()
}

#[test]
fn names_of_every_length_are_found_and_given_back() {
    let mut names = Names::try_new(&HeapBuffers, 2000, 7).unwrap();
    for salt in 0..2 {
        let mut taken = Vec::new();
        for length in 0..=NAME_BYTES_MAX {
            let name = long(length, salt);
            if !names.has_room(length) {
                assert!(names.insert(&name, id(1)).is_none());
                continue;
            }
            taken.push((names.insert(&name, id(length as u64 + 1)).unwrap(), name));
        }
        for (index, name) in &taken {
            assert_eq!(names.find(name), Some(*index));
            assert_eq!(text(&names, *index), *name);
            assert_eq!(names.id(*index), Some(id(name.len() as u64 + 1)));
            // A name that differs only in its last byte must not be found.
            let mut other = name.clone();
            if let Some(last) = other.last_mut() {
                *last ^= 0x80;
                assert!(!names.text(*index).is(&other), "even if their hashes are equal");
                assert_eq!(names.find(&other), None);
            }
        }
        for (index, name) in taken {
            names.remove(index);
            assert_eq!(names.find(&name), None);
        }
        assert_eq!((names.count(), names.parts.has_room(names.long_bytes_max())), (0, true));
    }
    assert_eq!(names.find(&[b'x'; NAME_BYTES_MAX + 1]), None);
}

#[test]
fn long_names_leave_room_for_short_ones() {
    let mut names = Names::try_new(&HeapBuffers, 16, 7).unwrap();
    let mut taken = Vec::new();
    while names.has_room(NAME_BYTES_MAX) {
        taken.push(names.insert(&long(NAME_BYTES_MAX, taken.len()), id(1)).unwrap());
    }
    assert_eq!(taken.len(), 2, "8 parts each");
    assert!(names.insert(&long(NAME_BYTES_MAX, 9), id(1)).is_none());
    for salt in 2..16 {
        names.insert(&long(HEAD_BYTES, salt), id(1)).unwrap();
    }
    assert!(names.is_full());
}
