//! In which order routes are tried, and which of them cannot stand beside each other.

use super::condition::{Condition, Relation};
use super::matching::Match;
use super::source::Selector;
use super::wheres;

/// Two routes of which neither is the more specific.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The index of the one.
    pub first: usize,
    /// The index of the other, which is larger.
    pub second: usize,
    /// Why: in lower case, without a final stop.
    pub why: String,
}

/// The order in which routes are tried, as indices into `matches`: of two that overlap, the one that lies within the other comes
/// first; where nothing decides, the order is kept.
///
/// Of HTTP routes the first of these decides in which they differ: a single source before `http`; resource and stage; host; path;
/// method. Of all others every key counts alike.
///
/// # Errors
/// Two routes that overlap while neither lies within the other, or that take the same.
pub fn order(matches: &[Match]) -> Result<Vec<usize>, Conflict> {
    // Of each route, those that must come before it.
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); matches.len()];
    for (second, two) in matches.iter().enumerate() {
        for (first, one) in matches.iter().enumerate().take(second) {
            if quickly_apart(one, two) {
                continue;
            }
            let keys = compare(one, two);
            let (earlier, later) = match decide(&keys) {
                Relation::Apart => continue,
                Relation::Within => (first, second),
                Relation::Around => (second, first),
                Relation::Same | Relation::Across => return Err(Conflict { first, second, why: why(&keys) }),
            };
            if let Some(list) = before.get_mut(later) {
                list.push(earlier);
            }
        }
    }
    // There are no circles: each deciding key compares by inclusion, or by one order over all paths.
    let mut order = Vec::with_capacity(matches.len());
    let mut placed = vec![false; matches.len()];
    let mut start = 0;
    while order.len() < matches.len() {
        let is_placed = |index: &usize| placed.get(*index).copied().unwrap_or(true);
        // All before are placed.
        while start < matches.len() && is_placed(&start) {
            start += 1;
        }
        let ready = (start..matches.len())
            .find(|index| !is_placed(index) && before.get(*index).is_some_and(|list| list.iter().all(is_placed)));
        let Some(ready) = ready else {
            let mut stuck = (0..matches.len()).filter(|index| !is_placed(index));
            let (first, second) = (stuck.next().unwrap_or_default(), stuck.next().unwrap_or_default());
            return Err(Conflict { first, second, why: "each is to be tried before the other".into() });
        };
        order.push(ready);
        placed.get_mut(ready).into_iter().for_each(|cell| *cell = true);
    }
    Ok(order)
}

/// Whether one look at what both have is enough: of a thousand routes, nearly all half a million pairs.
fn quickly_apart(one: &Match, two: &Match) -> bool {
    let alone = one.selector != two.selector && !(one.selector.is_http() && two.selector.is_http());
    let differ = |(name, condition): &(&'static str, Condition)| {
        two.condition(name).is_some_and(|other| Condition::relation(condition, other) == Relation::Apart)
    };
    alone || one.conditions.iter().any(differ)
}

/// A deciding step of the comparison: the relations of its keys. Later steps only count where all earlier ones are the same.
type Step = Vec<(&'static str, Relation)>;

fn compare(one: &Match, two: &Match) -> Vec<Step> {
    let source = match (one.selector, two.selector) {
        (one, two) if one == two => Relation::Same,
        (Selector::One(source), Selector::Http) if source.is_http() => Relation::Within,
        (Selector::Http, Selector::One(source)) if source.is_http() => Relation::Around,
        _ => return vec![vec![("source", Relation::Apart)]],
    };
    let key = |name: &'static str| {
        let relation = match (one.condition(name), two.condition(name)) {
            (Some(one), Some(two)) => Condition::relation(one, two),
            (one, two) => only(one.is_some(), two.is_some()),
        };
        (name, relation)
    };
    let resource = match (&one.resource, &two.resource) {
        (Some(one), Some(two)) => Relation::of(one.contains(two), two.contains(one), || one.intersects(two)),
        (one, two) => only(one.is_some(), two.is_some()),
    };
    if one.selector.is_http() {
        return vec![
            vec![("source", source)],
            vec![("resource", resource), key("stage")],
            vec![key("host")],
            vec![key("path")],
            vec![key("method")],
        ];
    }
    let mut names: Vec<&'static str> = one.conditions.iter().chain(&two.conditions).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let mut all = vec![("resource", resource)];
    all.extend(names.into_iter().map(key));
    all.push(("where", wheres::relation(&one.wheres, &two.wheres)));
    vec![all]
}

/// Of a key that not both routes have: whoever has it takes less.
fn only(one: bool, two: bool) -> Relation {
    Relation::of(!one, !two, || false)
}

fn decide(steps: &[Step]) -> Relation {
    let relations = || steps.iter().map(|step| step.iter().fold(Relation::Same, |sum, (_, relation)| sum.and(*relation)));
    if relations().any(|relation| relation == Relation::Apart) {
        return Relation::Apart;
    }
    relations().find(|relation| *relation != Relation::Same).unwrap_or(Relation::Same)
}

fn why(steps: &[Step]) -> String {
    let names = |wanted: Relation| {
        let names = steps.iter().flatten().filter(|(_, relation)| *relation == wanted).map(|(name, _)| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    };
    match (decide(steps), names(Relation::Across).as_str()) {
        (Relation::Same, _) => "they take the same events".into(),
        (_, "") => {
            let (first, second) = (names(Relation::Within), names(Relation::Around));
            format!("they overlap and neither lies within the other: the first takes less by {first}, the second by {second}")
        }
        (_, across) => format!("they overlap and neither lies within the other by {across}"),
    }
}

#[cfg(test)]
mod tests;
