//! From an address to a stream.

use std::io;

use tokio::net::{TcpStream, lookup_host};

use crate::connect::Endpoint;
use crate::mqtt::Lost;

/// Connects by TCP: the addresses of the host in their order, until one answers.
pub(super) async fn tcp(endpoint: &Endpoint) -> Result<TcpStream, Lost> {
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let addresses = found.map_err(|error| Lost::io("looking up the host name", error))?;
    let mut last = Lost::io("looking up the host name", io::Error::other("it has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A batch is one write already; waiting for more would only delay it.
                stream.set_nodelay(true).map_err(|error| Lost::io("setting TCP_NODELAY", error))?;
                return Ok(stream);
            }
            Err(error) => last = Lost::io("connecting", error),
        }
    }
    Err(last)
}
