//! The body of a request.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::config::Compression;
use super::protobuf::{Message, field_length};
use super::queue::Item;
use super::resource::Resource;

/// Bodies below this go as they are: they fit into a packet.
const LEAST: usize = 1_024;

/// A body, and how it is compressed.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub bytes: bytes::Bytes,
    pub gzip: bool,
}

/// The body of a request with these items. The numbers of its fields are the same for logs and metrics: a list of resources
/// with a list of scopes with a list of records.
pub(super) fn body(resource: &Resource, batch: &[Item], compression: Compression) -> io::Result<Body> {
    let plain = encode(resource, batch);
    if compression == Compression::None || plain.len() < LEAST {
        return Ok(Body { bytes: plain.into(), gzip: false });
    }
    // What telemetry repeats, the fastest level already takes away.
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), flate2::Compression::fast());
    encoder.write_all(&plain)?;
    Ok(Body { bytes: encoder.finish()?.into(), gzip: true })
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
        let compressed = body(&resource, &batch, Compression::Gzip).unwrap();
        assert!(compressed.gzip && compressed.bytes.len() < 4_000);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&compressed.bytes[..]).read_to_end(&mut plain).unwrap();
        let as_it_is = body(&resource, &batch, Compression::None).unwrap();
        assert_eq!((as_it_is.gzip, &as_it_is.bytes[..]), (false, &plain[..]));
        let whole = only(&plain, 1);
        assert_eq!((whole.len(), only(whole[0], 1)), (1, vec![resource.resource().as_bytes()]));
        let scopes = only(whole[0], 2);
        assert_eq!((scopes.len(), only(scopes[0], 1)), (1, vec![resource.scope().as_bytes()]));
        assert_eq!(only(scopes[0], 2).len(), 100);
        assert!(only(scopes[0], 2).iter().zip(&batch).all(|(one, item)| **one == *item.bytes));
        assert!(!body(&resource, &batch[..1], Compression::Gzip).unwrap().gzip, "it is short");
    }
}
