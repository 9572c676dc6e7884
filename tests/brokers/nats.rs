//! A three-node NATS cluster with JetStream: MQTT 3.1.1 up to QoS 1.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wirework::Error;
use wirework::mqtt::{MqttConnection, PublishOptions, QoS};

use crate::load::{Got, Publisher, connect, context, within};
use crate::support::nats::Cluster;

/// A node is killed under load: the clients go on at another, and every acknowledged message arrives.
#[tokio::test]
async fn a_node_that_dies_takes_nothing_with_it() {
    let Some(cluster) = Cluster::start().await else { return };
    let ports: Vec<u16> = cluster.nodes.iter().map(|node| node.port).collect();
    // A node that has not found the others yet admits nobody.
    let more = [("options.connect_timeout", "50000"), ("options.subscribe_timeout", "50000")];
    let subscriber = connect("subscriber", &[ports[0], ports[1], ports[2]], &more).await;
    // While the others elect a leader they end the link at each publish: with waits as short as elsewhere here a message would
    // have ended three of them alone in a moment, and be given up.
    let waits = [("options.reconnect_timeout", "1000"), ("options.max_reconnect_timeout", "8000")];
    let more = [more, waits].concat();
    let publisher = connect("publisher", &[ports[1], ports[2], ports[0]], &more).await;
    let got = Got::subscribe(&subscriber).await;
    let load = Publisher::start(&publisher, &[QoS::AtLeastOnce]);
    got.until(500).await;
    // The publisher's node dies, then what it left to the other two goes on.
    cluster.nodes[1].process.signal("KILL").await;
    got.until(got.count() + 500).await;
    got.account(&load.stop().await, &[]).await;
    let client = publisher.client().unwrap();
    assert!(client.is_up());
    for connection in [publisher, subscriber] {
        within("the close", connection.close(&context())).await.unwrap();
    }
}

/// NATS 2.9 refuses QoS 2 by ending the connection: the publish fails within its deadline, with a reason.
async fn refused(ports: &[u16], client_id: &str, clean: &str) -> (Arc<MqttConnection>, Error) {
    let more = [("options.connect_timeout", "50000"), ("options.clean_session", clean)];
    let connection = connect(client_id, ports, &more).await;
    let (limit, began) = (Duration::from_secs(30), Instant::now());
    let options = PublishOptions::exactly_once().timeout(limit);
    let error = Error::from(connection.publish("t", "x", options).await.unwrap_err());
    assert!(began.elapsed() < limit + Duration::from_secs(1), "{:?}", began.elapsed());
    (connection, error)
}

async fn is_of_use(connection: &MqttConnection) {
    let options = PublishOptions::at_least_once();
    within("QoS 1 after QoS 2", connection.publish("t", "y", options)).await.unwrap();
    within("the close", connection.close(&context())).await.unwrap();
}

#[tokio::test]
async fn qos_2_fails_clearly_within_its_deadline_and_harms_nothing_else() {
    let Some(cluster) = Cluster::start().await else { return };
    let ports: Vec<u16> = cluster.nodes.iter().map(|node| node.port).collect();
    let (connection, error) = refused(&ports, "clean", "true").await;
    assert_eq!(error.code(), "SESSION_LOST");
    is_of_use(&connection).await;
    // One node keeps the session, and would see the message on every link.
    let (connection, error) = refused(&ports[..1], "kept", "false").await;
    assert_eq!(error.code(), "PUBLISH_ENDS_LINKS");
    is_of_use(&connection).await;
    // With all of them, the session is found at another one before that.
    let (connection, error) = refused(&ports, "shared", "false").await;
    assert!(["PUBLISH_ENDS_LINKS", "SESSION_LOST"].contains(&error.code()), "{}", error.chain());
    is_of_use(&connection).await;
}
