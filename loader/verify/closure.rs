//! The libraries of a manifest taken together: the order in which they are loaded, and that each of them is needed.

use std::collections::{HashMap, HashSet};

use super::Verified;
use crate::refusal::{Code, Refusal};

/// Indices of `libraries`, each behind those that it needs. Whatever is loaded before what it needs would have the dynamic linker look
/// for that in `LD_LIBRARY_PATH`.
///
/// # Errors
/// `library-cycle`, with a library of the circle as its place.
pub fn load_order(libraries: &[&Verified]) -> Result<Vec<usize>, Refusal> {
    let index: HashMap<&str, usize> = libraries.iter().enumerate().map(|(index, library)| (&*library.name, index)).collect();
    // One that needs itself has found itself.
    let needs = libraries.iter().enumerate().map(|(own, library)| {
        let needs = library.facts.needed.iter().filter_map(|name| index.get(&**name).copied());
        needs.filter(|needed| *needed != own).collect()
    });
    let mut waiting: Vec<(usize, HashSet<usize>)> = needs.enumerate().collect();
    let mut ordered = Vec::with_capacity(libraries.len());
    while !waiting.is_empty() {
        let ready: HashSet<usize> = waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(index, _)| *index).collect();
        if ready.is_empty() {
            return Err(circle(libraries, &waiting.into_iter().collect()));
        }
        waiting.retain(|(index, _)| !ready.contains(index));
        waiting.iter_mut().for_each(|(_, needs)| needs.retain(|needed| !ready.contains(needed)));
        let mut ready: Vec<usize> = ready.into_iter().collect();
        ready.sort_unstable();
        ordered.append(&mut ready);
    }
    Ok(ordered)
}

/// `waiting`: libraries of which each needs another one of them.
fn circle(libraries: &[&Verified], waiting: &HashMap<usize, HashSet<usize>>) -> Refusal {
    let mut path: Vec<usize> = Vec::new();
    let mut next = waiting.keys().min().copied();
    while let Some(index) = next.filter(|index| !path.contains(index)) {
        path.push(index);
        next = waiting.get(&index).and_then(|needs| needs.iter().min().copied());
    }
    let start = path.iter().position(|index| Some(*index) == next).unwrap_or_default();
    let all: Vec<&&Verified> = path.iter().skip(start).filter_map(|index| libraries.get(*index)).collect();
    let names: Vec<&str> = all.iter().skip(1).chain(all.first()).map(|library| &*library.name).collect();
    let place = all.first().map_or("libraries", |library| &*library.place);
    Refusal::new(Code::LibraryCycle, place, format!("it needs {}: a circle", names.join(", which needs ")))
        .hint("link the libraries of the circle into one")
}

/// Whether every library is needed: by a plugin, or by a library that is.
///
/// # Errors
/// `library-unused`, with the first that is not as its place.
pub fn check_used(libraries: &[&Verified], plugins: &[&Verified]) -> Result<(), Refusal> {
    let by_name: HashMap<&str, &Verified> = libraries.iter().map(|library| (&*library.name, *library)).collect();
    let mut used: HashSet<&str> = HashSet::new();
    let mut reached: Vec<&Verified> = plugins.to_vec();
    while let Some(file) = reached.pop() {
        let needed = file.facts.needed.iter().filter_map(|name| by_name.get(&**name));
        reached.extend(needed.filter(|library| used.insert(&library.name)));
    }
    match libraries.iter().find(|library| !used.contains(&*library.name)) {
        None => Ok(()),
        Some(unused) => {
            Err(Refusal::new(Code::LibraryUnused, &*unused.place, "no plugin needs it, by itself or through another library")
                .hint("take the entry out of `libraries`, or link the plugin with it"))
        }
    }
}
