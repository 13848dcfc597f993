//! Views of regions as slices, and the states in which a region has none.

use vmalloc::{Pod, Protection, Region, RegionId, Request, Resize, Resized, ViewError, Vmalloc};

use super::machine::HostedMachine;

const PAGE: u64 = 4_096;

type Owner<'v> = Region<'v, HostedMachine>;

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Sample {
    time: u64,
    value: [u16; 4],
}

// SAFETY: integers without padding between or behind them.
unsafe impl Pod for Sample {}

fn machine() -> Vmalloc<HostedMachine> {
    HostedMachine::set_up(1_000, 4_000)
}

fn undefined(id: RegionId) -> ViewError {
    ViewError::Uninitialized { id }
}

#[test]
fn a_zeroed_region_is_a_slice_of_values() {
    let vm = machine();
    let mut region = vm.vzalloc(10_000).unwrap();
    assert_eq!(region.as_slice::<u8>().unwrap(), [0; 10_000]);
    let samples = region.as_mut_slice::<Sample>().unwrap();
    assert_eq!(samples.len(), 625);
    samples[600] = Sample { time: 7, value: [1, 2, 3, 4] };
    assert_eq!(region.as_slice::<u64>().unwrap()[1_200], 7);
    // Values that do not divide the size leave the rest out.
    assert_eq!(region.as_slice::<[u8; 3_000]>().unwrap().len(), 3);

    // Two regions have two views.
    let mut other = vm.vzalloc(PAGE).unwrap();
    other.as_mut_slice::<u64>().unwrap().fill(u64::MAX);
    assert_eq!(region.as_slice::<Sample>().unwrap()[600].value, [1, 2, 3, 4]);

    // A growth that must contain zeros keeps the view, also after a move.
    assert_eq!(region.resize(&Resize::to(20 * PAGE)).unwrap(), Resized::Moved);
    let numbers = region.as_slice::<u64>().unwrap();
    assert_eq!((numbers.len(), numbers[1_200]), (20 * 512, 7));
    assert!(numbers[1_250..].iter().all(|number| *number == 0));
    region.resize(&Resize::to(PAGE)).unwrap();
    assert_eq!(region.as_slice::<u64>().unwrap().len(), 512);
    drop((region, other));
    assert!(vm.check().is_sound());
}

#[test]
fn undefined_contents_are_no_values() {
    let vm = machine();
    let fresh = |bytes| vm.vmalloc(bytes).unwrap();
    let requested = |bytes| vm.allocate(&Request::try_new(bytes).unwrap()).unwrap();
    // Also where a pooled area is used again.
    drop((fresh(2 * PAGE), requested(2 * PAGE), vm.vzalloc(2 * PAGE)));
    vm.purge();
    for mut region in [fresh(2 * PAGE), requested(2 * PAGE)] {
        let id = region.id();
        assert_eq!(region.as_slice::<u8>().unwrap_err(), undefined(id));
        assert_eq!(region.as_mut_slice::<u8>().unwrap_err(), undefined(id));
        let part = vmalloc::PageCount::ONE;
        region.zero(part, part);
        assert_eq!(region.as_slice::<u8>().unwrap_err(), undefined(id), "a half is zeroed");
        region.zero(vmalloc::PageCount::ZERO, region.range().count());
        assert_eq!(region.as_slice::<u8>().unwrap(), [0; 8_192]);
    }
}

#[test]
fn places_are_filled_before_they_are_values() {
    let vm = machine();
    let mut region = vm.vmalloc(PAGE).unwrap();
    for (place, number) in region.as_uninit_slice::<u64>().unwrap().iter_mut().zip(0..) {
        place.write(number * 3);
    }
    assert_eq!(region.as_slice::<u64>().unwrap_err(), undefined(region.id()));
    // SAFETY: every place has a value, and the places cover the page.
    unsafe { region.assume_init() };
    assert_eq!(region.as_slice::<u64>().unwrap()[511], 511 * 3);
    // Places may be filled with bytes that are not initialized.
    let _ = region.as_uninit_slice::<(u8, u64)>().unwrap();
    assert_eq!(region.as_slice::<u64>().unwrap_err(), undefined(region.id()));
}

