//! Groups, and what can be a group or a dataset.

use hdf5_reader::Attribute;
use hdf5_reader::error::Error as H5Error;

use super::{Dataset, Store, links};
use crate::error::{Error, Fault};

/// Groups nested deeper than this are refused.
const MAX_DEPTH: usize = 64;

/// A group or a dataset.
pub(crate) enum Node<'s> {
    Group(Group<'s>),
    Dataset(Dataset<'s>),
}

impl<'s> Node<'s> {
    pub fn path(&self) -> &str {
        match self {
            Self::Group(g) => &g.path,
            Self::Dataset(d) => &d.path,
        }
    }

    pub fn store(&self) -> &'s Store {
        match self {
            Self::Group(g) => g.store,
            Self::Dataset(d) => d.store,
        }
    }

    pub fn attr(&self, name: &str) -> Option<&Attribute> {
        match self {
            Self::Group(g) => g.attr(name),
            Self::Dataset(d) => d.attr(name),
        }
    }

    pub fn fault(&self, fault: Fault, reason: impl Into<String>) -> Error {
        self.store().fault(self.path(), fault, reason)
    }
}

/// A group, with its attributes.
pub(crate) struct Group<'s> {
    pub store: &'s Store,
    pub path: String,
    inner: hdf5_reader::group::Group,
    attrs: Vec<Attribute>,
    /// Addresses of the groups on the way here, this one last.
    ancestors: Vec<u64>,
}

impl<'s> Group<'s> {
    pub(super) fn new(
        store: &'s Store,
        inner: hdf5_reader::group::Group,
        path: String,
        mut ancestors: Vec<u64>,
    ) -> Result<Self, Error> {
        store.count_object(&path)?;
        if ancestors.contains(&inner.address()) {
            let reason = "the group contains itself";
            return Err(store.fault(&path, Fault::Link, reason));
        }
        if ancestors.len() > MAX_DEPTH {
            let reason = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(store.fault(&path, Fault::TooLarge, reason));
        }
        ancestors.push(inner.address());
        let attrs = inner.attributes().map_err(|e| store.h5(&path, e))?;
        Ok(Self {
            store,
            path,
            inner,
            attrs,
            ancestors,
        })
    }

    pub fn attr(&self, name: &str) -> Option<&Attribute> {
        self.attrs.iter().find(|a| a.name == name)
    }

    pub fn fault(&self, fault: Fault, reason: impl Into<String>) -> Error {
        self.store.fault(&self.path, fault, reason)
    }

    pub fn child_path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        }
    }

    /// Names of the members, links that lead nowhere included.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let h5 = |e| self.store.h5(&self.path, e);
        let (mut names, datasets) = self.inner.member_names().map_err(h5)?;
        names.extend(datasets);
        for link in links::names(&self.store.file, &self.inner).map_err(h5)? {
            if !names.contains(&link) {
                names.push(link);
            }
        }
        Ok(names)
    }

    /// A member, `None` if there is none of that name; `a/b` is the member `b` of `a`.
    pub fn get(&self, name: &str) -> Result<Option<Node<'s>>, Error> {
        if let Some((first, rest)) = name.split_once('/') {
            return match self.get(first)? {
                Some(Node::Group(g)) => g.get(rest),
                _ => Ok(None),
            };
        }
        self.get_direct(name)
    }

    fn get_direct(&self, name: &str) -> Result<Option<Node<'s>>, Error> {
        let path = self.child_path(name);
        self.store.external.take();
        let h5 = |e| self.store.h5(&path, e);
        match self.inner.dataset(name) {
            Ok(inner) => {
                return Dataset::new(self.store, inner, path).map(|d| Some(Node::Dataset(d)));
            }
            Err(H5Error::DatasetNotFound(_)) => {}
            Err(e) => return Err(h5(e)),
        }
        if let Some(target) = self.store.external.take() {
            let reason = format!("is an external link to '{target}', which is refused");
            return Err(self.store.fault(&path, Fault::Link, reason));
        }
        let h5 = |e| self.store.h5(&path, e);
        match self.inner.group(name) {
            Ok(inner) => Group::new(self.store, inner, path, self.ancestors.clone())
                .map(|g| Some(Node::Group(g))),
            Err(H5Error::GroupNotFound(_)) => {
                if links::names(&self.store.file, &self.inner)
                    .map_err(h5)?
                    .iter()
                    .any(|l| l == name)
                {
                    let reason = "is a link that leads nowhere or in a circle";
                    return Err(self.store.fault(&path, Fault::Link, reason));
                }
                Ok(None)
            }
            Err(e) => Err(h5(e)),
        }
    }

    /// A member that must be there.
    pub fn require(&self, name: &str) -> Result<Node<'s>, Error> {
        self.get(name)?.ok_or_else(|| {
            self.store
                .fault(&self.child_path(name), Fault::Missing, "is missing")
        })
    }

    /// A member group, `None` if there is none of that name.
    pub fn group(&self, name: &str) -> Result<Option<Group<'s>>, Error> {
        match self.get(name)? {
            None => Ok(None),
            Some(Node::Group(g)) => Ok(Some(g)),
            Some(Node::Dataset(d)) => {
                Err(d.fault(Fault::WrongType, "is a dataset, a group is expected"))
            }
        }
    }

    /// A member dataset that must be there.
    pub fn dataset(&self, name: &str) -> Result<Dataset<'s>, Error> {
        match self.require(name)? {
            Node::Dataset(d) => Ok(d),
            Node::Group(g) => Err(g.fault(Fault::WrongType, "is a group, a dataset is expected")),
        }
    }
}
