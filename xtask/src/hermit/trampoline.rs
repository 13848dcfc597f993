//! The start code of the APs, which Hermit keeps as assembly and loads at a fixed address.
//!
//! Hermit's build script assembles it with LLVM. The image's build needs the GNU linker anyway, and the GNU
//! assembler is in the same package.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::exit::{self, Cause};
use crate::process;

/// The address that Hermit copies the code to (`SMP_BOOT_CODE_ADDRESS`).
const ADDRESS: &str = "0x8000";
/// Hermit reserves one page for the code.
const BYTES_MAX: usize = 4096;
const SOURCE: &str = "src/arch/x86_64/kernel/boot.s";

/// Assembles the code into a kernel's folder. An unchanged file keeps its modification time, so that cargo
/// does not build the kernel again.
///
/// # Errors
/// A program of the binutils is missing, or refuses the source.
pub(super) fn assemble(kernel: &Path) -> anyhow::Result<()> {
    let [object, draft, binary] = ["boot.o", "boot.new", "boot.bin"].map(|name| kernel.join(name));
    let mut assembler = tool("as")?;
    process::succeed(assembler.arg("-o").arg(&object).arg(kernel.join(SOURCE)))?;
    let mut linker = tool("ld")?;
    // Without `-N` the code would begin after a page of headers.
    linker.args(["-m", "elf_x86_64", "-N", "-Ttext", ADDRESS, "-e", "_start"]);
    process::succeed(linker.args(["--oformat=binary", "-o"]).arg(&draft).arg(&object))?;
    fs::remove_file(&object)?;
    let code = fs::read(&draft)?;
    ensure!(
        (1..=BYTES_MAX).contains(&code.len()),
        "{SOURCE} becomes {} bytes, 1 to {BYTES_MAX} fit",
        code.len()
    );
    if fs::read(&binary).is_ok_and(|found| found == code) {
        fs::remove_file(&draft)?;
    } else {
        fs::rename(&draft, &binary)?;
    }
    Ok(())
}

fn tool(name: &str) -> anyhow::Result<Command> {
    let missing = || exit::failure(Cause::Missing, format!("no {name}: install binutils"));
    process::find(name).map(Command::new).ok_or_else(missing).context("the start code of the APs")
}
