//! Requests as parts of traces: W3C Trace Context in and out.

use axum::http::StatusCode;
use axum::{Extension, Router, routing::get};
use wirework::Error;
use wirework::component::{Component, ComponentFactory, Context, Descriptor, NoConfig};
use wirework::http::Mount;
use wirework::trace::{Sampler, Sampling, SpanKind, SpanValue, TraceContext};

use super::gate::{Service, Step};
use super::recorder::Recorder;
use super::routes::ShopReferences;
use super::support::http::Answer;
use super::support::spans::Spans;

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
        let failing = async || StatusCode::INTERNAL_SERVER_ERROR;
        self.0.open(Router::new().route("/", get(echo)).route("/fail/{how}", get(failing)));
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
    assert!(line.contains(&format!(" span_id={span} ")), "{line}");

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

#[tokio::test]
async fn tracers_are_told_of_requests_by_their_routes() {
    let (service, spans) = (Service::new(false), Spans::new(Sampling::Sampled(Sampler::ratio(0.0))));
    let more = "[[component]]\ndescriptor = \"t:echo:http:a:1.0\"\n\
                [[component]]\ndescriptor = \"t:tracer:spans:a:1.0\"\n";
    service.gate.allow(Step::Closed);
    let host = service.host("", more).factory(ComponentFactory::<Echo>::NEW).factory(spans.factory());
    let container = host.start().await.unwrap();
    let ask = async |method: &str, path: &str, flags: &str| -> Answer {
        let parent = format!("traceparent: 00-{TRACE}-{SPAN}-{flags}\r\n");
        let parent = if flags.is_empty() { "" } else { &parent };
        let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{parent}connection: close\r\n\r\n");
        service.server.send(request).await.unwrap()
    };
    for flags in ["", "00"] {
        let answer = ask("GET", "/echo", flags).await;
        assert!(answer.header("traceparent").unwrap().ends_with("-00"), "the handler and the caller see it");
    }
    ask("GET", "/livez", "01").await;
    let answer = ask("GET", "/echo", "01").await;
    let own = TraceContext::parse(answer.header("traceparent").unwrap()).unwrap();
    ask("GET", "/echo/fail/thus", "01").await;
    ask("BREW", "/nowhere", "01").await;
    container.close().await.unwrap();
    let told = spans.told();
    assert_eq!(
        told.iter().map(|span| &*span.name).collect::<Vec<_>>(),
        ["GET /echo", "GET /echo/fail/{how}", "HTTP"]
    );
    for span in &told {
        let (context, kind) = (&span.context, span.kind);
        assert_eq!(
            (context.trace_id(), context.parent_id().as_deref(), kind),
            (TRACE, Some(SPAN), SpanKind::Server)
        );
    }
    assert_eq!(told[0].context.span_id(), own.span_id());
    assert_eq!(told[0].error, None);
    assert_eq!(told[1].error.as_deref(), Some("answered with 500 Internal Server Error"));
    let attributes = ["http.request.method", "http.route", "http.response.status_code", "url.path"];
    let of = |span: usize| attributes.map(|name| told[span].attribute(name).cloned());
    let text = |text: &str| Some(SpanValue::from(text));
    let failed = [text("GET"), text("/echo/fail/{how}"), Some(500_i64.into()), text("/echo/fail/thus")];
    assert_eq!(of(1), failed);
    assert_eq!(of(2), [text("_OTHER"), None, Some(404_i64.into()), text("/nowhere")]);
}
