//! Settings in layers: defaults, a TOML text, single values.

use crate::Error;

/// `a.b=value` as a table; a value that is no TOML is taken as text.
pub(crate) fn parse_single(setting: &str) -> Result<toml::Table, Error> {
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| Error::Settings(format!("'{setting}' is not KEY=VALUE")))?;
    let quoted = toml::Value::String(value.to_owned());
    format!("{key} = {value}")
        .parse()
        .or_else(|_| format!("{key} = {quoted}").parse())
        .map_err(|e: toml::de::Error| Error::Settings(format!("'{setting}': {e}")))
}

/// Lays one table over another.
pub(crate) fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(b)), toml::Value::Table(o)) => merge(b, o),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
