//! Chooses between KVM and TCG.
//!
//! It is not enough that `/dev/kvm` can be opened: on some machines KVM creates CPUs, but runs them a
//! thousand times slower than QEMU's translator. KVM is chosen only if the processor reports virtualization,
//! and is kept only if the guest answers in time.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

/// Maximum time until a guest under KVM sends its first PONG, before TCG is tried instead. It is a hundred
/// times the time on real hardware.
pub(crate) const TRIAL: Duration = Duration::from_secs(10);

/// The engine that runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accel {
    /// KVM: hardware virtualization.
    Kvm,
    /// TCG: QEMU's translator, with one thread per virtual CPU.
    Tcg,
    /// QEMU's translator, with a guest clock that advances by one nanosecond with each instruction of the
    /// guest.
    Counted,
    /// As `Counted`, but while the guest sleeps its clock advances like the host's clock.
    CountedInTime,
}

impl Accel {
    /// Returns the value of QEMU's `-accel`.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg,thread=multi",
            Self::Counted | Self::CountedInTime => "tcg,thread=single",
        }
    }

    /// Returns the further arguments of QEMU that this accelerator needs.
    pub(crate) fn more(self) -> &'static [&'static str] {
        match self {
            Self::Kvm | Self::Tcg => &[],
            // While the guest sleeps, its clock jumps to the next deadline.
            Self::Counted => &["-icount", "shift=0,sleep=off"],
            Self::CountedInTime => &["-icount", "shift=0,sleep=on"],
        }
    }
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
            Self::Counted | Self::CountedInTime => "tcg that counts instructions",
        })
    }
}

/// The values of `--accel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccelRequest {
    /// KVM if it works on this machine, and TCG otherwise.
    Auto,
    /// KVM: hardware virtualization.
    Kvm,
    /// TCG: QEMU's translator.
    Tcg,
}

/// The chosen accelerator, and the reason for the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccelChoice {
    /// The accelerator with which the guest is started first.
    pub(crate) accel: Accel,
    /// Whether TCG is tried if the guest is too slow with this accelerator.
    pub(crate) on_trial: bool,
    /// The reason for the choice, as a clause.
    pub(crate) why: String,
}

/// Chooses the accelerator by the request and by the capabilities of the machine.
pub(crate) fn choose(request: AccelRequest) -> AccelChoice {
    let asked = |accel| AccelChoice { accel, on_trial: false, why: "requested".to_owned() };
    match request {
        AccelRequest::Kvm => asked(Accel::Kvm),
        AccelRequest::Tcg => asked(Accel::Tcg),
        AccelRequest::Auto => judge(open_kvm(), shows_virtualization()),
    }
}

/// Returns the choice of TCG after a failed trial of KVM.
pub(crate) fn after_trial() -> AccelChoice {
    let why = format!("under KVM no PONG came within {} s", TRIAL.as_secs());
    AccelChoice { accel: Accel::Tcg, on_trial: false, why }
}

fn judge(device: Result<(), ErrorKind>, virtualization: bool) -> AccelChoice {
    let tcg = |why: &str| AccelChoice { accel: Accel::Tcg, on_trial: false, why: why.to_owned() };
    match device {
        Err(ErrorKind::NotFound) => tcg("there is no /dev/kvm"),
        Err(ErrorKind::PermissionDenied) => {
            tcg("no access to /dev/kvm; run: sudo usermod -aG kvm $USER, then log in again")
        }
        Err(kind) => tcg(&format!("/dev/kvm does not open: {kind}")),
        Ok(()) if !virtualization => {
            tcg("/dev/kvm opens, but the processor shows neither vmx nor svm")
        }
        Ok(()) => AccelChoice {
            accel: Accel::Kvm,
            on_trial: true,
            why: "/dev/kvm opens and the processor can".to_owned(),
        },
    }
}

fn open_kvm() -> Result<(), ErrorKind> {
    let opened = std::fs::File::options().read(true).write(true).open("/dev/kvm");
    opened.map(|_| ()).map_err(|error| error.kind())
}

fn shows_virtualization() -> bool {
    let modules = ["/sys/module/kvm_intel", "/sys/module/kvm_amd"];
    modules.iter().any(|module| Path::new(module).exists())
        || has_flag(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

fn has_flag(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| line.split_ascii_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_opens_is_not_enough() {
        assert_eq!(judge(Ok(()), false).accel, Accel::Tcg);
        let kvm = judge(Ok(()), true);
        assert_eq!((kvm.accel, kvm.on_trial), (Accel::Kvm, true));
    }

    #[test]
    fn every_refusal_has_a_reason() {
        assert_eq!(judge(Err(ErrorKind::NotFound), true).why, "there is no /dev/kvm");
        let denied = judge(Err(ErrorKind::PermissionDenied), true);
        assert!(denied.why.contains("usermod"), "{}", denied.why);
        assert!(after_trial().why.contains("10 s"));
    }

    #[test]
    fn flags_are_whole_words() {
        assert!(has_flag("flags\t\t: fpu vmx sse\n"));
        assert!(!has_flag("flags\t\t: fpu vmxext sse\nbugs: svm\n"));
    }

    #[test]
    fn a_request_is_obeyed() {
        assert_eq!(choose(AccelRequest::Tcg).accel, Accel::Tcg);
        assert!(!choose(AccelRequest::Kvm).on_trial);
    }
}
