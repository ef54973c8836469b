//! Medians, and how they are printed.

use std::borrow::Cow;

/// What one contender took, run by run.
pub(crate) struct Series {
    pub(crate) name: Cow<'static, str>,
    pub(crate) values: Vec<f64>,
}

impl Series {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            values: Vec::new(),
        }
    }

    pub(crate) fn median(&self) -> f64 {
        median(self.values.clone())
    }

    /// The smallest and the largest value.
    pub(crate) fn spread(&self) -> (f64, f64) {
        self.values
            .iter()
            .fold((f64::INFINITY, 0.0), |(low, high), value| {
                (value.min(low), value.max(high))
            })
    }

    /// The median of the quotients of runs that stood side by side: what disturbs both is left out.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        let quotients = self.values.iter().zip(&other.values);
        median(quotients.map(|(own, other)| own / other).collect())
    }
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => f64::midpoint(values[middle - 1], *value),
        (None, _) => f64::NAN,
    }
}

/// The line that a goal is held against.
pub(crate) fn print_ratio(key: &str, value: f64) {
    println!("ratio {key} {value:.3}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_ratio_compares_runs_that_stood_side_by_side() {
        let (mut own, mut other) = (Series::new("own"), Series::new("other"));
        own.values = vec![1.0, 100.0, 3.0];
        other.values = vec![2.0, 200.0, 1.0];
        assert_eq!(own.ratio_to(&other), 0.5);
    }
}
