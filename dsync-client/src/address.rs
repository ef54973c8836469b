//! The realtime address: what it may look like, and where an API key may go in clear.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use crate::BuildError;

/// Reads and checks a realtime address. No error repeats the text: it may hold a password, or, where
/// somebody mixed up two settings, the API key.
pub(crate) fn parse(text: &str, allow_http: bool) -> Result<Uri, BuildError> {
    // `Uri` drops a fragment without a word.
    if text.contains('#') {
        return Err(BuildError::UrlFragment);
    }
    let uri: Uri = text.parse().map_err(|_| BuildError::UrlSyntax)?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(BuildError::UrlNotAbsolute);
    };
    let is_https = *scheme == Scheme::HTTPS;
    if !is_https && *scheme != Scheme::HTTP {
        return Err(BuildError::UrlScheme);
    }
    if authority.as_str().contains('@') {
        return Err(BuildError::UrlUserInfo);
    }
    if authority.host().is_empty() {
        return Err(BuildError::UrlHost);
    }

    // The HTTP library reads the address again, by the rules of browsers: "0x7f.1" is 127.0.0.1
    // there. What is checked here and what is dialled there have to be the same host.
    let url: reqwest::Url = text.parse().map_err(|_| BuildError::UrlSyntax)?;
    let host = url.host_str().ok_or(BuildError::UrlHost)?;
    if !host.eq_ignore_ascii_case(authority.host()) {
        return Err(BuildError::UrlHost);
    }

    // And it writes the address anew, with percent-encoding, which may make it too long to be sent.
    // Later that would be an error of every single request.
    if url.as_str().parse::<Uri>().is_err() {
        return Err(BuildError::UrlSyntax);
    }

    if !is_https && !allow_http && !is_loopback(host) {
        return Err(BuildError::PlainHttp {
            host: host.to_owned(),
        });
    }
    Ok(uri)
}

/// Whether a host is this machine: 127.0.0.0/8, `[::1]` and `localhost`. Names below `localhost`, and
/// `localhost.` with a dot at its end, are not: systems ask the DNS for them, which may answer with
/// another machine.
fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}
