//! Decides as kubectl does whether to reach the API server through a proxy.
//!
//! A kubeconfig's `proxy-url` always counts. Otherwise `HTTPS_PROXY` and `HTTP_PROXY` count, unless `NO_PROXY` exempts
//! the API server, by the rules of Go's `golang.org/x/net/http/httpproxy`. International names are compared as written.

mod no_proxy;

use std::fmt;

use http::{Uri, uri::Authority};

use no_proxy::is_spared;

/// The environment variables that name proxies.
#[derive(Clone, Default)]
pub(crate) struct Variables {
    https: Option<Variable>,
    http: Option<Variable>,
    none_for: String,
}

#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: String,
}

impl Variables {
    /// Reads the variables; `value` returns what a variable is set to.
    pub(crate) fn new(value: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| {
            let mut set = names.into_iter().filter_map(|name| {
                let value = value(name).filter(|value| !value.is_empty())?;
                Some(Variable { name, value })
            });
            set.next()
        };
        Self {
            https: first(["HTTPS_PROXY", "https_proxy"]),
            http: first(["HTTP_PROXY", "http_proxy"]),
            none_for: first(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |set| set.value),
        }
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A proxy's address may hold a password.
        f.debug_struct("Variables").finish_non_exhaustive()
    }
}

/// A proxy, and what names it. Its address may hold a password, so it is shown without the user.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    uri: Uri,
    set_by: &'static str,
}

impl Proxy {
    /// For [`kube::Config::proxy_url`].
    pub(crate) fn expose_uri(&self) -> Uri {
        self.uri.clone()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let host = self.uri.host().unwrap_or_default();
        write!(f, "{scheme}://{host}")?;
        if let Some(port) = self.uri.port() {
            write!(f, ":{port}")?;
        }
        write!(f, " of {}", self.set_by)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// A configured proxy that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{set_by} names a proxy that cannot be used: {reason}")]
pub(crate) struct ProxyError {
    set_by: &'static str,
    reason: &'static str,
}

/// Returns the proxy for an API server, if any. `proxy_url` is the kubeconfig's.
pub(crate) fn choose(
    api_server: &Uri,
    proxy_url: Option<&str>,
    variables: &Variables,
) -> Result<Option<Proxy>, ProxyError> {
    if let Some(address) = proxy_url.filter(|address| !address.is_empty()) {
        return parse("proxy-url", address).map(Some);
    }
    let is_https = api_server.scheme_str() == Some("https");
    let (set, default_port) = if is_https {
        (&variables.https, 443)
    } else {
        (&variables.http, 80)
    };
    let Some(Variable { name, value }) = set else {
        return Ok(None);
    };
    let host = api_server.host().unwrap_or_default();
    let port = api_server.port_u16().unwrap_or(default_port);
    if is_spared(&variables.none_for, host, port) {
        return Ok(None);
    }
    if value.contains("://") {
        parse(name, value).map(Some)
    } else {
        parse(name, &format!("http://{value}")).map(Some)
    }
}

/// The scheme of SOCKS, whose proxies resolve names themselves, and its default port.
const SOCKS: &str = "socks5";
const SOCKS_PORT: u16 = 1080;

fn parse(set_by: &'static str, address: &str) -> Result<Proxy, ProxyError> {
    let error = |reason| ProxyError { set_by, reason };
    let uri: Uri = address
        .parse()
        .map_err(|_| error("it is not a URL such as http://proxy.example.com:3128"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(error(
            "it is not a URL such as http://proxy.example.com:3128",
        ));
    };
    let uri = match scheme {
        "http" | "https" => uri,
        SOCKS | "socks5h" if authority.as_str().contains('@') => {
            return Err(error("a SOCKS proxy is used without a user and password"));
        }
        SOCKS | "socks5h" => {
            socks(authority).ok_or_else(|| error("its host and port cannot be read"))?
        }
        _ => {
            return Err(error(
                "its scheme is none of http, https, socks5 and socks5h",
            ));
        }
    };
    Ok(Proxy { uri, set_by })
}

fn socks(authority: &Authority) -> Option<Uri> {
    let port = authority.port_u16().unwrap_or(SOCKS_PORT);
    let address = format!("{SOCKS}://{}:{port}", authority.host());
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://api.example.com:6443";

    fn set(variables: &[(&str, &str)]) -> Variables {
        Variables::new(|name| {
            let mut set = variables.iter();
            let found = set.find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn chosen(api: &str, proxy_url: Option<&str>, variables: &[(&str, &str)]) -> String {
        match choose(&api.parse().unwrap(), proxy_url, &set(variables)) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "none".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_scheme_has_its_variable_and_capitals_come_first() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://p:2")];
        assert_eq!(chosen(API, None, &both), "http://s:1 of HTTPS_PROXY");
        assert_eq!(
            chosen("http://api.example.com", None, &both),
            "http://p:2 of HTTP_PROXY"
        );
        let one = [
            ("https_proxy", "proxy.example.com:3128"),
            ("HTTPS_PROXY", ""),
        ];
        assert_eq!(
            chosen(API, None, &one),
            "http://proxy.example.com:3128 of https_proxy",
            "an empty one is not set, and one without a scheme is of http"
        );
        assert_eq!(chosen(API, None, &[("HTTP_PROXY", "http://p:2")]), "none");
    }

    #[test]
    fn no_proxy_spares_the_api_server_from_variables_and_not_from_a_proxy_url() {
        let spared = [
            ("HTTPS_PROXY", "http://s:1"),
            ("no_proxy", "x, .example.com,"),
        ];
        assert_eq!(chosen(API, None, &spared), "none");
        assert_eq!(
            chosen(API, Some("http://k:3"), &spared),
            "http://k:3 of proxy-url"
        );
        assert_eq!(chosen(API, Some(""), &spared), "none");
        // The proxy's own address cannot be exempt.
        let of_proxy = [("HTTPS_PROXY", "http://s:1"), ("NO_PROXY", "s")];
        assert_eq!(chosen(API, None, &of_proxy), "http://s:1 of HTTPS_PROXY");
    }

    #[test]
    fn no_password_is_shown() {
        let secret = "http://u:hunter2@s:1";
        let proxy = choose(
            &API.parse().unwrap(),
            None,
            &set(&[("HTTPS_PROXY", secret)]),
        );
        let proxy = proxy.unwrap().unwrap();
        assert_eq!(proxy.expose_uri().authority().unwrap(), "u:hunter2@s:1");
        for shown in [format!("{proxy}"), format!("{proxy:?}")] {
            assert!(
                shown.contains("http://s:1") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
        let refused = chosen(API, Some("ftp://u:hunter2@s"), &[]);
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn what_cannot_be_used_is_named_as_it_was_set() {
        assert_eq!(
            chosen(API, Some("ftp://proxy"), &[]),
            "proxy-url names a proxy that cannot be used: its scheme is none of http, https, socks5 and socks5h"
        );
        assert!(chosen(API, Some("proxy:3128"), &[]).starts_with("proxy-url names a proxy"));
        assert!(
            chosen(API, None, &[("https_proxy", "http://a b")])
                .starts_with("https_proxy names a proxy")
        );
        assert!(chosen(API, Some("socks5://u:p@proxy"), &[]).contains("without a user"));
    }

    #[test]
    fn socks_is_one_scheme_with_a_port_of_its_own() {
        for address in ["socks5://proxy", "socks5h://proxy", "socks5://proxy:1080"] {
            assert_eq!(
                chosen(API, Some(address), &[]),
                "socks5://proxy:1080 of proxy-url"
            );
        }
    }
}
