//! Where an endpoint listens.

use std::os::unix::fs::PermissionsExt;

use wirework::component::{Component, Context};
use wirework::http::{HttpEndpoint, HttpEndpointConfig, ListenConfig};

use super::support::http::Server;

fn context() -> Context {
    Context::standalone("pip-services:endpoint:http:default:1.0".parse().unwrap())
}

fn endpoint(connection: ListenConfig) -> HttpEndpoint {
    HttpEndpoint::new(HttpEndpointConfig { connection: Some(connection), ..HttpEndpointConfig::default() })
        .unwrap()
}

#[tokio::test]
async fn it_listens_at_several_places_and_again_after_a_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http");
    let local = ListenConfig { port: Some(0), ..ListenConfig::default() };
    let unix = ListenConfig { path: Some(path.clone().into()), ..ListenConfig::default() };
    let connections = Some(vec![local.clone(), local, unix]);
    let endpoint =
        HttpEndpoint::new(HttpEndpointConfig { connections, ..HttpEndpointConfig::default() }).unwrap();
    for _ in 0..2 {
        let context = context();
        endpoint.open(&context).await.unwrap();
        assert_eq!(endpoint.open(&context).await.unwrap_err().code(), "ALREADY_OPEN");
        let mut servers: Vec<_> = endpoint.addresses().into_iter().map(Server::Tcp).collect();
        assert_eq!(servers.len(), 2);
        servers.push(Server::Unix(path.clone()));
        for server in &servers {
            assert_eq!(server.get("/livez").await.unwrap().status, 200);
        }
        endpoint.close(&context).await.unwrap();
        endpoint.close(&context).await.unwrap();
        assert!(endpoint.addresses().is_empty());
        for server in servers {
            assert!(server.connect().await.is_err(), "{server:?}");
        }
    }
}

#[tokio::test]
async fn a_place_that_is_taken_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = endpoint(ListenConfig { port: Some(port), ..ListenConfig::default() })
        .open(&context())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "PORT_IN_USE");
    assert!(error.to_string().contains("set `connection.port` to another one"), "{error}");
    let host = Some("no-such-host.invalid".to_owned());
    let error =
        endpoint(ListenConfig { host, ..ListenConfig::default() }).open(&context()).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("`connection.host`")), ("CANNOT_LISTEN", true));
}

#[tokio::test]
async fn a_socket_is_private_and_one_that_was_left_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http");
    let config = ListenConfig { path: Some(path.clone().into()), ..ListenConfig::default() };
    // What a process leaves that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (one, context) = (endpoint(config.clone()), context());
    one.open(&context).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let error = endpoint(config.clone()).open(&self::context()).await.unwrap_err();
    assert_eq!(error.code(), "SOCKET_TAKEN");
    assert_eq!(Server::Unix(path.clone()).get("/livez").await.unwrap().status, 200, "it is still there");
    one.close(&context).await.unwrap();
    std::fs::write(&path, "a file of somebody").unwrap();
    assert_eq!(endpoint(config).open(&self::context()).await.unwrap_err().code(), "SOCKET_TAKEN");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file of somebody");
}
