//! SPDX licence expressions, as far as crates use them: names, `WITH`, `AND`, `OR` (also the old `/`), parentheses.

use anyhow::{Context as _, Result, ensure};

/// Whether one may choose licences out of `allowed` that satisfy the expression.
pub(super) fn allows(expression: &str, allowed: &[&str]) -> Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let answer = parser.either().with_context(|| format!("licence expression `{expression}`"))?;
    ensure!(parser.words.is_empty(), "licence expression `{expression}` goes on after its end");
    Ok(answer)
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        let there = self.words.first() == Some(&word);
        if there {
            self.words = &self.words[1..];
        }
        there
    }

    fn either(&mut self) -> Result<bool> {
        let mut fine = self.both()?;
        while self.take("OR") {
            // Not `||`: the rest must be read in any case.
            fine |= self.both()?;
        }
        Ok(fine)
    }

    fn both(&mut self) -> Result<bool> {
        let mut fine = self.one()?;
        while self.take("AND") {
            fine &= self.one()?;
        }
        Ok(fine)
    }

    fn one(&mut self) -> Result<bool> {
        if self.take("(") {
            let fine = self.either()?;
            ensure!(self.take(")"), "a parenthesis stays open");
            return Ok(fine);
        }
        let (name, rest) = self.words.split_first().context("a licence is missing")?;
        self.words = rest;
        if !self.take("WITH") {
            return Ok(self.allowed.contains(name));
        }
        let (exception, rest) = self.words.split_first().context("an exception is missing")?;
        self.words = rest;
        let whole = format!("{name} WITH {exception}");
        Ok(self.allowed.contains(&whole.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"];
        for (expression, fine) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("MIT/GPL-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("GPL-3.0 AND MIT OR ISC", true),
            ("ISC AND (Apache-2.0 OR GPL-3.0)", true),
            ("GPL-3.0 WITH LLVM-exception", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ] {
            assert_eq!(allows(expression, &allowed).unwrap(), fine, "{expression}");
        }
        for broken in ["", "MIT OR", "(MIT", "MIT MIT", "MIT WITH"] {
            assert!(allows(broken, &allowed).is_err(), "{broken}");
        }
    }
}
