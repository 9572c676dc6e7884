//! Connections that never become clients.

use super::client::{Client, connect};
use super::served::Served;

/// The most that a burst may write to the log, in bytes.
const LOG: usize = 4096;

#[test]
fn connections_that_send_nothing_count_and_end() {
    let broker = Served::start("max_connections = 20\nconnect_timeout = '2s'");
    let mut idle: Vec<Client> = (0..20).map(|_| Client::open(broker.address())).collect();
    // At once, since some of those for which there is no room have a second to say what they are.
    let mut more: Vec<Client> = (0..200).map(|_| Client::open(broker.address())).collect();
    for client in &mut more {
        assert_eq!(client.receive(), None, "there is no room");
    }
    for client in &mut idle {
        assert_eq!(client.receive(), None, "it was given two seconds");
    }
    assert!(Client::connect(broker.address(), "honest").answers());
    broker.await_log("max_connections");
    assert!(broker.log().len() < LOG, "{}", broker.log());
}

#[test]
fn a_client_for_which_there_is_no_room_is_told_so() {
    let broker = Served::start("max_connections = 1");
    let mut first = Client::connect(broker.address(), "first");
    for (version, code) in [(4, 3), (5, 0x88)] {
        let mut second = Client::open(broker.address());
        second.send(&connect(version, "second", None));
        assert_eq!(second.reason_of_connack(), Some(code), "the server is not available");
        assert_eq!(second.receive(), None);
    }
    assert!(first.answers());
    broker.await_log("there are 1 already, see `max_connections`");
}

#[test]
fn a_client_that_is_refused_or_taken_over_is_named() {
    let broker = Served::start("credential = { username = 'ann', password = 'secret' }");
    for (id, login, code, line) in [
        ("a/b", None, 2, "client `a/b`, without a user name, is refused: its client identifier holds `/`"),
        ("me", None, 4, ", without a user name, is refused: wrong user name or password"),
        ("me", Some(("bob", "secret")), 4, ", as user `bob`, is refused: wrong user name or password"),
    ] {
        // A line of each kind is written once in ten seconds.
        let broker = Served::start("credential = { username = 'ann', password = 'secret' }");
        let mut client = Client::open(broker.address());
        client.send(&connect(4, id, login));
        assert_eq!(client.reason_of_connack(), Some(code), "{line}");
        broker.await_log(line);
    }
    let twin = || {
        let mut client = Client::open(broker.address());
        client.send(&connect(4, "twin", Some(("ann", "secret"))));
        assert_eq!(client.reason_of_connack(), Some(0));
        client
    };
    let mut first = twin();
    assert!(first.answers());
    let mut second = twin();
    assert_eq!(first.receive(), None, "it is ended");
    assert!(second.answers());
    broker.await_log("client `twin` at 127.0.0.1:");
    broker.await_log(", as user `ann`, takes over the session of the connection from 127.0.0.1:");
}

#[test]
fn a_connect_that_comes_byte_by_byte_ends() {
    let broker = Served::start("connect_timeout = '500ms'");
    let mut slow = Client::open(broker.address());
    slow.send(&connect(5, "slow", None)[..6]);
    // It goes on sending, and is ended all the same.
    while slow.send(&[0]) {
        std::thread::yield_now();
        if slow.receive().is_none() {
            break;
        }
    }
    broker.await_log("no CONNECT within");
    for (first, why) in
        [(&b"GET / HTTP/1.1\r\n\r\n"[..], "no CONNECT"), (&[0x10, 0xff, 0xff, 0xff, 0x7f], "bytes")]
    {
        let broker = Served::start("");
        let mut client = Client::open(broker.address());
        client.send(first);
        assert_eq!(client.receive(), None, "{why}");
        broker.await_log(why);
    }
}

#[test]
fn a_broker_without_descriptors_waits_and_says_so_once() {
    let broker = Served::start_with("", "40");
    let mut client = Client::connect(broker.address(), "first");
    let more: Vec<Client> = (0..100).map(|_| Client::open(broker.address())).collect();
    // A broker that spins writes some hundred thousand lines while these are answered.
    for _ in 0..5000 {
        assert!(client.answers());
    }
    while !broker.log().contains("no connection can be accepted") {
        assert!(client.answers());
    }
    assert!(broker.log().len() < LOG, "{}", broker.log().len());
    drop(more);
    assert!(Client::connect(broker.address(), "second").answers());
    assert!(broker.log().len() < LOG, "{}", broker.log());
}

#[test]
fn long_client_identifiers_and_user_names_are_refused_and_not_logged() {
    let broker = Served::start("");
    let long = "x".repeat(60_000);
    for _ in 0..200 {
        let mut client = Client::open(broker.address());
        client.send(&connect(5, &long, None));
        assert_eq!(client.reason_of_connack(), Some(0x85), "client identifier not valid");
    }
    let mut client = Client::open(broker.address());
    client.send(&connect(4, &long, None));
    assert_eq!(client.reason_of_connack(), Some(2), "identifier rejected");
    let mut client = Client::open(broker.address());
    client.send(&connect(5, "short", Some((&long, "password"))));
    assert_eq!(client.reason_of_connack(), Some(0x86), "bad user name or password");
    assert!(broker.log().len() < LOG, "{}", broker.log().len());
}
