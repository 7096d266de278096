//! String literals, f-strings and t-strings.

use super::{Diagnosis, Memo, Miss, Rule, token_span};
use crate::syntax::ast::{Constant, ExprKind, ExprRef};
use crate::syntax::tokenizer::TokenKind as T;

/// The f-string or t-string whose fields are read.
#[derive(Clone, Copy, Default)]
pub(super) struct InnerString {
    is_template: bool,
    is_raw: bool,
}

impl InnerString {
    pub(super) fn letter(self) -> char {
        if self.is_template { 't' } else { 'f' }
    }
}

impl<'a> Diagnosis<'a, '_> {
    pub(super) fn strings(&mut self) -> Rule<ExprRef<'a>> {
        self.memoized(Memo::Strings, |d| {
            d.mistake(Self::invalid_concatenation)?;
            let start = d.start()?;
            if let Some(pieces) = d.opt(|d| d.some(Self::string_or_f_string))? {
                let value = d.checked_concatenation(&pieces)?;
                if pieces.iter().any(|piece| matches!(piece.kind, ExprKind::JoinedStr { .. })) {
                    return Ok(d.node(ExprKind::JoinedStr { values: &[] }, start));
                }
                return Ok(d.node(ExprKind::Constant { value, kind: None }, start));
            }
            d.some(|d| d.interpolated_string(T::TStringStart))?;
            Ok(d.node(ExprKind::TemplateStr { values: &[] }, start))
        })
    }

    /// Bytes stand beside bytes only.
    fn checked_concatenation(&mut self, pieces: &[ExprRef<'a>]) -> Rule<Constant<'a>> {
        let is_bytes = |piece: &&ExprRef<'a>| {
            matches!(piece.kind, ExprKind::Constant { value: Constant::Bytes(_), .. })
        };
        match pieces.iter().filter(is_bytes).count() {
            0 => Ok(Constant::Str(b"")),
            count if count == pieces.len() => Ok(Constant::Bytes(b"")),
            _ => self.raise_last("cannot mix bytes and nonbytes literals"),
        }
    }

    fn string_or_f_string(&mut self) -> Rule<ExprRef<'a>> {
        match self.peek()? {
            T::String => {
                let token = self.parser.take();
                self.parser.plain_string(token).map_err(|_| Miss::Raised)
            }
            _ => self.interpolated_string(T::FStringStart),
        }
    }

    fn invalid_concatenation(&mut self) -> Rule<()> {
        const MIXED: &str = "cannot mix t-string literals with string or bytes literals";
        self.alt(|d| {
            let pieces = d.some(Self::string_or_f_string)?;
            let template = d.interpolated_string(T::TStringStart)?;
            let last = pieces.last().map_or(template.span, |piece| piece.span);
            d.raise_range(last, template.span, MIXED)
        })?;
        self.alt(|d| {
            let templates = d.some(|d| d.interpolated_string(T::TStringStart))?;
            let string = d.string_or_f_string()?;
            let last = templates.last().map_or(string.span, |piece| piece.span);
            d.raise_range(last, string.span, MIXED)
        })
    }

    /// One f-string or t-string.
    fn interpolated_string(&mut self, opening: T) -> Rule<ExprRef<'a>> {
        let start = self.start()?;
        let opening_token = self.tok(opening)?;
        let is_raw = self.parser.stream.text(opening_token).bytes().any(|c| c | 0x20 == b'r');
        let outer = std::mem::replace(&mut self.string, InnerString { is_template: opening == T::TStringStart, is_raw });
        let result = self.string_after_opening(opening, start);
        self.string = outer;
        result
    }

    fn string_after_opening(&mut self, opening: T, start: (u32, u32)) -> Rule<ExprRef<'a>> {
        let is_raw = self.string.is_raw;
        let (middle, end) = match opening {
            T::TStringStart => (T::TStringMiddle, T::TStringEnd),
            _ => (T::FStringMiddle, T::FStringEnd),
        };
        let mut middles = Vec::new();
        loop {
            if self.opt(Self::replacement_field)?.is_some() {
                continue;
            }
            match self.opt(|d| d.tok(middle))? {
                Some(token) => middles.push(token),
                None => break,
            }
        }
        self.tok(end)?;
        if end == T::TStringEnd {
            self.check_version(14, "t-strings are")?;
        }
        let end = self.parser.stream.previous();
        for token in middles {
            self.parser.middle(token, is_raw, end).map_err(|_| Miss::Raised)?;
        }
        Ok(match opening {
            T::TStringStart => self.node(ExprKind::TemplateStr { values: &[] }, start),
            _ => self.node(ExprKind::JoinedStr { values: &[] }, start),
        })
    }

    fn replacement_field(&mut self) -> Rule<()> {
        if self
            .opt(|d| {
                d.tok(T::LeftBrace)?;
                d.yield_or_star_expressions()?;
                d.eat(T::Equal)?;
                d.opt(Self::conversion)?;
                d.opt(|d| {
                    d.tok(T::Colon)?;
                    d.format_spec()
                })?;
                d.tok(T::RightBrace)
            })?
            .is_some()
        {
            return Ok(());
        }
        self.mistake(Self::invalid_replacement_field)?;
        Err(Miss::No)
    }

    fn conversion(&mut self) -> Rule<()> {
        let mark = self.tok(T::Exclamation)?;
        if self.peek()? != T::Name {
            return Err(Miss::No);
        }
        self.parser.conversion(mark, self.string.is_template).map(|_| ()).map_err(|_| Miss::Raised)
    }

    /// `fstring_format_spec*`
    fn format_spec(&mut self) -> Rule<()> {
        let is_raw = self.string.is_raw;
        self.many(|d| match d.opt(|d| d.any(&[T::FStringMiddle, T::TStringMiddle]))? {
            Some(token) => d.parser.middle(token, is_raw, token).map(|_| ()).map_err(|_| Miss::Raised),
            None => d.replacement_field(),
        })?;
        Ok(())
    }

    fn invalid_replacement_field(&mut self) -> Rule<()> {
        let letter = self.string.letter();
        self.alt(|d| {
            d.tok(T::LeftBrace)?;
            let token = d.any(&[T::Equal, T::Exclamation, T::Colon, T::RightBrace])?;
            let mark = token.kind.text();
            d.raise(
                token_span(token),
                format!("{letter}-string: valid expression required before '{mark}'"),
            )
        })?;
        self.alt(|d| {
            d.tok(T::LeftBrace)?;
            if d.matches(Self::yield_or_star_expressions)? {
                return Err(Miss::No);
            }
            d.raise_next(format!("{letter}-string: expecting a valid expression after '{{'"))
        })?;
        self.alt(|d| {
            d.tok(T::LeftBrace)?;
            d.yield_or_star_expressions()?;
            d.not_ahead(&[T::Equal, T::Exclamation, T::Colon, T::RightBrace])?;
            d.raise_next(format!("{letter}-string: expecting '=', or '!', or ':', or '}}'"))
        })?;
        self.alt(|d| {
            d.tok(T::LeftBrace)?;
            d.yield_or_star_expressions()?;
            d.tok(T::Equal)?;
            d.not_ahead(&[T::Exclamation, T::Colon, T::RightBrace])?;
            d.raise_next(format!("{letter}-string: expecting '!', or ':', or '}}'"))
        })?;
        self.alt(|d| {
            d.field_start()?;
            d.tok(T::Exclamation)?;
            if matches!(d.peek()?, T::Colon | T::RightBrace) {
                return d.raise_next(format!("{letter}-string: missing conversion character"));
            }
            d.not_ahead(&[T::Name])?;
            d.raise_next(format!("{letter}-string: invalid conversion character"))
        })?;
        self.alt(|d| {
            d.field_start()?;
            d.optional_conversion()?;
            d.not_ahead(&[T::Colon, T::RightBrace])?;
            d.raise_next(format!("{letter}-string: expecting ':' or '}}'"))
        })?;
        self.alt(|d| {
            d.field_start()?;
            d.optional_conversion()?;
            d.tok(T::Colon)?;
            d.format_spec()?;
            d.not_ahead(&[T::RightBrace])?;
            d.raise_next(format!("{letter}-string: expecting '}}', or format specs"))
        })?;
        self.alt(|d| {
            d.field_start()?;
            d.optional_conversion()?;
            d.not_ahead(&[T::RightBrace])?;
            d.raise_next(format!("{letter}-string: expecting '}}'"))
        })
    }

    /// `'{' annotated_rhs ['=']`
    fn field_start(&mut self) -> Rule<()> {
        self.tok(T::LeftBrace)?;
        self.yield_or_star_expressions()?;
        self.eat(T::Equal)?;
        Ok(())
    }

    fn optional_conversion(&mut self) -> Rule<()> {
        self.opt(|d| {
            d.tok(T::Exclamation)?;
            d.tok(T::Name)
        })?;
        Ok(())
    }
}
