//! What mosquitto ends the link for.

use wirework::Error;
use wirework::mqtt::{PublishOptions, QoS};

use crate::load::{connect, context, within};
use crate::support::mosquitto::Mosquitto;

/// On 3.1.1 a broker cannot say how large a packet may be, and ends the link of whoever sends a larger one. Neighbours of such
/// a message arrive, and it fails.
#[tokio::test]
async fn a_message_that_is_too_large_fails_alone() {
    let Some(broker) =
        Mosquitto::start_with("allow_anonymous true\nmax_packet_size 2000\nset_tcp_nodelay true\n").await
    else {
        return;
    };
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let connection = connect(&format!("{qos:?}"), &[broker.port], &[]).await;
        let client = connection.client().unwrap();
        let mut deliveries = Vec::new();
        for number in 0..20 {
            let size = if number == 10 { 5000 } else { 100 };
            deliveries
                .push(client.send("t", vec![7; size], PublishOptions::default().qos(qos)).await.unwrap());
        }
        for (number, delivery) in deliveries.into_iter().enumerate() {
            match within("the end of a publish", delivery).await.map_err(Error::from) {
                Ok(()) => assert_ne!(number, 10),
                Err(error) => assert_eq!((number, error.code()), (10, "PUBLISH_ENDS_LINKS")),
            }
        }
        within("the close", connection.close(&context())).await.unwrap();
    }
}
