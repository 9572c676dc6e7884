//! rumqttc's client, set up for a run.

use rumqttc::{AsyncClient, EventLoop, MqttOptions};

/// Without Nagle's delay, which is not its default: with it, everything here would be slower.
pub fn client(id: &str, port: u16, window: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_inflight(window).set_clean_session(true);
    let (client, mut events) = AsyncClient::new(options, usize::from(window));
    let mut network = events.network_options();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}
