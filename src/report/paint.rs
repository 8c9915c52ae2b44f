//! Colour, where it is wanted and nowhere else.

use std::fmt::Display;

use clap::ValueEnum;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// A heading.
    Bold,
    /// What matters less.
    Dim,
    /// Success.
    Green,
    /// Failure.
    Red,
    /// Look here.
    Yellow,
    /// Something to copy.
    Cyan,
}

/// Whether one stream shows colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For a stream that is a terminal or not.
    pub(crate) fn new(when: ColorWhen, terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => terminal && !refused,
        })
    }

    /// Text in this ink.
    pub(crate) fn ink(self, ink: Ink, text: impl Display) -> String {
        if !self.0 {
            return text.to_string();
        }
        let number = match ink {
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Green => 32,
            Ink::Red => 31,
            Ink::Yellow => 33,
            Ink::Cyan => 36,
        };
        format!("\x1b[{number}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_byte_without_a_terminal_unless_asked_for() {
        assert_eq!(Paint::new(ColorWhen::Auto, false).ink(Ink::Red, "x"), "x");
        assert_eq!(Paint::new(ColorWhen::Never, true).ink(Ink::Red, "x"), "x");
        assert_eq!(Paint::new(ColorWhen::Always, false).ink(Ink::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
