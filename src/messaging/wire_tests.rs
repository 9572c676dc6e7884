use proptest::prelude::*;

use super::*;

/// Bytes of the toolkits, as they went over the wire.
const VERSION_4: &str = r#"{"message_id":"bc9dc70941f84dc2ab4d7e7ac78a80d1","trace_id":"trace-123","message_type":"order.created","sent_time":"2026-11-22T21:31:21.431Z","message":"QUJD"}"#;
const VERSION_4_NULL: &str = r#"{"message_id":"bc9dc70941f84dc2ab4d7e7ac78a80d1","trace_id":null,"message_type":"order.created","sent_time":"2026-11-22T21:31:21.620Z","message":null}"#;
const VERSION_3: &str = r#"{"message_id": "b4f057cc4ac84848a8c1c6a4621d56bd", "correlation_id": "corr-123", "message_type": "order.created", "sent_time": "2026-11-22T21:52:03.271058", "message": "eyJhIjogMSwgInMiOiAiXHUwMTdlbHVcdTAxNjUifQ=="}"#;

fn read(json: &str) -> MessageEnvelope {
    MessageEnvelope::from_json(json.as_bytes()).unwrap()
}

#[test]
fn both_dialects_are_read() {
    let envelope = read(VERSION_4);
    assert_eq!(envelope.to_string(), "[trace-123,order.created,ABC]");
    assert_eq!(envelope.message_id.to_string(), "bc9dc70941f84dc2ab4d7e7ac78a80d1");
    assert_eq!(time_text(envelope.sent_time.unwrap()).unwrap(), "2026-11-22T21:31:21.431Z");
    assert_eq!(read(VERSION_4_NULL).to_string(), "[---,order.created,---]");
    let envelope = read(VERSION_3);
    assert_eq!(envelope.trace_id.as_deref(), Some("corr-123"));
    assert_eq!(envelope.json::<serde_json::Value>().unwrap()["s"], "žluť");
    assert_eq!(time_text(envelope.sent_time.unwrap()).unwrap(), "2026-11-22T21:52:03.271Z");
}

#[test]
fn a_time_long_ago_is_none() {
    for text in ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "1968-02-29T23:59:59.999+02:00"] {
        assert_eq!(read(&format!("{{\"sent_time\":\"{text}\"}}")).sent_time, None, "{text}");
    }
    for text in ["0001-13-01T00:00:00Z", "0001", "+001-01-01T00:00:00Z"] {
        assert!(
            MessageEnvelope::from_json(format!("{{\"sent_time\":\"{text}\"}}").as_bytes()).is_err(),
            "{text}"
        );
    }
}

#[test]
fn both_dialects_find_what_they_read() {
    let envelope = MessageEnvelope { sent_time: time("2026-01-02T03:04:05Z"), ..read(VERSION_4) };
    assert_eq!(
        String::from_utf8(envelope.to_json()).unwrap(),
        r#"{"message_id":"bc9dc70941f84dc2ab4d7e7ac78a80d1","trace_id":"trace-123","correlation_id":"trace-123","message_type":"order.created","sent_time":"2026-01-02T03:04:05.000Z","message":"QUJD"}"#
    );
}

