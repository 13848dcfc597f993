//! Locks on files, which keep two calls of the tool from working in one folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use crate::process;

/// Locks the file at `path`, which is created if necessary. If another call holds the lock, announces the wait
/// for `other` and waits. Closing the file releases the lock.
pub(crate) fn wait(path: &Path, other: &str) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::create(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            process::announce("Wait", &format!("for {other}"));
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_call_waits_for_the_first() {
        let path = std::env::temp_dir().join(format!("xtask-lock-{}/lock", std::process::id()));
        let first = wait(&path, "the first call").unwrap();
        let is_released = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let lock = wait(&path, "the first call").unwrap();
                (lock, is_released.load(Ordering::SeqCst))
            });
            std::thread::sleep(Duration::from_millis(50));
            is_released.store(true, Ordering::SeqCst);
            drop(first);
            assert!(second.join().unwrap().1, "the lock was taken while another call held it");
        });
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
