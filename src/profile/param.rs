//! Settings of a profile and their values at a device.
//!
//! Owns how a value comes about: what the site sets, else what another parameter decides, else the plain default. Knows
//! nothing of the site's text.

use std::collections::BTreeMap;

use crate::model::id::Id;
use crate::model::text::Text;
use crate::model::unit::Unit;
use crate::profile::Profile;

/// A setting of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name in `set = {..}` and in expressions.
    pub id: Id,
    /// What it is.
    pub name: Text,
    /// Unit.
    pub unit: Option<Unit>,
    /// Value unless the site says otherwise.
    pub default: f64,
    /// Another parameter that decides the default, with the default for each of its values.
    pub by: Option<(Id, Vec<(i64, f64)>)>,
    /// Accepted range.
    pub range: (f64, f64),
}

impl Profile {
    /// Values of all parameters, where `given` says what a site has set.
    #[must_use]
    pub fn settings(&self, given: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        settings(&self.params, given)
    }
}

fn settings(params: &[Param], given: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let mut values: BTreeMap<String, f64> = params.iter().map(|p| (p.id.as_str().to_owned(), p.default)).collect();
    values.extend(given.iter().map(|(id, value)| (id.clone(), *value)));
    for param in params.iter().filter(|p| !given.contains_key(p.id.as_str())) {
        let Some((by, table)) = &param.by else { continue };
        let Some(decides) = values.get(by.as_str()).copied() else { continue };
        // A class is a whole number; 1.0 and 1 are the same class.
        let found = table.iter().find(|(key, _)| (*key as f64 - decides).abs() < 0.5);
        if let Some((_, value)) = found {
            values.insert(param.id.as_str().to_owned(), *value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_decides_unless_the_site_does() {
        let param = |id: &str, default: f64, by: Option<(Id, Vec<(i64, f64)>)>| Param {
            id: Id::new(id).unwrap(),
            name: Text::same(id),
            unit: None,
            default,
            by,
            range: (0.0, 100.0),
        };
        let class = Id::new("class").unwrap();
        let border = param("border", 1.8, Some((class, vec![(1, 1.8), (2, 2.8)])));
        let params = [border, param("class", 1.0, None)];
        let check = |given: &[(&str, f64)], expect: f64| {
            let given = given.iter().map(|(id, v)| ((*id).to_owned(), *v)).collect();
            assert_eq!(settings(&params, &given)["border"].to_bits(), expect.to_bits(), "{given:?}");
        };
        check(&[], 1.8);
        check(&[("class", 2.0)], 2.8);
        check(&[("class", 2.0), ("border", 5.0)], 5.0);
        check(&[("class", 3.0)], 1.8); // no default for it: the plain one
    }
}
