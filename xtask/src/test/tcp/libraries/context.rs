//! The context in which a case of the layer `clients` runs.

use std::path::PathBuf;

use crate::test::tcp::subject::Subject;
use crate::workspace::Workspace;

/// The context of a case: the image and the folders.
pub(super) struct LibraryContext<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) subject: &'a Subject,
}

impl LibraryContext<'_> {
    /// Returns the port of the image as text.
    pub(super) fn port(&self) -> String {
        self.subject.address().port().to_string()
    }

    /// Returns the path of a file in the folder of the clients.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.workspace.path("xtask/clients").join(path)
    }

    /// Returns the path of a folder for installed or built files.
    pub(super) fn target(&self, path: &str) -> PathBuf {
        self.workspace.path("target/clients").join(path)
    }
}
