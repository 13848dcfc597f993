//! The atomics and locks of the crate: those of the processor or, in a build for the loom model
//! checker, those of the checker.

#[cfg(not(all(test, loom)))]
pub(crate) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(all(test, loom)))]
pub(crate) use spin::{Mutex, MutexGuard};

#[cfg(all(test, loom))]
pub(crate) use self::checked::{Mutex, MutexGuard};
#[cfg(all(test, loom))]
pub(crate) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

/// A spin lock on atomics of the checker, with the interface of `spin`. The lock of the checker
/// itself cannot be used, because its `try_lock` blocks while another thread holds the lock.
#[cfg(all(test, loom))]
mod checked {
    use core::ops::{Deref, DerefMut};

    use super::{AtomicBool, Ordering, spin_loop};

    #[derive(Debug)]
    pub(crate) struct Mutex<T> {
        is_taken: AtomicBool,
        /// Never contended, because `is_taken` was set first.
        value: std::sync::Mutex<T>,
    }

    #[derive(Debug)]
    pub(crate) struct MutexGuard<'m, T> {
        is_taken: &'m AtomicBool,
        value: Option<std::sync::MutexGuard<'m, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self { is_taken: AtomicBool::new(false), value: std::sync::Mutex::new(value) }
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            loop {
                if let Some(guard) = self.try_lock() {
                    return guard;
                }
                spin_loop();
            }
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            let is_taken = &self.is_taken;
            is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).ok().map(
                |_| MutexGuard {
                    is_taken,
                    value: Some(self.value.lock().expect("the flag is in front of it")),
                },
            )
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.value.as_ref().expect("there until the drop")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.value.as_mut().expect("there until the drop")
        }
    }

    impl<T> Drop for MutexGuard<'_, T> {
        fn drop(&mut self) {
            self.value = None;
            self.is_taken.store(false, Ordering::Release);
        }
    }
}