#[test]
fn what_is_missing_is_empty() {
    assert_eq!(read("{}").to_string(), "[---,---,---]");
    assert_eq!(read(r#"{"correlation_id":"c","trace_id":null,"more":[1]}"#).to_string(), "[c,---,---]");
    assert_eq!(read(r#"{"correlation_id":"c","trace_id":"t"}"#).to_string(), "[t,---,---]");
    assert_eq!(read(r#"{"message":"QQ"}"#).text(), Some("A"), "padding may be missing");
}

#[test]
fn times_with_and_without_zone() {
    let same = [
        "2026-11-22T20:31:21",
        "2026-11-22T20:31:21Z",
        "2026-11-22 22:31:21.0+02:00",
        "2026-11-22T15:01:21-0530",
        "2026-11-22t20:31:21.0000000z",
        "2026-11-22T21:31:21+01:00[Europe/Prague]",
    ];
    for text in same {
        assert_eq!(time(text).and_then(time_text).as_deref(), Some("2026-11-22T20:31:21.000Z"), "{text}");
    }
    for text in ["2026-11-22T20:31", "2026-11-22T20:31Z", "2026-11-22 22:31+02", "2026-11-22T20:31Z[UTC]"] {
        assert_eq!(time(text).and_then(time_text).as_deref(), Some("2026-11-22T20:31:00.000Z"), "{text}");
    }
    for text in
        ["", "yesterday", "2026-11-22", "2026-11-22T20:31:21+2", "2026-11-22T20:31:21+xx:00", "žžžžžžžž"]
    {
        assert_eq!(time(text), None, "{text}");
    }
}

#[test]
fn what_is_malformed_says_why() {
    let wrong = |json: &str| MessageEnvelope::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(wrong(&VERSION_4[..40]).starts_with("the envelope is no JSON of the right form"));
    assert!(wrong(r#"{"message_type":7}"#).contains("JSON"));
    assert!(wrong(r#"{"message":"?"}"#).starts_with("the field `message` is no base64"));
    assert_eq!(
        wrong(r#"{"sent_time":"soon"}"#),
        "the field `sent_time` is `soon`, which is no time; expected one such as `2026-11-22T21:31:21.431Z`"
    );
    assert!(wrong(&r#"{"a":"#.repeat(1 << 18)).contains("JSON"));
    for other in ["", " ", "[]", "null", "7", "\"{}\""] {
        assert_eq!(wrong(other), "the envelope is no JSON object");
    }
}

/// The reader of JSON repeats what it found instead.
#[test]
fn what_a_peer_sent_is_cut_and_escaped_in_errors() {
    let long = format!("\\u001b\\n\u{9b}{}", "x".repeat(60_000));
    for json in [
        format!(r#"{{"message_id":"{long}","message":"AA==","sent_time":"{long}"}}"#),
        format!(r#"{{"message":"{long}"}}"#),
        format!(r#"{{"message":{{"{long}":1}}}}"#),
        format!(r#"{{"message_type":["{long}"]}}"#),
    ] {
        if let Err(error) = MessageEnvelope::from_json(json.as_bytes()) {
            let text = crate::Error::from(error).chain();
            assert!(text.len() < 600 && !text.contains(crate::text::is_unsafe), "{text}");
        }
    }
    let envelope = MessageEnvelope {
        message_id: MessageId::from(long.as_str()),
        trace_id: Some(long.as_str().into()),
        ..MessageEnvelope::new(long.clone(), long)
    };
    let shown = format!("{envelope}{}", envelope.message_id.shown());
    assert!(shown.len() < 1200 && !shown.contains(crate::text::is_unsafe), "{shown}");
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        id in ".*", trace in proptest::option::of(".+"), kind in ".*",
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        millis in 0u64..253_402_300_799_999,
    ) {
        let envelope = MessageEnvelope {
            message_id: MessageId::from(if id.is_empty() { "x" } else { id.as_str() }),
            trace_id: trace.map(Into::into),
            sent_time: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)),
            ..MessageEnvelope::new(kind, payload)
        };
        prop_assert_eq!(MessageEnvelope::from_json(&envelope.to_json()).unwrap(), envelope);
    }

    #[test]
    fn no_bytes_break_the_reader(
        noise in proptest::collection::vec(any::<u8>(), 0..100), at in 0usize..150, text in ".{0,40}",
    ) {
        let _ = MessageEnvelope::from_json(&noise);
        let mut damaged = VERSION_4.as_bytes().to_vec();
        damaged.splice(at..(at + noise.len()).min(damaged.len()).max(at), noise);
        let _ = MessageEnvelope::from_json(&damaged);
        let _ = time(&text);
        let _ = MessageEnvelope::from_json(serde_json::json!({ "sent_time": text, "message": text }).to_string().as_bytes());
    }
}

#[test]
fn the_way_of_a_message_travels_and_its_absence_leaves_no_mark() {
    let fresh = MessageEnvelope::new("t", "x");
    let text = String::from_utf8(fresh.to_json()).unwrap();
    assert!(!text.contains("hops"), "toolkits see what they have always seen: {text}");
    let passed = fresh.passed_on("a").passed_on("b");
    let read = MessageEnvelope::from_json(&passed.to_json()).unwrap();
    assert_eq!((read.hops(), &read), (2, &fresh), "what was sent is the same");
    for other in ["3", "null", "{}", "[1]", "\"x\"", "\"-1 a\"", "true"] {
        let json = format!(r#"{{"message_id":"1","message":"","wirework_hops":{other}}}"#);
        assert_eq!(MessageEnvelope::from_json(json.as_bytes()).unwrap().hops(), 0, "{other}");
    }
}

#[test]
fn what_is_known_of_a_dead_letter_travels_and_its_absence_leaves_no_mark() {
    let fresh = MessageEnvelope::new("t", "x").with_topic("orders/eu");
    assert!(
        !String::from_utf8(fresh.to_json()).unwrap().contains("dead"),
        "toolkits see what they have always seen"
    );
    let json = fresh.as_dead_letter("orders", DeadLetterReason::GivenUp).to_json();
    let text = String::from_utf8(json.clone()).unwrap();
    let facts = r#""wirework_dead":{"reason":"given_up","topic":"orders/eu","deliveries":0}"#;
    assert!(text.contains(facts), "{text}");
    let read = MessageEnvelope::from_json(&json).unwrap();
    let expected = DeadLetter::new(DeadLetterReason::GivenUp, Some("orders/eu".into()), 0);
    assert_eq!((read.dead_letter(), read.topic.as_deref()), (Some(&expected), None));
    let with = |value: &str| format!(r#"{{"message_id":"1","message":"","wirework_dead":{value}}}"#);
    let read = |value: &str| MessageEnvelope::from_json(with(value).as_bytes()).unwrap();
    let other = read(r#"{"reason":"\u0073trange","deliveries":3,"more":[1]}"#);
    assert_eq!(other.dead_letter(), Some(&DeadLetter::new(DeadLetterReason::Other, None, 3)));
    for value in ["3", "null", "{}", "[1]", "\"x\"", r#"{"reason":"x","deliveries":-1}"#, "true"] {
        assert_eq!(read(value).dead_letter(), None, "{value}");
    }
}
