//! The context of a case of a client library.

use std::path::PathBuf;

use crate::test::tcp::subject::Subject;
use crate::workspace::Workspace;

/// The context of a case.
pub(super) struct LibraryContext<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) subject: &'a Subject,
}

impl LibraryContext<'_> {
    /// Returns the port of the image, as an argument.
    pub(super) fn port(&self) -> String {
        self.subject.address().port().to_string()
    }

    /// Returns the path of a file of the clients.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.workspace.path("xtask/clients").join(path)
    }

    /// Returns a folder of installed or built files.
    pub(super) fn target(&self, path: &str) -> PathBuf {
        self.workspace.path("target/clients").join(path)
    }
}
