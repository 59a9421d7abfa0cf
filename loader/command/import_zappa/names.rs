//! Dotted paths of Python to plugins and handlers: a module becomes a plugin, a function its handler.

/// Every module and function that was met, in order, over all stages: a name means the same in each.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) plugins: Vec<Plugin>,
}

/// A plugin that has to be written.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) module: String,
    /// By name, with the function that each stands for.
    pub(super) handlers: Vec<(String, String)>,
}

impl Names {
    /// The plugin and handler for `package.module.function`.
    pub(super) fn target(&mut self, path: &str) -> Option<(String, String)> {
        let (module, function) = path.trim().rsplit_once('.')?;
        let dotted = |text: &str| text.split('.').all(|part| !part.is_empty() && part.chars().all(is_identifier));
        if !dotted(module) || !dotted(function) {
            return None;
        }
        let index = match self.plugins.iter().position(|plugin| plugin.module == module) {
            Some(index) => index,
            None => {
                let name = free(&snake(module), |name| self.plugins.iter().any(|plugin| plugin.name == name));
                self.plugins.push(Plugin { name, module: module.to_owned(), handlers: Vec::new() });
                self.plugins.len() - 1
            }
        };
        let plugin = self.plugins.get_mut(index)?;
        let handler = match plugin.handlers.iter().find(|(_, known)| known == function) {
            Some((handler, _)) => handler.clone(),
            None => {
                let handler = free(&snake(function), |name| plugin.handlers.iter().any(|(known, _)| known == name));
                plugin.handlers.push((handler.clone(), function.to_owned()));
                handler
            }
        };
        Some((plugin.name.clone(), handler))
    }
}

fn is_identifier(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// `base`, or the first of `base_2`, `base_3`, … that is not taken.
pub(super) fn free(base: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(base) {
        return base.to_owned();
    }
    let numbered = (2_usize..).map(|number| format!("{base}_{number}"));
    numbered.into_iter().find(|name| !taken(name)).unwrap_or_default()
}

/// A name that plugins, handlers, routes and stages may have: `my_app.tasks` is `my_app_tasks`, `onMessage` is `on_message`.
pub(super) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut before = '_';
    for character in text.chars() {
        if character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            name.push('_');
        }
        match character.to_ascii_lowercase() {
            fine if fine.is_ascii_alphanumeric() || fine == '-' => name.push(fine),
            _ if name.ends_with('_') => {}
            _ => name.push('_'),
        }
        before = character;
    }
    let name = name.trim_matches(['_', '-']);
    if name.starts_with(|first: char| first.is_ascii_lowercase()) { name.to_owned() } else { format!("x{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_manifest_takes() {
        for (text, expected) in [
            ("my_app.tasks", "my_app_tasks"),
            ("onMessage", "on_message"),
            ("HTTPServer2Go", "httpserver2_go"),
            ("__init__", "init"),
            ("2fast", "x2fast"),
            ("größe", "gr_e"),
            ("dev-api", "dev-api"),
            ("", "x"),
        ] {
            assert_eq!(snake(text), expected, "{text}");
            assert!(crate::policy::name::is_name(&snake(text)), "{text}");
        }
    }

    #[test]
    fn two_things_never_get_one_name() {
        let mut names = Names::default();
        let target = |(plugin, handler): (&str, &str)| Some((plugin.to_owned(), handler.to_owned()));
        assert_eq!(names.target("a.b.run"), target(("a_b", "run")));
        assert_eq!(names.target("a_b.run"), target(("a_b_2", "run")));
        assert_eq!(names.target("a.b.Run"), target(("a_b", "run_2")));
        assert_eq!(names.target("a.b.run"), target(("a_b", "run")));
        for wrong in ["run", "a..run", "a.run()", "", ".run", "a.", "a b.c"] {
            assert_eq!(names.target(wrong), None, "{wrong}");
        }
    }
}
