//! Atomics and locks: the processor's, or those of the loom model checker in its tests.

#[cfg(not(all(test, loom)))]
pub(crate) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(all(test, loom)))]
pub(crate) use spin::{Mutex, MutexGuard};

#[cfg(all(test, loom))]
pub(crate) use self::checked::{Mutex, MutexGuard};
#[cfg(all(test, loom))]
pub(crate) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

/// A spin lock of checked atomics, like `spin`'s. The checker's own lock cannot be used: its
/// `try_lock` blocks while another thread holds it.
#[cfg(all(test, loom))]
mod checked {
    use core::ops::{Deref, DerefMut};

    use super::{AtomicBool, Ordering, spin_loop};

    #[derive(Debug)]
    pub(crate) struct Mutex<T> {
        is_taken: AtomicBool,
        /// Never contended: the flag is in front of it.
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
