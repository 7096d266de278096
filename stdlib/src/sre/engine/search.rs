//! Finding the place where a match starts.
use pyrt_runtime::text::Unit;
use pyrt_runtime::text::search::{Finder, find_unit};

use super::program::Prefix;
use super::run::{Interrupt, Matcher, Mode, Stop, literal_unit};

impl Matcher<'_> {
    /// Searches from `start` on. With `must_advance` an empty match at `start` does not count.
    ///
    /// An iterator over all matches goes on from the end of the last one, with `must_advance` if
    /// that was empty.
    pub fn search<U: Unit>(
        &mut self, text: &[U], start: usize, must_advance: bool, hook: &mut dyn FnMut() -> Result<(), Interrupt>,
    ) -> Result<bool, Stop> {
        self.reset();
        let program = self.program;
        // No match can start behind this.
        let Some(last) = text.len().checked_sub(program.min_width).filter(|last| *last >= start) else {
            return Ok(false);
        };
        if let Some(prefix) = &program.prefix {
            return self.search_prefix(text, start, must_advance, prefix, hook);
        }
        let Some(first) = &program.first else {
            for at in start..=last {
                self.poll(hook)?;
                if self.run(text, at, Mode::Prefix, must_advance && at == start, hook)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        };
        let mut at = start;
        loop {
            let Some(rest) = text.get(at..(last + 1).min(text.len())) else { return Ok(false) };
            let found = match first.single {
                Some(single) => literal_unit(single).and_then(|unit| find_unit(rest, unit)),
                None => rest.iter().position(|u| first.bitmap.get(u.code() as usize).copied().unwrap_or(first.wide)),
            };
            let Some(found) = found else { return Ok(false) };
            at += found;
            self.poll(hook)?;
            if self.run(text, at, Mode::Prefix, must_advance && at == start, hook)? {
                return Ok(true);
            }
            at += 1;
        }
    }

    fn search_prefix<U: Unit>(
        &mut self, text: &[U], start: usize, must_advance: bool, prefix: &Prefix,
        hook: &mut dyn FnMut() -> Result<(), Interrupt>,
    ) -> Result<bool, Stop> {
        let wide: Vec<U>;
        let finder;
        let find: &dyn Fn(usize) -> Option<usize> = match (&prefix.bytes, U::as_bytes(text)) {
            (Some(bytes), Some(hay)) => {
                &|from| hay.get(from..).and_then(|rest| bytes.find(rest)).map(|found| from + found)
            }
            _ => {
                let Some(codes) = prefix.codes.iter().map(|c| literal_unit(*c)).collect::<Option<Vec<U>>>() else {
                    return Ok(false);
                };
                wide = codes;
                finder = Finder::new(&wide);
                &|from| finder.find(text, from)
            }
        };
        let mut from = start;
        while let Some(at) = find(from) {
            if prefix.whole {
                (self.start, self.end) = (at, at + prefix.codes.len());
                return Ok(true);
            }
            self.poll(hook)?;
            if self.run(text, at, Mode::Prefix, must_advance && at == start, hook)? {
                return Ok(true);
            }
            from = at + 1;
        }
        Ok(false)
    }
}
