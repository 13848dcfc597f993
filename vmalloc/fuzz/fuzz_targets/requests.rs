//! Tries arbitrary 64-bit numbers as sizes, alignments, arrays, addresses and ids. Each call must
//! return a region or a typed error and must not panic, and the window must stay sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmalloc::sim::{self, SimMachine};
use vmalloc::{Cursor, RegionId, Request, Resize};
use x86_64::VirtAddr;

/// Removes the next eight bytes from the input and returns them as a number.
fn word(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let vm = SimMachine::new(200, 1).set_up(sim::window(5_000), 0, 0);
    let vm = vm.expect("the memory holds the records");
    let home = vm.vmalloc(3 * 4096).expect("an empty window has room").into_raw();
    while let (Some(first), Some(second)) = (word(&mut rest), word(&mut rest)) {
        let request = match first % 2 {
            0 => Request::try_new(second),
            _ => Request::for_array(first, second),
        };
        if let Ok(request) = request.and_then(|request| request.align(first)) {
            let _ = vm.allocate(&request);
        }
        let at = VirtAddr::new_truncate(first);
        let (site, walk) = (vm.locate(at), vm.walk(at));
        assert!(site.region.is_some() || walk.translation().is_none() || !vm.window().holds(at));
        let near = sim::window(5_000).address() + first % (5_000 * 4096);
        if vm.find(near).is_none_or(|info| info.range.address() != near) {
            assert!(vm.vfree_at(near).is_err());
        }
        let _ = (vm.next_area(Cursor::from_raw(first)), vm.next_area(Cursor::from_raw(second)));
        if let Some(id) = RegionId::from_raw(second).filter(|id| *id != home) {
            assert!(vm.info(id).is_err() && vm.vfree(id).is_err());
        }
        let _ = vm.resize(home, &Resize::to(second));
    }
    assert!(vm.check().is_sound());
    vm.vfree(home).expect("it was never freed");
    vm.reclaim();
    assert!(vm.check().is_sound());
});
