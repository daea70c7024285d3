//! Keeps browsers and strangers out of a listener that serves its owner alone.
//!
//! A web page can make a browser send requests to a loopback address. It cannot do so without an `Origin`
//! header or under the right `Host`, so both are checked on every request, and no preflight is answered.

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Method, StatusCode};

/// Hosts by which a listener may be addressed.
#[derive(Clone, Debug)]
pub enum Hosts {
    /// Any: the listener is a socket in the file system.
    Any,
    /// The names of loopback and these.
    Only(Vec<String>),
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses what does not come from a program of the owner, and what is no POST request.
///
/// # Errors
/// The status and the reason.
pub fn check(method: &Method, headers: &HeaderMap, hosts: &Hosts) -> Result<(), (StatusCode, &'static str)> {
    check_sender(method, headers, hosts)?;
    if *method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "the aws kms api takes POST requests only"));
    }
    Ok(())
}

/// Refuses what does not come from a program of the owner.
///
/// # Errors
/// The status and the reason.
pub fn check_sender(method: &Method, headers: &HeaderMap, hosts: &Hosts) -> Result<(), (StatusCode, &'static str)> {
    if headers.contains_key(ORIGIN) {
        return Err((StatusCode::FORBIDDEN, "requests of web pages are not served"));
    }
    if *method == Method::OPTIONS {
        return Err((StatusCode::FORBIDDEN, "preflight requests of web pages are not served"));
    }
    if let Hosts::Only(allowed) = hosts
        && !host_is_allowed(headers, allowed)
    {
        return Err((
            StatusCode::FORBIDDEN,
            "the host is not one that this listener serves; allow it with --allow-host",
        ));
    }
    Ok(())
}

fn host_is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    LOOPBACK.contains(&name) || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, pairs: &[(&'static str, &str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let hosts = Hosts::Only(vec!["kms.test".to_owned()]);
        check(&method, &headers, &hosts).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn only_programs_of_the_owner_are_served() {
        for host in ["localhost", "localhost:4599", "127.0.0.1:1", "[::1]", "[::1]:4599", "KMS.test:80"] {
            assert_eq!(status(Method::POST, &[("host", host)]), 200, "{host}");
        }
        for host in ["", "evil.test", "localhost.evil.test", "127.0.0.1.evil.test:4599", "localhost:x", "::1"] {
            assert_eq!(status(Method::POST, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(status(Method::POST, &[]), 403);
        assert_eq!(status(Method::POST, &[("host", "localhost"), ("host", "localhost")]), 403);
        assert_eq!(status(Method::POST, &[("host", "localhost"), ("origin", "null")]), 403);
        assert_eq!(status(Method::OPTIONS, &[("host", "localhost")]), 403);
        assert_eq!(status(Method::GET, &[("host", "localhost")]), 405);
    }
}
