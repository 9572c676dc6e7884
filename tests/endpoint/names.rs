//! For whom an endpoint answers: the Host of requests, and the pages of other origins.

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use wirework::component::{Component, Context, Descriptor};
use wirework::http::{
    HttpEndpoint, HttpEndpointConfig, HttpOptions, HttpRoutes, KnownHost, ListenConfig, Mount,
};

use super::gate::Service;
use super::routes::{SHOP, shop};
use super::support::http::{Answer, Server};

/// An endpoint with a route that says whether the host is known.
async fn open(options: HttpOptions) -> (HttpEndpoint, Mount, Context) {
    let connection = Some(ListenConfig { port: Some(0), ..ListenConfig::default() });
    let endpoint =
        HttpEndpoint::new(HttpEndpointConfig { connection, options, ..HttpEndpointConfig::default() })
            .unwrap();
    let owner: Descriptor = "t:names:http:a:1.0".parse().unwrap();
    let mount = endpoint.reserve(&owner, &"names".parse().unwrap()).unwrap();
    let known = async |request: Request| match request.extensions().get::<KnownHost>() {
        Some(_) => "known",
        None => "unknown",
    };
    mount.open(Router::new().route("/", get(known)));
    let context = Context::standalone("pip-services:endpoint:http:default:1.0".parse().unwrap());
    endpoint.open(&context).await.unwrap();
    (endpoint, mount, context)
}

async fn ask(server: &Server, path: &str, headers: &str) -> Answer {
    server.send(format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n")).await.unwrap()
}

fn hosts(listed: &[&str]) -> HttpOptions {
    let hosts = Some(listed.iter().map(|&name| name.to_owned()).collect());
    HttpOptions { hosts, ..HttpOptions::default() }
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_refused_on_every_path() {
    let (endpoint, _mount, context) = open(hosts(&["api.example"])).await;
    let server = Server::Tcp(endpoint.addresses()[0]);
    let port = endpoint.addresses()[0].port();
    for host in
        ["api.example".to_owned(), format!("127.0.0.1:{port}"), "localhost".to_owned(), "[::1]".to_owned()]
    {
        let answer = ask(&server, "/names", &format!("host: {host}\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "known"), "{host}");
    }
    for path in ["/names", "/livez", "/healthz", "/nowhere"] {
        let rebound = ask(&server, path, "host: evil.example\r\n").await;
        assert_eq!((rebound.status, rebound.body.contains("HOST_REFUSED")), (403, true), "{path}");
        assert!(!rebound.body.contains("evil"), "{}", rebound.body);
        let absolute = ask(&server, &format!("http://evil.example{path}"), "host: localhost\r\n").await;
        assert_eq!(absolute.status, 403, "{path}");
        for malformed in ["", "host: a\r\nhost: b\r\n", "host: a b\r\n", "host: http://localhost\r\n"] {
            assert_eq!(ask(&server, path, malformed).await.status, 400, "{path} {malformed:?}");
        }
    }
    endpoint.close(&context).await.unwrap();
}

#[tokio::test]
async fn without_a_list_every_host_is_answered_and_routes_are_told_whether_it_is_known() {
    let (endpoint, _mount, context) = open(HttpOptions::default()).await;
    let server = Server::Tcp(endpoint.addresses()[0]);
    let proxied = ask(&server, "/names", "host: shop.example\r\n").await;
    assert_eq!((proxied.status, proxied.body.as_str()), (200, "unknown"));
    assert_eq!(ask(&server, "/names", "host: localhost:1\r\n").await.body, "known");
    let old = server.send("GET /names HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!((old.status, old.body.as_str()), (200, "known"));
    endpoint.close(&context).await.unwrap();
}

const APP: &str = "https://app.example";

fn preflight(path: &str, origin: &str) -> String {
    format!(
        "OPTIONS {path} HTTP/1.1\r\nhost: test\r\norigin: {origin}\r\naccess-control-request-method: PUT\r\n\
         access-control-request-headers: content-type, x-secret\r\nconnection: close\r\n\r\n"
    )
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_read_and_others_may_not() {
    let service = Service::new(false);
    service.gate.allow(super::gate::Step::Closed);
    let options = format!("options.cors_origins = [\"{APP}\"]\noptions.cors_credentials = true");
    let container = service.host(&options, SHOP).factory(shop()).start().await.unwrap();
    for path in ["/shop/tea/green", "/shop/orders", "/nowhere", "/readyz"] {
        let asked = service.server.send(preflight(path, APP)).await.unwrap();
        assert_eq!((asked.status, asked.body.as_str()), (204, ""), "{path}");
        assert_eq!(asked.header("access-control-allow-origin"), Some(APP));
        assert_eq!(asked.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(asked.header("access-control-allow-methods"), Some("GET, HEAD, POST, PUT, PATCH, DELETE"));
        let headers = asked.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("Content-Type") && !headers.contains("x-secret"), "{headers}");
        for other in
            ["https://evil.example", "null", "http://app.example", "https://app.example.evil.example"]
        {
            let asked = service.server.send(preflight(path, other)).await.unwrap();
            assert_eq!(
                (asked.status, asked.header("access-control-allow-origin")),
                (403, None),
                "{path} {other}"
            );
        }
    }
    let read = async |origin: &str| {
        ask(&service.server, "/shop/tea/green", &format!("host: test\r\n{origin}")).await
    };
    let page = read(&format!("origin: {APP}\r\n")).await;
    assert_eq!(
        (page.header("access-control-allow-origin"), page.header("vary")),
        (Some(APP), Some("origin"))
    );
    for origin in ["origin: https://evil.example\r\n", "origin: null\r\n", ""] {
        let other = read(origin).await;
        assert_eq!((other.status, other.header("access-control-allow-origin")), (200, None), "{origin}");
        assert_eq!(
            (other.header("access-control-allow-credentials"), other.header("vary")),
            (None, Some("origin"))
        );
    }
    container.close().await.unwrap();
}

#[tokio::test]
async fn no_origin_is_permitted_unless_it_is_listed_and_all_are_without_credentials() {
    let service = Service::new(false);
    let container = service.open("", "").await;
    let asked = service.server.send(preflight("/nowhere", APP)).await.unwrap();
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (404, None));
    container.close().await.unwrap();

    let service = Service::new(false);
    let container = service.open("options.cors_origins = [\"*\"]", "").await;
    let asked = service.server.send(preflight("/nowhere", APP)).await.unwrap();
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    container.close().await.unwrap();
}
