//! Which address stands for what.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Uri;
use percent_encoding::percent_decode_str;

/// What an address stands for. The number is that of the entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    DataLayout,
    Notification,
    Record(usize),
    SetJob(usize),
    SetSharedKey(usize),
    SyncTotal,
    /// One page, by its text: whether it is a number is a matter of the answer.
    SyncPage(String),
}

/// All addresses, as lists of decoded segments. Empty segments do not count: DSYNC's own software asks
/// for `//datalayout`. `.` and `..` are names like any other, and so are found nowhere.
#[derive(Debug)]
pub(crate) struct Routes {
    base: Vec<String>,
    sync: Vec<String>,
    fixed: HashMap<Vec<String>, Route>,
    /// The same addresses as they are usually written, for a look before a path is taken apart.
    usual: HashMap<String, Route>,
}

/// Two things at one address, or an address that is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RouteProblem {
    NoPath,
    Taken,
}

impl Routes {
    pub(crate) fn new(base: &str, sync: &str) -> Option<Self> {
        let is_path = |path: &str| {
            let is_dots = |segment: &str| matches!(segment, "." | "..");
            !path.contains(['?', '#', ' ', ':']) && !path.split('/').any(is_dots)
        };
        if !is_path(base) || !is_path(sync) {
            return None;
        }
        let (base, sync) = (segments(base)?, segments(sync)?);
        let mut routes = Self {
            base,
            sync,
            fixed: HashMap::new(),
            usual: HashMap::new(),
        };
        let mut total = routes.sync.clone();
        total.push("total".to_owned());
        for (path, route) in [
            (vec!["datalayout".to_owned()], Route::DataLayout),
            (vec!["notification".to_owned()], Route::Notification),
            (total, Route::SyncTotal),
        ] {
            routes.add(path, route).ok()?;
        }
        Some(routes)
    }

    /// Adds an entity at its `endpoint_url`: a path below the base, or an absolute address, whose whole
    /// path it is.
    pub(crate) fn add_entity(&mut self, url: &str, entity: usize) -> Result<(), RouteProblem> {
        let path = match url.parse::<Uri>() {
            Ok(uri) if uri.scheme().is_some() => Cow::Owned(uri.path().to_owned()),
            _ => Cow::Borrowed(url.split(['?', '#']).next().unwrap_or_default()),
        };
        let segments = segments(&path).ok_or(RouteProblem::NoPath)?;
        // An absolute address may have the base in it, a relative one has not.
        let segments = match segments.strip_prefix(&*self.base) {
            Some(rest) if !rest.is_empty() => rest.to_vec(),
            _ => segments,
        };
        if segments.is_empty() {
            return Err(RouteProblem::NoPath);
        }
        let is_page = segments
            .strip_prefix(&*self.sync)
            .is_some_and(|rest| matches!(rest, [items, _] if items == "items"));
        if is_page {
            return Err(RouteProblem::Taken);
        }
        let below = |name: &str| {
            let mut path = segments.clone();
            path.push(name.to_owned());
            path
        };
        for (path, route) in [
            (below("set_job"), Route::SetJob(entity)),
            (below("set_sharedkey"), Route::SetSharedKey(entity)),
            (segments.clone(), Route::Record(entity)),
        ] {
            self.add(path, route)?;
        }
        Ok(())
    }

    fn add(&mut self, path: Vec<String>, route: Route) -> Result<(), RouteProblem> {
        let is_usual = |segment: &String| {
            segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if path.iter().chain(&self.base).all(is_usual) {
            let below = format!("/{}", path.join("/"));
            let base: String = self
                .base
                .iter()
                .map(|segment| format!("/{segment}"))
                .collect();
            self.usual.insert(format!("{base}{below}"), route.clone());
            // With the base goes before without, as in `find`.
            self.usual.entry(below).or_insert_with(|| route.clone());
        }
        match self.fixed.insert(path, route) {
            Some(_) => Err(RouteProblem::Taken),
            None => Ok(()),
        }
    }

    /// What a request's path stands for, with the base or, where a router has taken it away, without.
    pub(crate) fn find(&self, path: &str) -> Option<Route> {
        if let Some(route) = self.usual.get(path) {
            return Some(route.clone());
        }
        let segments = segments(path)?;
        let without_base = segments.strip_prefix(&*self.base);
        [without_base, Some(&*segments)]
            .into_iter()
            .flatten()
            .find_map(|path| self.find_segments(path))
    }

    fn find_segments(&self, path: &[String]) -> Option<Route> {
        if let Some(route) = self.fixed.get(path) {
            return Some(route.clone());
        }
        match path.strip_prefix(&*self.sync)? {
            [items, page] if items == "items" => Some(Route::SyncPage(page.clone())),
            _ => None,
        }
    }
}

/// The segments of a path that are not empty, decoded; nothing where one is no UTF-8.
fn segments(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8().ok()?;
            Some(decoded.into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let mut routes = Routes::new("/dsync/", "sync").unwrap();
        routes.add_entity("/entity/product", 0).unwrap();
        routes
            .add_entity("https://shop.example/dsync/entity/order", 1)
            .unwrap();
        routes.add_entity("/entity/größe", 2).unwrap();
        routes
    }

    #[test]
    fn an_address_is_found_with_and_without_the_base() {
        for (path, route) in [
            ("/datalayout", Route::DataLayout),
            ("//datalayout", Route::DataLayout),
            ("/dsync//datalayout/", Route::DataLayout),
            ("/entity/product", Route::Record(0)),
            ("/dsync/entity/product/set_job", Route::SetJob(0)),
            ("/dsync/entity/order", Route::Record(1)),
            ("/entity/order/set_sharedkey", Route::SetSharedKey(1)),
            ("/entity/gr%C3%B6%C3%9Fe", Route::Record(2)),
            ("/entity/pr%6Fduct", Route::Record(0)),
            ("/sync/total", Route::SyncTotal),
            ("/sync/items/7", Route::SyncPage("7".to_owned())),
            ("/notification", Route::Notification),
        ] {
            assert_eq!(routes().find(path), Some(route), "{path}");
        }
    }

    #[test]
    fn tricks_lead_nowhere() {
        for path in [
            "/",
            "",
            "*",
            "/entity",
            "/entity/product/../order",
            "/entity/./product",
            "/entity%2Fproduct",
            "/entity/product%00",
            "/entity/%ff",
            "/entity/Product",
            "/sync/items",
            "/sync/items/1/2",
            "/dsync/dsync/datalayout",
        ] {
            assert_eq!(routes().find(path), None, "{path}");
        }
    }

    #[test]
    fn a_base_is_a_path() {
        for base in [
            "https://shop.example/dsync",
            "/a?b",
            "/a#b",
            "/a b",
            "/a/../b",
            "/%ff",
        ] {
            assert!(Routes::new(base, "sync").is_none(), "{base}");
            assert!(Routes::new("/", base).is_none(), "{base}");
        }
    }

    #[test]
    fn two_things_at_one_address_are_a_mistake() {
        for (url, problem) in [
            ("/entity/product", RouteProblem::Taken),
            ("/entity//product/", RouteProblem::Taken),
            ("/datalayout", RouteProblem::Taken),
            ("/notification", RouteProblem::Taken),
            ("/sync/total", RouteProblem::Taken),
            ("/sync/items/product", RouteProblem::Taken),
            ("/entity/product/set_job", RouteProblem::Taken),
            ("/", RouteProblem::NoPath),
            ("https://shop.example", RouteProblem::NoPath),
        ] {
            assert_eq!(routes().add_entity(url, 9), Err(problem), "{url}");
        }
    }
}
