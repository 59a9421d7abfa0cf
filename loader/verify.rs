//! A plan's artifacts to verified bytes: opened beneath a root, digest matched, ELF checked, sealed.
