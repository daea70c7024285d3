//! Where the server is, and the name that its certificate must have.

use rustls::pki_types::ServerName;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name that the certificate must be for.
    pub name: ServerName<'static>,
}

impl ServerAddress {
    /// Reads `https://HOST:PORT`; without a port it is 443.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let authority = text.strip_prefix("https://")?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
            _ => (authority, 443),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).ok()?;
        Some(Self { host: host.to_owned(), port, name })
    }

    /// The value of the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "https://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, shown) in [
            ("https://coffer.coffer-system.svc:8443", "https://coffer.coffer-system.svc:8443"),
            ("https://coffer.coffer-system.svc", "https://coffer.coffer-system.svc:443"),
            ("https://127.0.0.1:1/", "https://127.0.0.1:1"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://[::1]", "https://[::1]:443"),
        ] {
            assert_eq!(ServerAddress::parse(text).map(|address| address.to_string()).as_deref(), Some(shown));
        }
        for wrong in ["", "coffer:8443", "http://coffer:8443", "https://", "https://a:0", "https://a:x", "https://a/b"]
        {
            assert_eq!(ServerAddress::parse(wrong), None, "{wrong}");
        }
    }
}