#[test]
fn a_growth_with_undefined_contents_ends_the_values() {
    let vm = machine();
    let id = |region: &Owner<'_>| region.id();
    let mut zeroed = vm.vzalloc(PAGE).unwrap();
    zeroed.resize(&Resize::to(100).unzeroed()).unwrap();
    assert_eq!(zeroed.as_slice::<u8>().unwrap(), [0; 100]);
    // The added bytes lie in the same page.
    zeroed.resize(&Resize::to(200).unzeroed()).unwrap();
    assert_eq!(zeroed.as_slice::<u8>().unwrap_err(), undefined(id(&zeroed)));
    let mut zeroed = vm.vzalloc(PAGE).unwrap();
    zeroed.resize(&Resize::to(2 * PAGE).unzeroed()).unwrap();
    assert_eq!(zeroed.as_slice::<u8>().unwrap_err(), undefined(id(&zeroed)));

    let mut plain = vm.vmalloc(PAGE).unwrap();
    plain.zero(vmalloc::PageCount::ZERO, vmalloc::PageCount::ONE);
    plain.resize(&Resize::to(2 * PAGE).zeroed()).unwrap();
    assert_eq!(plain.as_slice::<u8>().unwrap(), [0; 8_192]);
    plain.resize(&Resize::to(3 * PAGE)).unwrap();
    assert_eq!(plain.as_slice::<u8>().unwrap_err(), undefined(id(&plain)));
    // A resize that fails changes nothing.
    let mut kept = vm.vzalloc(PAGE).unwrap();
    assert!(kept.resize(&Resize::to(1 << 40).unzeroed()).is_err());
    assert!(kept.as_slice::<u8>().is_ok());
}

#[test]
fn an_owner_by_id_knows_nothing_of_the_contents() {
    let vm = machine();
    let mut region = vm.vzalloc(PAGE).unwrap();
    region.as_mut_slice::<u8>().unwrap().fill(9);
    let id = region.into_raw();
    // Other code may resize the region while it has no owner.
    vm.resize(id, &Resize::to(2 * PAGE).unzeroed()).unwrap();
    let mut region = Region::from_raw(&vm, id).unwrap();
    assert_eq!(region.as_slice::<u8>().unwrap_err(), undefined(id));
    assert!(region.as_uninit_slice::<u8>().is_ok());
}

#[test]
fn rights_decide_about_views() {
    let vm = machine();
    let mut region = vm.vzalloc(PAGE).unwrap();
    let refused = ViewError::Protection { id: region.id() };
    region.as_mut_slice::<u8>().unwrap().fill(5);
    for protection in [Protection::ReadOnly, Protection::ReadExecute] {
        region.protect(protection).unwrap();
        assert_eq!(region.as_slice::<u8>().unwrap()[..3], [5; 3]);
        assert_eq!(region.as_mut_slice::<u8>().unwrap_err(), refused);
        assert_eq!(region.as_uninit_slice::<u8>().unwrap_err(), refused);
        assert!(region.as_slice::<u8>().is_ok(), "a refused view changes nothing");
    }
    region.protect(Protection::None).unwrap();
    assert_eq!(region.as_slice::<u8>().unwrap_err(), refused);
    region.protect(Protection::ReadWrite).unwrap();
    assert_eq!(region.as_mut_slice::<u8>().unwrap()[..3], [5; 3]);
}

#[test]
fn frames_of_the_caller_have_no_view() {
    let vm = machine();
    let run = vm.take_run(1).unwrap();
    // SAFETY: the run belongs to this test, which makes no other access to it.
    let mut region = unsafe { vm.vmap(&[run.start], Protection::ReadWrite, "") }.unwrap();
    let mapped = ViewError::Mapped { id: region.id() };
    // SAFETY: `take_run` returns zeroed frames.
    unsafe { region.assume_init() };
    assert_eq!(region.as_slice::<u8>().unwrap_err(), mapped);
    assert_eq!(region.as_mut_slice::<u8>().unwrap_err(), mapped);
    assert_eq!(region.as_uninit_slice::<u8>().unwrap_err(), mapped);
}
