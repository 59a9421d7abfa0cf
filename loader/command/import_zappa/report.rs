//! What the manifest does not say: settings without a counterpart, and what the reader has to look at.

/// What is to be told, each once, with the stages that it is true of.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) notes: Vec<Note>,
}

/// One line.
#[derive(Debug, PartialEq)]
pub(super) struct Note {
    pub(super) kind: Kind,
    /// The setting or the entry of the manifest.
    pub(super) what: String,
    pub(super) why: String,
    pub(super) stages: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is in the manifest, and there is something to do.
    Check,
    /// It is not in the manifest.
    LeftOut,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Kind::Check => "check",
            Kind::LeftOut => "left out",
        }
    }
}

impl Report {
    pub(super) fn check(&mut self, stage: &str, what: impl Into<String>, why: impl Into<String>) {
        self.add(Kind::Check, stage, what.into(), why.into());
    }

    pub(super) fn left_out(&mut self, stage: &str, what: impl Into<String>, why: impl Into<String>) {
        self.add(Kind::LeftOut, stage, what.into(), why.into());
    }

    fn add(&mut self, kind: Kind, stage: &str, what: String, why: String) {
        let known = self.notes.iter_mut().find(|note| note.kind == kind && note.what == what && note.why == why);
        match known {
            Some(note) if note.stages.iter().any(|known| known == stage) => {}
            Some(note) => note.stages.push(stage.to_owned()),
            None => self.notes.push(Note { kind, what, why, stages: vec![stage.to_owned()] }),
        }
    }
}
