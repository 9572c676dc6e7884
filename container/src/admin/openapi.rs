//! The document of the API, OpenAPI 3.1.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use wirework::http::BaseRoute;

use super::api::{Answer, Method, Operation, Parameter};

/// Describes these operations; where they are is for whoever knows the base route, by [`with_server`].
pub(super) fn document(operations: &[Operation]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations {
        paths.insert(operation.path.to_owned(), path(operation, &mut generator));
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Refusal".to_owned(), refusal());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Admin API of a Wirework service",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// The document of operations below this base route.
pub(super) fn with_server(document: &Value, base: &BaseRoute) -> Value {
    let mut document = document.clone();
    // The paths are put behind it as they are.
    let url = base.to_string();
    let url = if url == "/" { "" } else { &url };
    document["servers"] = json!([{ "url": url, "description": "The base route of the admin controller." }]);
    document
}

fn path(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let (media, schema) = match operation.answer {
        Answer::Json(schema) => ("application/json", schema(generator).to_value()),
        Answer::Events => ("text/event-stream", json!({ "type": "string" })),
    };
    let refused = json!({
        "description": "It is refused; `code` says why.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Refusal" } } },
    });
    let answered = json!({ "description": operation.summary, "content": { media: { "schema": schema } } });
    // Whoever asks from this machine reads without a token.
    let (method, security) = match operation.method {
        Method::Get => ("get", json!([{}, { "token": [] }])),
        Method::Post => ("post", json!([{ "token": [] }])),
    };
    let mut described = Map::new();
    described.insert("operationId".to_owned(), operation.id.into());
    described.insert("summary".to_owned(), operation.summary.into());
    described.insert("security".to_owned(), security);
    let mut parameters: Vec<_> = operation.query.iter().map(parameter).collect();
    if operation.path.contains("{descriptor}") {
        parameters.push(descriptor());
    }
    if !parameters.is_empty() {
        described.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = operation.body {
        let schema = body(generator).to_value();
        let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        described.insert("requestBody".to_owned(), body);
    }
    let responses = json!({ operation.status.as_str(): answered, "4XX": refused, "503": refused });
    described.insert("responses".to_owned(), responses);
    json!({ method: described })
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.values {
        [] => json!({ "type": "integer", "minimum": 0, "maximum": parameter.most }),
        values => json!({ "type": "string", "enum": values }),
    };
    json!({ "name": parameter.name, "in": "query", "description": parameter.description, "schema": schema })
}

fn descriptor() -> Value {
    json!({
        "name": "descriptor",
        "in": "path",
        "required": true,
        "description": "The component: `group:type:kind:name:version`.",
        "schema": { "type": "string" },
    })
}

fn refusal() -> Value {
    json!({
        "type": "object",
        "properties": {
            "code": { "type": "string" },
            "status": { "type": "integer" },
            "category": { "type": "string" },
            "message": { "type": "string" },
        },
        "required": ["code", "status", "category", "message"],
    })
}
