//! Who asks.

use std::net::{IpAddr, SocketAddr};

use ::http::{HeaderMap, HeaderValue};

/// Where a request came from, among its extensions; missing where the event does not say.
///
/// It is what the service itself saw, not what the client says: API Gateway and function URLs have a place of their own for it in the
/// event. Load balancers and VPC Lattice write it behind whatever `X-Forwarded-For` holds already, so the last address is taken and
/// none that the client put before it. (A load balancer whose attribute `routing.http.xff_header_processing.mode` is `preserve` or
/// `remove` writes nothing: then the header is the client's own word, or missing.)
///
/// ```
/// use axum::extract::Extension;
/// use lambda_plugin_abi::http::ClientIp;
///
/// async fn whoami(client: Option<Extension<ClientIp>>) -> String {
///     client.map_or("nobody knows".to_owned(), |Extension(ClientIp(ip))| ip.to_string())
/// }
/// # let _ = axum::Router::<()>::new().route("/", axum::routing::get(whoami));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

/// The address that stands last in `X-Forwarded-For`, with its port or without
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>).
pub(super) fn last_forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back().map(HeaderValue::to_str)?.ok()?;
    let last = last.rsplit(',').next()?.trim();
    let bare = last.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(last);
    bare.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_balancer_wrote_itself_counts() {
        #[track_caller]
        fn check(values: &[&'static str], expected: Option<&str>) {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|value| _ = headers.append("x-forwarded-for", HeaderValue::from_static(value)));
            assert_eq!(last_forwarded(&headers), expected.map(|ip| ip.parse().unwrap()), "{values:?}");
        }
        check(&["192.0.2.1"], Some("192.0.2.1"));
        check(&["10.0.0.1, 192.0.2.1"], Some("192.0.2.1"));
        check(&["10.0.0.1", "forged,192.0.2.1:443"], Some("192.0.2.1"));
        check(&["::1, 2001:db8::7"], Some("2001:db8::7"));
        check(&["[2001:db8::7]"], Some("2001:db8::7"));
        check(&["[2001:db8::7]:443"], Some("2001:db8::7"));
        check(&["192.0.2.1, unknown"], None);
        check(&["192.0.2.1,"], None);
        check(&[""], None);
        check(&[], None);
    }
}
