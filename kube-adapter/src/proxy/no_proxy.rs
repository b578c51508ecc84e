//! `NO_PROXY`: the hosts that are reached without a proxy, by Go's rules.

use std::net::IpAddr;

/// Whether `NO_PROXY` exempts this host and port. Loopback and `localhost` never go through a proxy.
pub(super) fn is_spared(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = without_brackets(host);
    let ip: Option<IpAddr> = host.parse().ok().map(|ip: IpAddr| ip.to_canonical());
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    let host = host.to_ascii_lowercase();
    let entries = no_proxy.split(',').map(str::trim);
    entries
        .filter(|entry| !entry.is_empty())
        .any(|entry| spares(&entry.to_ascii_lowercase(), &host, ip, port))
}

/// Whether one entry matches: `*`, an address, a range of addresses, `example.com` with its subdomains, or
/// `.example.com` for its subdomains alone.
///
/// An address and a name may end in a port.
fn spares(entry: &str, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, length)) = range(entry) {
        return ip.is_some_and(|ip| is_within(ip, network, length));
    }
    let (name, only_port) = split_port(entry);
    if name.is_empty() || only_port.is_some_and(|only| only != port.to_string()) {
        return false;
    }
    match (name.parse::<IpAddr>(), ip) {
        (Ok(spared), Some(ip)) => spared.to_canonical() == ip,
        (Ok(_), None) | (Err(_), Some(_)) => false,
        (Err(_), None) => {
            let name = name
                .strip_prefix('*')
                .filter(|rest| rest.starts_with('.'))
                .unwrap_or(name);
            match name.strip_prefix('.') {
                Some(_) => host.ends_with(name),
                None => {
                    host == name
                        || host
                            .strip_suffix(name)
                            .is_some_and(|rest| rest.ends_with('.'))
                }
            }
        }
    }
}

fn range(entry: &str) -> Option<(IpAddr, u8)> {
    let (network, length) = entry.split_once('/')?;
    let network: IpAddr = network.parse().ok()?;
    let length: u8 = length.parse().ok()?;
    (length <= bits(network)).then_some((network, length))
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn is_within(ip: IpAddr, network: IpAddr, length: u8) -> bool {
    let differ = match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => u128::from(ip.to_bits() ^ network.to_bits()),
        (IpAddr::V6(ip), IpAddr::V6(network)) => ip.to_bits() ^ network.to_bits(),
        _ => return false,
    };
    let below = bits(network).saturating_sub(length);
    // The range of all addresses leaves no bits to compare.
    differ
        .checked_shr(below.into())
        .is_none_or(|high| high == 0)
}

/// Splits as Go's `net.SplitHostPort`: an IPv6 address has brackets if it has a port, and otherwise none.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || without_brackets(name) != name => {
            let port = Some(port).filter(|port| !port.is_empty());
            (without_brackets(name), port)
        }
        _ => (entry, None),
    }
}

fn without_brackets(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::is_spared;

    /// What `ProxyFunc` of golang.org/x/net v0.61.0 answered for `https://HOST:PORT` with `NO_PROXY` set like this.
    const GO: &[(&str, &str, u16, bool)] = &[
        // Nothing is set.
        ("", "api.example.com", 443, false),
        ("", "localhost", 443, true),
        ("", "LOCALHOST", 443, false),
        ("", "localhost.example.com", 443, false),
        ("", "127.0.0.1", 443, true),
        ("", "127.53.0.10", 26443, true),
        ("", "[::1]", 443, true),
        ("", "10.0.0.1", 443, false),
        // Everything.
        ("*", "api.example.com", 443, true),
        ("a, * ,b", "10.0.0.1", 443, true),
        // Names: the domain itself and what is below it.
        ("example.com", "example.com", 443, true),
        ("example.com", "api.example.com", 443, true),
        ("example.com", "badexample.com", 443, false),
        ("example.com", "example.com.org", 443, false),
        ("Example.COM", "API.example.com", 443, true),
        // With a dot or a star only what is below it.
        (".example.com", "example.com", 443, false),
        (".example.com", "api.example.com", 443, true),
        ("*.example.com", "example.com", 443, false),
        ("*.example.com", "a.b.example.com", 443, true),
        (".svc", "kubernetes.default.svc", 443, true),
        // No other pattern matches.
        ("ap*.example.com", "api.example.com", 443, false),
        ("*example.com", "api.example.com", 443, false),
        // Ports.
        ("example.com:443", "api.example.com", 443, true),
        ("example.com:443", "api.example.com", 6443, false),
        ("10.0.0.1:443", "10.0.0.1", 443, true),
        ("10.0.0.1:443", "10.0.0.1", 6443, false),
        (":443", "api.example.com", 443, false),
        ("example.com:", "example.com", 443, true),
        // Addresses and ranges.
        ("10.0.0.1", "10.0.0.1", 443, true),
        ("10.0.0.1", "10.0.0.10", 443, false),
        ("10.96.0.0/12", "10.96.0.1", 443, true),
        ("10.96.0.0/12", "10.111.255.255", 443, true),
        ("10.96.0.0/12", "10.112.0.1", 443, false),
        ("10.96.0.1/32", "10.96.0.1", 443, true),
        ("0.0.0.0/0", "203.0.113.7", 443, true),
        ("10.0.0.0/33", "10.0.0.0", 443, false),
        ("fd00::/8", "[fd12:3456::1]", 443, true),
        ("fd00::/8", "[fe80::1]", 443, false),
        ("::/0", "[2001:db8::1]", 443, true),
        ("2001:db8::1", "[2001:db8::1]", 443, true),
        ("[2001:db8::1]", "[2001:db8::1]", 443, false),
        ("[2001:db8::1]:443", "[2001:db8::1]", 443, true),
        ("[2001:db8::1]:443", "[2001:db8::1]", 6443, false),
        // An address is no name, and a name no address.
        ("0.1", "10.0.0.1", 443, false),
        ("10.0.0.0/8", "api.example.com", 443, false),
        ("10.0.0.1", "10.0.0.1.example.com", 443, false),
        // Spaces and empty entries.
        (" , example.com ,,", "example.com", 443, true),
        ("a b,example.com", "example.com", 443, true),
    ];

    #[test]
    fn spares_what_go_spares() {
        for (no_proxy, host, port, spared) in GO {
            assert_eq!(
                is_spared(no_proxy, host, *port),
                *spared,
                "NO_PROXY={no_proxy} {host}:{port}"
            );
        }
    }
}
