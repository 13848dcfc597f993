//! Switches the current CPU, halts CPUs, takes them off line, and makes CPUs ignore interrupts.
#![expect(unsafe_code, reason = "CPUs halt and go off line")]

use vmalloc::{CpuId, Cpus};

use super::World;

impl World<'_> {
    pub(super) fn current(&self) -> u32 {
        self.vm.machine().current().0
    }

    /// Makes another CPU the current one. The previous CPU halts if `sleep` is set. After every
    /// second halt, it goes off line.
    pub(super) fn go_on(&mut self, cpu: u32, sleep: bool) {
        let (before, next) = (self.current(), cpu % self.shape.cpus);
        if sleep && before != next {
            // SAFETY: the CPU accesses no memory until `wake`.
            unsafe { self.vm.enter_idle() };
            self.vm.machine().set_asleep(true);
            self.asleep[before as usize] = true;
            self.sleeps += 1;
            if self.sleeps.is_multiple_of(2) {
                self.vm.machine().set_off_line(CpuId(before), true);
                // SAFETY: the CPU is off line until `wake`.
                unsafe { self.vm.leave_cpu(CpuId(before)) };
            }
        }
        self.vm.machine().on(CpuId(next));
        self.wake(next);
    }

    /// Wakes a CPU, which is the current one.
    fn wake(&mut self, cpu: u32) {
        if self.asleep[cpu as usize] {
            self.vm.leave_idle();
            self.vm.machine().set_asleep(false);
            self.vm.machine().set_off_line(CpuId(cpu), false);
            self.asleep[cpu as usize] = false;
        }
    }

    pub(super) fn deafen(&mut self, cpu: u32, steps: u32) {
        let cpu = cpu % self.shape.cpus;
        self.vm.machine().deafen(Some(CpuId(cpu)));
        self.deaf = Some((cpu, steps));
    }

    pub(super) fn tire_of_deafness(&mut self) {
        self.deaf = match self.deaf {
            Some((cpu, steps)) if steps > 1 => Some((cpu, steps - 1)),
            Some(_) => {
                self.vm.machine().deafen(None);
                None
            }
            None => None,
        };
    }

    /// Returns whether a CPU that ignores interrupts would make a synchronous flush fail.
    pub(super) fn must_not_wait(&self) -> bool {
        self.deaf.is_some_and(|(cpu, _)| cpu != self.current() && !self.asleep[cpu as usize])
    }

    pub(super) fn wake_all(&mut self) {
        self.vm.machine().deafen(None);
        self.deaf = None;
        for cpu in 0..self.shape.cpus {
            self.vm.machine().on(CpuId(cpu));
            self.wake(cpu);
        }
    }

    /// Runs `work` as the first CPU from `cpu` on that is awake.
    pub(super) fn on_awake(&self, cpu: u32, work: impl FnOnce()) {
        let me = self.vm.machine().current();
        let awake = (0..self.shape.cpus).map(|offset| (cpu + offset) % self.shape.cpus);
        let awake = awake.into_iter().find(|cpu| !self.asleep[*cpu as usize]);
        self.vm.machine().on(CpuId(awake.expect("the current CPU is awake")));
        work();
        self.vm.machine().on(me);
    }

    /// Runs `work` as every CPU that is awake.
    pub(super) fn everywhere(&self, work: impl Fn(CpuId)) {
        let me = self.vm.machine().current();
        for cpu in (0..self.shape.cpus).filter(|cpu| !self.asleep[*cpu as usize]) {
            self.vm.machine().on(CpuId(cpu));
            work(CpuId(cpu));
        }
        self.vm.machine().on(me);
    }
}
