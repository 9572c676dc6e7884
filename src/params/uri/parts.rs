//! The parts of a URI: read from a string, written to a string, with or without what must not be shown.

use std::fmt;

use super::error::MAX_HOSTS;
use super::escape::{decode, encode};
use super::host::{self, UriHost};
use super::{UriError, UriPart};
use crate::config::{MASK, Secret};

/// What a URI says, percent-escapes replaced except in the path. Its `Debug` is the masked URI.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriParts {
    /// The scheme in lower case, such as `mqtt`.
    pub scheme: String,
    /// The user name; never empty.
    pub username: Option<String>,
    /// The password; never empty.
    pub password: Option<Secret>,
    /// The servers, in their order; none in `unix:///path`.
    pub hosts: Vec<UriHost>,
    /// The path as it stands, with its leading `/` and its escapes.
    pub path: Option<String>,
    /// The parameters of the query in their order; one without `=` has an empty value.
    pub parameters: Vec<(String, String)>,
}

impl UriParts {
    /// Takes a URI apart.
    pub(super) fn parse(text: &str) -> Result<Self, UriError> {
        if text.is_empty() {
            return Err(UriError::Empty);
        }
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(UriError::Blank);
        }
        if text.contains('#') {
            return Err(UriError::Fragment);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UriError::NoScheme)?;
        if !is_scheme(scheme) {
            return Err(UriError::BadScheme);
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        // More likely the end of a password with a `/` or `?` in it than a path or a parameter, which are shown.
        if rest.contains('@') {
            return Err(UriError::LateAt);
        }
        let (user_info, hosts) = match authority.rsplit_once('@') {
            Some((_, "")) => return Err(UriError::EmptyHost),
            Some((user_info, hosts)) => (Some(user_info), hosts),
            None => (None, authority),
        };
        let (username, password) = user_info.map_or(Ok((None, None)), parse_user_info)?;
        let hosts = match hosts {
            "" => Vec::new(),
            hosts if hosts.split(',').nth(MAX_HOSTS).is_some() => return Err(UriError::TooManyHosts),
            hosts => hosts.split(',').map(host::parse).collect::<Result<_, _>>()?,
        };
        let path = (!path.is_empty()).then(|| path.to_owned());
        let parameters = query.map_or(Ok(Vec::new()), parse_query)?;
        Ok(Self { scheme: scheme.to_ascii_lowercase(), username, password, hosts, path, parameters })
    }

    /// The URI of these parts with everything in it.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{}://", self.scheme);
        if self.username.is_some() || self.password.is_some() {
            encode(self.username.as_deref().unwrap_or_default(), &mut text);
            if let Some(password) = &self.password {
                text.push(':');
                encode(password.expose(), &mut text);
            }
            text.push('@');
        }
        self.write_hosts_and_path(&mut text);
        self.write_query(&mut text, encode, encode);
        text
    }

    /// The URI of these parts with `…` for user name, password, the values of parameters, and parameters without value,
    /// which may be tokens.
    pub(super) fn to_masked(&self) -> String {
        let mut text = format!("{}://", self.scheme);
        if self.username.is_some() || self.password.is_some() {
            text.push_str(MASK);
            text.push('@');
        }
        self.write_hosts_and_path(&mut text);
        let mask = |_: &str, text: &mut String| text.push_str(MASK);
        self.write_query(&mut text, mask, mask);
        text
    }

    fn write_hosts_and_path(&self, text: &mut String) {
        for (index, UriHost { host, port }) in self.hosts.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            host::write(host, text);
            if let Some(port) = port {
                text.push_str(&format!(":{port}"));
            }
        }
        text.push_str(self.path.as_deref().unwrap_or_default());
    }

    /// Writes the parameters; `write_flag` writes the name of one without value.
    fn write_query(
        &self,
        text: &mut String,
        write_flag: impl Fn(&str, &mut String),
        write_value: impl Fn(&str, &mut String),
    ) {
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            if value.is_empty() {
                write_flag(name, text);
            } else {
                encode(name, text);
                text.push('=');
                write_value(value, text);
            }
        }
    }
}

impl fmt::Debug for UriParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_masked())
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A user name and a password, either of which may be missing.
type UserInfo = (Option<String>, Option<Secret>);

fn parse_user_info(text: &str) -> Result<UserInfo, UriError> {
    let (username, password) = text.split_once(':').unwrap_or((text, ""));
    let username = decode(username, UriPart::User)?;
    let password = decode(password, UriPart::Password)?;
    let password = (!password.is_empty()).then(|| Secret::new(password));
    Ok(((!username.is_empty()).then_some(username), password))
}

fn parse_query(text: &str) -> Result<Vec<(String, String)>, UriError> {
    let mut parameters = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name, UriPart::Query)?;
        if name.is_empty() {
            return Err(UriError::NoParameterName);
        }
        parameters.push((name, decode(value, UriPart::Query)?));
    }
    Ok(parameters)
}
