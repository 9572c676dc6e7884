//! The document of the API, OpenAPI 3.1.

use once_cell::sync::Lazy;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::routes::{Answer, Method, OPERATIONS, Operation};

static DOCUMENT: Lazy<Value> = Lazy::new(write);

/// The document; it is the same for every service.
pub(super) fn document() -> Value {
    DOCUMENT.clone()
}

fn write() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in OPERATIONS {
        paths.insert(operation.path.to_owned(), path(&operation, &mut generator));
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
        "servers": [{ "url": "..", "description": "The base route of the admin controller." }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn path(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let (method, status) = match operation.method {
        Method::Get => ("get", "200"),
        Method::Post => ("post", "202"),
    };
    let (media, schema) = match operation.answer {
        Answer::Json(schema) => ("application/json", schema(generator).to_value()),
        Answer::Events => ("text/event-stream", json!({ "type": "string" })),
    };
    let refused = json!({
        "description": "It is refused; `code` says why.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Refusal" } } },
    });
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": {
            status: { "description": operation.summary, "content": { media: { "schema": schema } } },
            "4XX": refused,
            "503": refused,
        },
    });
    if operation.path.contains("{descriptor}")
        && let Some(described) = described.as_object_mut()
    {
        described.insert("parameters".to_owned(), descriptor());
    }
    // Whoever asks from this machine reads without a token.
    let security = match operation.method {
        Method::Get => json!([{}, { "token": [] }]),
        Method::Post => json!([{ "token": [] }]),
    };
    if let Some(described) = described.as_object_mut() {
        described.insert("security".to_owned(), security);
        if operation.method == Method::Post {
            let body = json!({ "required": true, "content": { "application/json": { "schema": { "type": "object" } } } });
            described.insert("requestBody".to_owned(), body);
        }
    }
    json!({ method: described })
}

fn descriptor() -> Value {
    json!([{
        "name": "descriptor",
        "in": "path",
        "required": true,
        "description": "The component: `group:type:kind:name:version`.",
        "schema": { "type": "string" },
    }])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_operation_and_every_schema_it_uses() {
        let document = document();
        for operation in OPERATIONS {
            assert!(document["paths"].get(operation.path).is_some(), "{}", operation.path);
        }
        let text = document.to_string();
        let used = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
        for name in used {
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
