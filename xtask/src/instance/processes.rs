//! `processes.json`: the processes of a guest, for the call of the tool that ends them.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::pid::Pid;

const FILE: &str = "processes.json";

/// The processes that a run has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Processes {
    /// QEMU.
    pub(crate) qemu: Pid,
    /// The supervisor of passt, which leads a process group of both.
    pub(crate) supervisor: Option<Pid>,
}

impl Processes {
    /// Writes the file.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let of = |pid: Pid| json!({ "pid": pid.number, "start": pid.start });
        let value = json!({ "qemu": of(self.qemu), "passt": self.supervisor.map(of) });
        let path = folder.join(FILE);
        std::fs::write(&path, format!("{value}\n")).with_context(|| path.display().to_string())
    }

    /// Reads the file; returns `None` if it does not exist.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join(FILE)).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let of = |value: &Value| {
            let number = u32::try_from(value.get("pid")?.as_u64()?).ok()?;
            Some(Pid { number, start: value.get("start")?.as_u64()? })
        };
        Some(Self { qemu: of(value.get("qemu")?)?, supervisor: value.get("passt").and_then(of) })
    }

    /// Returns the processes that live.
    pub(crate) fn living(&self) -> Vec<Pid> {
        let all = [Some(self.qemu), self.supervisor];
        all.into_iter().flatten().filter(|pid| pid.lives()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_round_trips() {
        let folder = std::env::temp_dir().join(format!("xtask-processes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(Processes::read(&folder), None);
        let qemu = Pid { number: 7, start: 98_765 };
        for supervisor in [None, Some(Pid { number: 8, start: 98_766 })] {
            let processes = Processes { qemu, supervisor };
            processes.write(&folder).unwrap();
            assert_eq!(Processes::read(&folder), Some(processes));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
