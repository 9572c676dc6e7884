//! Several brokers, some of which refuse us for good.

use std::sync::Arc;

use wirework::mqtt::{LinkState, MqttConnection, MqttError};
use wirework::{Category, Error};

use crate::common::{context, until};
use crate::support::fake_broker::{ConnAck, ConnectReturnCode, FakeBroker};
use crate::support::within;

const WRONG: ConnectReturnCode = ConnectReturnCode::BadUserNamePassword;
const BUSY: ConnectReturnCode = ConnectReturnCode::ServiceUnavailable;

async fn brokers() -> [FakeBroker; 2] {
    [FakeBroker::start().await, FakeBroker::start().await]
}

fn connection(brokers: &[FakeBroker; 2], more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let uri = format!("mqtt://127.0.0.1:{},127.0.0.1:{}", brokers[0].port(), brokers[1].port());
    let mut pairs = vec![
        ("connection.uri", uri.as_str()),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
    ];
    pairs.extend_from_slice(more);
    Arc::new(MqttConnection::from_pairs(pairs).unwrap())
}

async fn refuse(broker: &FakeBroker, code: ConnectReturnCode) {
    let (mut peer, _) = broker.accept_connect().await;
    peer.send(ConnAck::new(code, false)).await;
}

fn is_up(state: &LinkState) -> bool {
    matches!(state, LinkState::Up { .. })
}

#[tokio::test]
async fn at_open_the_others_of_the_list_are_tried() {
    let brokers = brokers().await;
    let connection = connection(&brokers, &[]);
    let context = context();
    let script = async {
        refuse(&brokers[0], WRONG).await;
        brokers[1].accept_session(false).await
    };
    let (opened, _peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}

#[tokio::test]
async fn at_open_it_waits_for_one_that_may_yet_welcome() {
    let brokers = brokers().await;
    let connection = connection(&brokers, &[]);
    let context = context();
    let script = async {
        refuse(&brokers[0], WRONG).await;
        brokers[1].accept_connect().await.0.reset();
        refuse(&brokers[0], WRONG).await;
        refuse(&brokers[1], BUSY).await;
        refuse(&brokers[0], WRONG).await;
        brokers[1].accept_session(false).await
    };
    let (opened, _peer) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}

#[tokio::test]
async fn at_open_what_was_refused_is_said_when_time_is_up() {
    let brokers = brokers().await;
    let connection = connection(&brokers, &[("options.retry_connect", "false")]);
    let context = context();
    let script = async {
        refuse(&brokers[0], WRONG).await;
        brokers[1].accept_connect().await.0.reset();
    };
    let (opened, ()) = tokio::join!(connection.open(&context), script);
    let error = opened.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(MqttError::ConnectFailed { .. })), "{error:?}");
    assert!(error.chain().contains("bad user name or password"), "{}", error.chain());
}

#[tokio::test]
async fn at_open_all_that_refuse_are_the_end_at_once() {
    let brokers = brokers().await;
    // Without limit of time: only the refusals can end it.
    let connection = connection(&brokers, &[("options.connect_timeout", "0")]);
    let context = context();
    let script = async {
        refuse(&brokers[0], WRONG).await;
        refuse(&brokers[1], ConnectReturnCode::NotAuthorized).await;
    };
    let (opened, ()) = tokio::join!(within("the open", connection.open(&context)), script);
    let error = opened.unwrap_err();
    assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", Category::Unauthorized));
    assert!(error.chain().contains("bad user name or password"), "the first: {}", error.chain());
}

#[tokio::test]
async fn after_a_lost_link_one_that_refuses_is_passed_over() {
    let brokers = brokers().await;
    let connection = connection(&brokers, &[]);
    let context = context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), brokers[0].accept_session(false));
    opened.unwrap();
    peer.reset();
    let client = connection.client().unwrap();
    // The session is at the first, which does not know us any more.
    refuse(&brokers[0], WRONG).await;
    let (_peer, _) = brokers[1].accept_session(false).await;
    let there = format!("mqtt://127.0.0.1:{}", brokers[1].port());
    until(&client, |state| matches!(state, LinkState::Up { endpoint, .. } if **endpoint == *there)).await;
}

#[tokio::test]
async fn after_a_lost_link_all_that_refuse_are_the_end() {
    let brokers = brokers().await;
    let connection = connection(&brokers, &[("options.refusal_timeout", "0")]);
    let context = context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), brokers[0].accept_session(false));
    opened.unwrap();
    peer.reset();
    refuse(&brokers[0], WRONG).await;
    refuse(&brokers[1], WRONG).await;
    let client = connection.client().unwrap();
    let state = until(&client, |state| matches!(state, LinkState::Failed(_))).await;
    let LinkState::Failed(error) = state else { return };
    assert_eq!(Error::from(error).category(), Category::Unauthorized);
}

#[tokio::test]
async fn a_refusal_where_a_broker_has_sent_us_is_not_the_end() {
    let brokers = brokers().await;
    let uri = format!("mqtt://127.0.0.1:{}", brokers[0].port());
    let pairs = [
        ("connection.uri", uri.as_str()),
        ("options.protocol_version", "5"),
        ("options.reconnect_timeout", "10"),
        ("options.redirects", "listed"),
        ("options.redirect_hosts.0", "127.0.0.1"),
    ];
    let connection = MqttConnection::from_pairs(pairs).unwrap();
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), brokers[0].accept_session5(false));
    opened.unwrap();
    let there = format!("127.0.0.1:{}", brokers[1].port());
    let size = u8::try_from(there.len()).unwrap();
    let mut farewell = vec![0xe0, size + 5, 0x9c, size + 3, 0x1c, 0, size];
    farewell.extend_from_slice(there.as_bytes());
    peer.send_raw(&farewell).await;
    let (mut peer, _) = brokers[1].accept_connect5().await;
    peer.send_raw(&[0x20, 3, 0, 0x87, 0]).await;
    let (_peer, _) = brokers[0].accept_session5(false).await;
    until(&connection.client().unwrap(), is_up).await;
}
