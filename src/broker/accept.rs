//! The socket that the broker listens on, and the connections that it has accepted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connect_request::ConnectRequest;
use super::engine::Engine;
use crate::text::duration;

/// How long nothing is accepted after the system has given no connection.
const PAUSE: Duration = Duration::from_millis(200);
/// How many connections too many are told so at a time, once they have said what they are; the others are only closed.
const MOST_REFUSALS: usize = 16;
/// How long it may take to tell one.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long clients may take to end once the broker ends.
const GRACE: Duration = Duration::from_secs(5);

/// Accepts connections until `end` is true, and then waits until they have ended.
pub(super) async fn run(listener: TcpListener, engine: Arc<Engine>, mut end: watch::Receiver<bool>) {
    let (mut connections, mut refused) = (JoinSet::new(), JoinSet::new());
    let serving = async {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => admit((&mut connections, &mut refused), &engine, socket, peer),
                    Err(error) => {
                        engine.shared().warnings.accept.warn(
                            &engine.shared().logger,
                            format_args!("no connection can be accepted: {error}"),
                        );
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                Some(_) = refused.join_next() => {}
            }
        }
    };
    tokio::select! {
        () = serving => {}
        () = engine.run_maintenance() => {}
        // Also when its sender is gone.
        _ = end.wait_for(|end| *end) => {}
    }
    drop((listener, refused));
    engine.shut_down();
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, ended).await.is_err() {
        let (left, grace) = (connections.len(), duration(GRACE));
        engine.shared().logger.warn(format_args!("{left} connections did not end within {grace}"));
        connections.shutdown().await;
    }
}

/// Serves the connection, unless there are as many as there may be: from here on, it counts.
fn admit(
    (connections, refused): (&mut JoinSet<()>, &mut JoinSet<()>),
    engine: &Arc<Engine>,
    mut socket: TcpStream,
    peer: SocketAddr,
) {
    while connections.try_join_next().is_some() {}
    let limit = engine.shared().limits.connections;
    if connections.len() >= limit {
        engine.shared().warnings.full.warn(
            &engine.shared().logger,
            format_args!("connection of {peer} is refused: there are {limit} already, see `max_connections`"),
        );
        if refused.len() < MOST_REFUSALS {
            let limits = engine.shared().limits;
            refused.spawn(async move {
                // It is closed in any case.
                let _ =
                    timeout(REFUSAL_TIMEOUT, ConnectRequest::refuse_when_full(&mut socket, &limits)).await;
            });
        }
        return;
    }
    connections.spawn(Arc::clone(engine).serve(socket, peer));
}
