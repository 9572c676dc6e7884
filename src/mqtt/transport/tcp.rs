//! From a host and a port to a TCP stream.

use tokio::net::{TcpStream, lookup_host};

use super::addresses::{interleave, race};
use crate::connect::Endpoint;
use crate::mqtt::Lost;

/// Connects to the host, whichever of its addresses answers first.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<TcpStream, Lost> {
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let addresses = interleave(found.map_err(|error| Lost::io("looking up the host name", error))?);
    let stream =
        race(addresses, TcpStream::connect).await.map_err(|tried| Lost::io("connecting", tried.into()))?;
    // A batch is one write already; waiting for more would only delay it.
    stream.set_nodelay(true).map_err(|error| Lost::io("setting TCP_NODELAY", error))?;
    Ok(stream)
}
