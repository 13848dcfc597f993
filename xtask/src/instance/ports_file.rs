//! `ports.json`: the addresses of a guest, for scripts and for the other verbs.

use std::net::SocketAddr;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    /// Address of the RESP service on this host.
    pub(crate) resp: SocketAddr,
    /// Address of the HTTP reports on this host, if they are served.
    pub(crate) http: Option<SocketAddr>,
    /// The process id of QEMU.
    pub(crate) pid: u32,
    /// `kvm` or `tcg`.
    pub(crate) accel: String,
}

impl Ports {
    /// Writes the one line of the file.
    pub(crate) fn to_json(&self) -> String {
        let http = self.http.map_or_else(|| "null".to_owned(), |http| format!("\"{http}\""));
        format!(
            "{{\"resp\":\"{}\",\"http\":{http},\"pid\":{},\"accel\":\"{}\"}}\n",
            self.resp, self.pid, self.accel
        )
    }

    /// Reads the text that [`Ports::to_json`] writes; other JSON is refused.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let http = match field(text, "http")? {
            "null" => None,
            address => Some(address.parse().ok()?),
        };
        Some(Self {
            resp: field(text, "resp")?.parse().ok()?,
            http,
            pid: field(text, "pid")?.parse().ok()?,
            accel: field(text, "accel")?.to_owned(),
        })
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
    Some(rest.split([',', '}']).next()?.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_round_trips() {
        let resp = "127.0.0.1:7379".parse().unwrap();
        for http in [None, Some("127.0.0.1:8080".parse().unwrap())] {
            let ports = Ports { resp, http, pid: 42, accel: "tcg".to_owned() };
            assert_eq!(Ports::from_json(&ports.to_json()), Some(ports));
        }
        assert_eq!(Ports::from_json("{\"resp\":\"127.0.0.1:7379\""), None);
        assert_eq!(Ports::from_json(""), None);
    }

    #[test]
    fn the_file_is_as_documented() {
        let resp = "127.0.0.1:7379".parse().unwrap();
        let ports = Ports { resp, http: None, pid: 42, accel: "tcg".to_owned() };
        let text = "{\"resp\":\"127.0.0.1:7379\",\"http\":null,\"pid\":42,\"accel\":\"tcg\"}\n";
        assert_eq!(ports.to_json(), text);
    }
}
