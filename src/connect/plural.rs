//! `connection` or `connections`: one spelling for one, one for several.

use super::ConnectionConfig;
use crate::config::Invalid;
use crate::{Category, Coded};
use std::borrow::Cow;

/// What can be configured once or several times, under two keys.
pub trait OneOrMany {
    /// The key of one, such as `connection`.
    const ONE: &'static str;
    /// The key of several, such as `connections`.
    const MANY: &'static str;
}

impl OneOrMany for ConnectionConfig {
    const ONE: &'static str = "connection";
    const MANY: &'static str = "connections";
}

/// Both spellings in one section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{one}` and `{many}` are both given; give one `{one}`, or all of them as `{many}`")]
pub struct BothGiven {
    one: &'static str,
    many: &'static str,
}

impl Coded for BothGiven {
    fn category(&self) -> Category {
        Category::Misconfiguration
    }
    fn code(&self) -> &'static str {
        "BAD_CONFIG"
    }

    fn keys(&self) -> Vec<Cow<'static, str>> {
        vec![self.one.into(), self.many.into()]
    }
}

impl From<BothGiven> for Invalid {
    fn from(BothGiven { one, many }: BothGiven) -> Self {
        Self::new(one, format!("and `{many}` are both given; give one `{one}`, or all of them as `{many}`"))
    }
}

/// What the two fields of a config hold, each with the key at which it stands: `connection`, or `connections.0` and so on.
#[cfg(any(feature = "mqtt", feature = "broker", feature = "http", feature = "otlp"))]
pub(crate) fn keyed<'c, T: OneOrMany>(
    one: Option<&'c T>,
    many: Option<&'c [T]>,
) -> impl Iterator<Item = (String, &'c T)> {
    let one = one.into_iter().map(|one| (T::ONE.to_owned(), one));
    let many = many.unwrap_or_default().iter().enumerate();
    one.chain(many.map(|(index, item)| (format!("{}.{index}", T::MANY), item)))
}

/// Joins the two fields of a config into one list.
///
/// ```
/// use wirework::connect::{ConnectionConfig, one_or_many};
/// let connection = Some(ConnectionConfig::default());
/// assert_eq!(one_or_many(connection.clone(), None)?.len(), 1);
/// assert!(one_or_many(connection, Some(vec![])).is_err());
/// # Ok::<(), wirework::Error>(())
/// ```
///
/// # Errors
/// [`BothGiven`] where both are.
pub fn one_or_many<T: OneOrMany>(one: Option<T>, many: Option<Vec<T>>) -> Result<Vec<T>, BothGiven> {
    match (one, many) {
        (Some(_), Some(_)) => Err(BothGiven { one: T::ONE, many: T::MANY }),
        (one, many) => Ok(one.into_iter().chain(many.into_iter().flatten()).collect()),
    }
}
