//! Requests as parts of traces: W3C Trace Context in and out.

use axum::{Extension, Router, routing::get};
use wirework::Error;
use wirework::component::{Component, ComponentFactory, Context, Descriptor, NoConfig};
use wirework::http::Mount;
use wirework::trace::TraceContext;

use super::gate::{Service, Step};
use super::recorder::Recorder;
use super::routes::ShopReferences;
use super::support::http::Answer;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Answers with what a handler sees of the trace.
struct Echo(Mount);

impl Component for Echo {
    const DESCRIPTOR: &'static str = "t:echo:http:*:1.0";
    const SUMMARY: &'static str = "Says to which trace a request belongs.";
    type Config = NoConfig;
    type References = ShopReferences;

    fn create(identity: &Descriptor, _: NoConfig, references: ShopReferences) -> Result<Self, Error> {
        Ok(Self(references.endpoint.reserve(identity, &"echo".parse()?)?))
    }
    async fn open(&self, _: &Context) -> Result<(), Error> {
        let echo = async |Extension(trace): Extension<TraceContext>| {
            format!("{trace} {}", trace.state().unwrap_or("-"))
        };
        self.0.open(Router::new().route("/", get(echo)));
        Ok(())
    }
    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.0.close().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_request_goes_on_with_the_trace_of_its_caller_or_begins_one() {
    let (service, recorder) = (Service::new(false), Recorder::new());
    let more = "[[component]]\ndescriptor = \"t:echo:http:a:1.0\"\n\
                [[component]]\ndescriptor = \"t:logger:recorder:a:1.0\"\n";
    service.gate.allow(Step::Closed);
    let host = service.host("options.access_log = true", more);
    let host = host.factory(ComponentFactory::<Echo>::NEW).factory(recorder.factory());
    let container = host.start().await.unwrap();
    let ask = async |path: &str, headers: &str| -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{headers}connection: close\r\n\r\n");
        service.server.send(request).await.unwrap()
    };
    // Of the answer: the trace, whether the span is the caller's, and what the handler saw of the state.
    let seen = |answer: &Answer| {
        let own = answer.header("traceparent").expect("every answer has one").to_owned();
        assert!(TraceContext::parse(&own).is_some(), "{own}");
        if answer.status == 200 {
            assert_eq!(answer.body.split(' ').next(), Some(own.as_str()), "the handler sees the same");
        }
        let state = answer.body.split(' ').nth(1).unwrap_or_default().to_owned();
        (own[3..35].to_owned(), own[36..52].to_owned(), state)
    };

    let parent = format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n");
    let stated = ask("/echo", &format!("{parent}tracestate: a=1\r\ntracestate: b=2\r\n")).await;
    let (trace, span, state) = seen(&stated);
    assert_eq!((trace.as_str(), state.as_str()), (TRACE, "a=1,b=2"));
    assert_ne!(span, SPAN, "it is a span of its own");
    let line = recorder.line_with(&format!("[{TRACE}] a request ")).await;
    assert!(line.contains(" path=/echo ") && line.contains(" status=200 "), "{line}");

    let unstated = seen(&ask("/echo", &format!("{parent}tracestate: a=1,a=2\r\n")).await);
    assert_eq!((unstated.0.as_str(), unstated.2.as_str()), (TRACE, "-"));
    let missing = ask("/nowhere", &parent).await;
    assert_eq!((missing.status, seen(&missing).0.as_str()), (404, TRACE));

    let mut begun = std::collections::HashSet::new();
    for headers in [
        "",
        "traceparent: 4711\r\n",
        &format!("traceparent: ff-{TRACE}-{SPAN}-01\r\n"),
        &format!("traceparent: 00-{TRACE}-{SPAN}-01-more\r\n"),
        &format!("traceparent: 00-{TRACE}-{SPAN}-\u{fc}1\r\n"),
        &format!("{parent}{parent}"),
        "tracestate: a=1\r\n",
    ] {
        let (trace, _, state) = seen(&ask("/echo", headers).await);
        assert!(trace != TRACE && state == "-" && begun.insert(trace), "{headers:?} {state}");
    }
    // Probes belong to no trace.
    assert_eq!(ask("/livez", &parent).await.header("traceparent"), None);
    container.close().await.unwrap();
}
