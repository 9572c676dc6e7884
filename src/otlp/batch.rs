//! The request with a batch.

use std::io;

use hyper::Method;

use super::config::Compression;
use super::protobuf::{Message, field_length};
use super::queue::Item;
use super::resource::Resource;
use crate::gzip;
use crate::http_client::Request;

/// A request with these items. The numbers of its fields are the same for logs, metrics and spans: a list of resources
/// with a list of scopes with a list of records.
pub(super) fn request(resource: &Resource, batch: &[Item], compression: Compression) -> io::Result<Request> {
    let plain = encode(resource, batch);
    let gzip = compression == Compression::Gzip && plain.len() >= gzip::LEAST;
    let body = if gzip { gzip::compressed(&plain)? } else { plain };
    let content_type = Some("application/x-protobuf");
    Ok(Request { method: Method::POST, content_type, gzip, body: body.into() })
}

fn encode(resource: &Resource, batch: &[Item]) -> Vec<u8> {
    let records: usize = batch.iter().map(|item| field_length(item.bytes.len())).sum();
    let scope = field_length(resource.scope().as_bytes().len()) + records;
    let whole = field_length(resource.resource().as_bytes().len()) + field_length(scope);
    let mut message = Message::with_capacity(field_length(whole));
    message.begin(1, whole);
    message.message(1, resource.resource());
    message.begin(2, scope);
    message.message(1, resource.scope());
    for item in batch {
        message.begin(2, item.bytes.len());
        message.append(&item.bytes);
    }
    message.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::protobuf::{Field, fields};
    use super::*;

    fn only(bytes: &[u8], field: u64) -> Vec<&[u8]> {
        let found = fields(bytes).filter(|(number, _)| *number == field);
        found
            .filter_map(|(_, field)| if let Field::Bytes(bytes) = field { Some(bytes) } else { None })
            .collect()
    }

    #[test]
    fn records_are_in_one_scope_of_one_resource() {
        let resource = Resource::new(&[("service.name".to_owned(), "shop".to_owned())].into());
        let batch: Vec<_> = (1..=100_u8).map(|n| Item { bytes: vec![n; 200].into(), records: 1 }).collect();
        let compressed = request(&resource, &batch, Compression::Gzip).unwrap();
        assert!(compressed.gzip && compressed.body.len() < 4_000);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&compressed.body[..]).read_to_end(&mut plain).unwrap();
        let as_it_is = request(&resource, &batch, Compression::None).unwrap();
        assert_eq!((as_it_is.gzip, &as_it_is.body[..]), (false, &plain[..]));
        let whole = only(&plain, 1);
        assert_eq!((whole.len(), only(whole[0], 1)), (1, vec![resource.resource().as_bytes()]));
        let scopes = only(whole[0], 2);
        assert_eq!((scopes.len(), only(scopes[0], 1)), (1, vec![resource.scope().as_bytes()]));
        assert_eq!(only(scopes[0], 2).len(), 100);
        assert!(only(scopes[0], 2).iter().zip(&batch).all(|(one, item)| **one == *item.bytes));
        assert!(!request(&resource, &batch[..1], Compression::Gzip).unwrap().gzip, "it is short");
    }
}
