//! The one table.

use crate::side::Side;

/// What a line's figures are.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Memory,
}

/// One measurement of both sides.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// The ratio that it must not exceed.
    pub(crate) most: f64,
    /// Each measured under one set of circumstances, both sides in turns.
    pub(crate) groups: Vec<[Vec<u64>; 2]>,
}

impl Unit {
    fn show(self, value: u64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let value = value as f64;
        match self {
            Unit::Time if value < 1e6 => format!("{:.1} us", value / 1e3),
            Unit::Time => format!("{:.2} ms", value / 1e6),
            Unit::Memory => format!("{:.2} MB", value / 1e6),
        }
    }
}

/// The value that `percent` of the values do not exceed.
fn percentile<T: Copy + PartialOrd + Default>(mut values: Vec<T>, percent: usize) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn ratio([a, b]: &[Vec<u64>; 2]) -> f64 {
    percentile(a.clone(), 50) as f64 / percentile(b.clone(), 50).max(1) as f64
}

/// Prints the table. The ratio is the median of the groups' ratios of medians; the quartiles say how far apart these are.
pub(crate) fn print(sides: &[Side; 2], lines: &[Line]) {
    let [a, b] = [sides[0].name, sides[1].name];
    println!();
    println!(
        "{:<32}{a:>14}{:>11}{b:>11}{:>11}{:>8}{:>12}{:>9}{:>8}",
        "medians", "p95", "p95", "ratio", "quartiles", "at most", "rounds"
    );
    for Line { name, unit, most, groups } in lines {
        let all = |side: usize| groups.iter().flat_map(|group| group[side].iter().copied()).collect::<Vec<_>>();
        let show = |side, percent| unit.show(percentile(all(side), percent));
        let ratios: Vec<_> = groups.iter().map(ratio).collect();
        let at = |percent| percentile(ratios.clone(), percent);
        let quartiles = format!("{:.2}-{:.2}", at(25), at(75));
        let most = if most.is_finite() { format!("{most:.2}") } else { String::new() };
        println!(
            "{name:<32}{:>14}{:>11}{:>11}{:>11}{:>8.2}{quartiles:>12}{most:>9}{:>8}",
            show(0, 50),
            show(0, 95),
            show(1, 50),
            show(1, 95),
            at(50),
            all(0).len()
        );
    }
    if sides[0].plugin > 0 {
        println!("\nplugin's file: {}", Unit::Memory.show(sides[0].plugin));
    }
}
