//! Checks that after a shootdown no CPU reaches a released frame through an old translation.

use loom::sync::Arc;
use loom::thread;
use std::vec;

use super::check;
use super::world::{Cpu, Nested, World};
use crate::raw::Slab;
use crate::region::lazy::LazyList;
use crate::region::slot::Slot;
use crate::region::slots::Slots;

/// Starts a CPU that runs `work` and then handles interrupts until the end of the model.
fn start(world: &Arc<World>, id: u32, work: impl Fn(&Cpu) + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || {
        let cpu = Cpu::new(&world, id);
        work(&cpu);
        cpu.serve();
    })
}

/// Runs `work` as CPU 0 until it ends.
fn run(world: &Arc<World>, work: impl Fn(&Cpu) + 'static) {
    let shared = Arc::clone(world);
    super::run(move || work(&Cpu::new(&shared, 0)));
    world.end();
}

/// Unmaps a page, flushes it, and reuses its frame for another owner.
fn free(cpu: &Cpu, page: usize) {
    cpu.world.unmap(page);
    cpu.shoot(&[page], false).unwrap();
    cpu.world.reuse(page);
}

#[test]
fn a_cpu_that_polls() {
    check(|| {
        let world = Arc::new(World::new(2));
        let other = start(&world, 1, |cpu| {
            for _ in 0..2 {
                cpu.touch(0);
                cpu.acknowledge();
            }
            cpu.touch(0);
        });
        run(&world, |cpu| free(cpu, 0));
        other.join().unwrap();
    });
}

#[test]
fn a_cpu_that_is_interrupted() {
    check(|| {
        let world = Arc::new(World::new(2));
        let other = start(&world, 1, |cpu| {
            for _ in 0..2 {
                cpu.touch(0);
                cpu.interrupted();
            }
            cpu.touch(0);
        });
        run(&world, |cpu| free(cpu, 0));
        other.join().unwrap();
    });
}

#[test]
fn two_cpus_that_shoot_at_each_other() {
    check(|| {
        let world = Arc::new(World::new(2));
        let other = start(&world, 1, |cpu| {
            cpu.touch(0);
            free(cpu, 1);
            cpu.touch(0);
        });
        run(&world, |cpu| {
            cpu.touch(1);
            free(cpu, 0);
            cpu.touch(1);
            // The other CPU may still wait for this one.
            cpu.halt();
        });
        other.join().unwrap();
    });
}

#[test]
fn a_page_that_a_third_cpu_has_unmapped() {
    check(|| {
        let world = Arc::new(World::new(2));
        let lists =
            Arc::new((LazyList::new(u64::MAX), Slots::new(Slab::from(vec![Slot::default()]))));
        let other = start(&world, 1, |cpu| {
            cpu.touch(0);
            cpu.acknowledge();
            cpu.touch(0);
        });
        // A thread without a TLB suffices, because its translations do not matter here.
        let unmapper = {
            let (world, lists) = (Arc::clone(&world), Arc::clone(&lists));
            thread::spawn(move || {
                world.unmap(0);
                lists.0.push(&lists.1, 1, 1);
            })
        };
        run(&world, move |cpu| {
            if lists.0.take() != 0 {
                cpu.shoot(&[0], false).unwrap();
                cpu.world.reuse(0);
            }
        });
        unmapper.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_cpu_that_sleeps() {
    check(|| {
        let world = Arc::new(World::new(2));
        let other = start(&world, 1, |cpu| {
            cpu.touch(0);
            cpu.halt();
            cpu.wake();
            cpu.touch(0);
            cpu.halt();
        });
        run(&world, |cpu| free(cpu, 0));
        other.join().unwrap();
    });
}

#[test]
fn a_cpu_that_leaves_and_returns() {
    check(|| {
        let world = Arc::new(World::new(2));
        let other = start(&world, 1, |cpu| {
            cpu.touch(0);
            cpu.leave();
            cpu.wake();
            cpu.touch(0);
            cpu.leave();
        });
        run(&world, |cpu| {
            cpu.world.unmap(0);
            cpu.shoot(&[0], true).unwrap();
            cpu.world.reuse(0);
        });
        other.join().unwrap();
    });
}

/// Runs two shootdowns one after the other, each with a plan of one page.
fn free_both(cpu: &Cpu) {
    cpu.world.unmap(0);
    let first = cpu.shoot(&[0], false);
    if first.is_ok() {
        cpu.world.reuse(0);
    }
    cpu.world.unmap(1);
    if cpu.shoot(&[1], false).is_ok() {
        cpu.world.reuse(1);
        if first.is_err() {
            // A later shootdown also completes an earlier one that has failed.
            cpu.world.reuse(0);
        }
    }
}

#[test]
fn plans_of_two_generations_and_a_cpu_that_sleeps() {
    check(|| {
        let world = Arc::new(World::new(2));
        let other = start(&world, 1, |cpu| {
            cpu.halt();
            cpu.wake();
            cpu.touch_all();
            cpu.acknowledge();
            cpu.touch_all();
        });
        run(&world, free_both);
        other.join().unwrap();
    });
}

#[test]
fn plans_of_two_generations_and_a_cpu_that_lags() {
    check(|| {
        let world = Arc::new(World::impatient(2));
        let other = start(&world, 1, |cpu| {
            cpu.acknowledge();
            cpu.touch_all();
            cpu.acknowledge();
            cpu.touch_all();
        });
        run(&world, free_both);
        other.join().unwrap();
    });
}

/// Checks a poll that is interrupted by a handler. The generation that the handler has published
/// stays, and the poll afterwards publishes only a generation that it has flushed itself.
fn a_poll_that_is_interrupted(when: Nested) {
    check(move || {
        let world = Arc::new(World::impatient(2));
        let other = start(&world, 1, move |cpu| {
            cpu.nested.set(when);
            cpu.acknowledge();
            // The generation that the handler has published was not lowered by the poll.
            assert!(cpu.world.tlb.seen(cpu.id) >= cpu.handled.get());
            cpu.touch_all();
        });
        run(&world, free_both);
        other.join().unwrap();
        assert!(world.tlb.audit().is_ok());
    });
}

#[test]
fn a_poll_that_is_interrupted_before_it_flushes() {
    a_poll_that_is_interrupted(Nested::BeforeFlush);
}

#[test]
fn a_poll_that_is_interrupted_after_it_has_flushed() {
    a_poll_that_is_interrupted(Nested::AfterFlush);
}

/// The CPUs halt at the end instead of handling interrupts, because the checker does not end if
/// several CPUs wait in loops.
#[test]
fn two_cpus_that_are_asked_at_once() {
    check(|| {
        let world = Arc::new(World::new(3));
        let others = [1, 2].map(|id| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let cpu = Cpu::new(&world, id);
                cpu.touch(0);
                cpu.acknowledge();
                cpu.touch(0);
                cpu.halt();
            })
        });
        run(&world, |cpu| free(cpu, 0));
        for other in others {
            other.join().unwrap();
        }
    });
}
