//! Calling natives: a signature in the form of `__text_signature__` says how arguments are bound.
//!
//! The signature of a method table entry is the one source of arity checks, keyword names, error messages and
//! `__text_signature__`. Its forms: `($self, object, /)`, `(iterable, /, *, key=None)`, `(*args, sep=' ')`,
//! `($self, key, default=<unrepresentable>, /)`. A leading `-` hides it from `__text_signature__`.
//! Bound natives ([`NativeFn::Bound`]) get one word per parameter, empty where an optional one was not given; `*args`
//! and `**kwargs` arrive as a tuple and a dict. Raw natives get the call as it came.

use std::sync::OnceLock;

use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::threads::thread_state::Thread;
use crate::types::dict::{self, DictObject};
use crate::types::string::StrObject;
use crate::types::tuple;

/// A Rust function behind a Python callable. The first argument is `self`: the instance, the class (class methods), the
/// module (module functions).
#[derive(Clone, Copy)]
pub enum NativeFn {
    /// Arguments bound to the parameters of the signature.
    Bound(fn(Value, Args<'_>, &mut Thread) -> PyResult),
    /// No arguments besides `self`.
    NoArgs(fn(Value, &mut Thread) -> PyResult),
    /// Exactly one positional argument besides `self`.
    One(fn(Value, Value, &mut Thread) -> PyResult),
    /// Any call; the function looks at everything itself.
    Raw(fn(Value, Args<'_>, KwNames, &mut Thread) -> PyResult),
}

/// A parsed signature.
pub struct Signature {
    pub params: Vec<Parameter>,
    /// Number of positional-only parameters.
    pub n_posonly: usize,
    /// Number of parameters that take positional arguments.
    pub n_positional: usize,
    /// Positional parameters that must be given.
    pub n_required: usize,
    pub has_varargs: bool,
    pub has_kwargs: bool,
    /// No `*args`, no `**kwargs`, no keyword-only parameter that must be given.
    is_plain: bool,
    /// What `__text_signature__` shows, `None` if hidden.
    pub text: Option<&'static str>,
}

pub struct Parameter {
    pub name: &'static str,
    pub is_required: bool,
}

/// A signature that is parsed when first used.
pub struct LazySignature {
    text: &'static str,
    parsed: OnceLock<Signature>,
}

impl LazySignature {
    pub const fn new(text: &'static str) -> LazySignature {
        LazySignature { text, parsed: OnceLock::new() }
    }

    #[inline]
    pub fn get(&self) -> &Signature {
        self.parsed.get_or_init(|| Signature::parse(self.text))
    }

    /// Binds a call; `name` is for messages.
    pub fn bind<'a>(&self, name: &str, args: Args<'a>, kwnames: KwNames, thread: &mut Thread) -> PyResult<Bound> {
        self.get().bind(name, args, kwnames, thread)
    }
}

/// Bound arguments: one word per parameter.
pub struct Bound {
    words: smallvec::SmallVec<[Option<Value>; 8]>,
    /// The tuple of `*args` and the dict of `**kwargs`, kept alive for the call.
    _held: [Option<Owned>; 2],
}

impl Bound {
    pub fn args(&self) -> Args<'_> {
        Args::from_slots(&self.words)
    }
}

impl Signature {
    /// Parses a signature of a method table. A malformed one is a mistake in the table and panics at its first use.
    pub fn parse(text: &'static str) -> Signature {
        let (hidden, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (text.is_empty(), text),
        };
        let inner = body.trim().strip_prefix('(').and_then(|body| body.strip_suffix(')')).unwrap_or("");
        let mut signature = Signature {
            params: Vec::new(),
            n_posonly: 0,
            n_positional: 0,
            n_required: 0,
            has_varargs: false,
            has_kwargs: false,
            is_plain: false,
            text: if hidden { None } else { Some(body) },
        };
        let mut keyword_only = false;
        let mut optional_group = false;
        for part in split_parameters(inner) {
            // `sub[, start[, end]]`, `value, [start, [stop]]`: what follows an opening bracket is optional.
            optional_group |= part.trim_start().starts_with('[');
            let opens = part.ends_with('[');
            let part = part.trim().trim_start_matches('[').trim_end_matches(['[', ']']).trim();
            if part.is_empty() || part.starts_with('$') {
                continue;
            }
            if part == "/" {
                signature.n_posonly = signature.params.len();
            } else if part == "*" {
                keyword_only = true;
            } else if let Some(name) = part.strip_prefix("**") {
                signature.has_kwargs = true;
                signature.params.push(Parameter { name, is_required: false });
            } else if let Some(name) = part.strip_prefix('*') {
                signature.has_varargs = true;
                keyword_only = true;
                signature.params.push(Parameter { name, is_required: false });
            } else {
                let (name, is_required) = match part.split_once('=') {
                    Some((name, _)) => (name.trim(), false),
                    None => (part, !optional_group),
                };
                signature.params.push(Parameter { name, is_required });
                if !keyword_only {
                    signature.n_positional += 1;
                    if is_required {
                        signature.n_required = signature.n_positional;
                    }
                }
            }
            optional_group |= opens;
        }
        let required_keywords = signature.params[signature.n_positional.min(signature.params.len())..].iter().any(|parameter| parameter.is_required);
        signature.is_plain = !signature.has_varargs && !signature.has_kwargs && !required_keywords;
        signature
    }

    /// Binds a call to the parameters, with CPython's error messages.
    #[inline]
    pub fn bind(&self, name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<Bound> {
        self.bind_named(&|| name.to_owned(), args, kwnames, thread)
    }

    /// As [`Signature::bind`]; the name is only made for a message.
    pub fn bind_named(&self, name: &dyn Fn() -> String, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<Bound> {
        let given = args.len();
        let mut words: smallvec::SmallVec<[Option<Value>; 8]> = smallvec::SmallVec::from_elem(None, self.params.len());
        let mut held = [None, None];
        if given > self.n_positional && !self.has_varargs {
            return Err(self.wrong_positional_count(&name(), given, kwnames, thread));
        }
        for i in 0..given.min(self.n_positional) {
            words[i] = args.get(i);
        }
        if self.has_varargs {
            let rest = tuple::from_vec(args.from(self.n_positional).iter().map(|arg| arg.to_owned()).collect());
            words[self.n_positional] = Some(*rest);
            held[0] = Some(rest);
        }
        if self.has_kwargs {
            let rest = dict::new();
            words[self.params.len() - 1] = Some(*rest);
            held[1] = Some(rest);
        }
        let mut unexpected = None;
        for i in 0..kwnames.len() {
            let Some(key) = kwnames.get(i) else { break };
            let value = args.keyword(i);
            let keyword = StrObject::of(key);
            let last = self.params.len() - usize::from(self.has_kwargs);
            let found = (self.n_posonly..last)
                .find(|&at| !(self.has_varargs && at == self.n_positional) && keyword.equals_str(self.params[at].name));
            match found {
                Some(at) if words[at].is_some() => {
                    return Err(thread.raise_type_error(format!(
                        "argument for {}() given by name ('{}') and position ({})",
                        name(),
                        self.params[at].name,
                        at + 1
                    )));
                }
                Some(at) => words[at] = Some(value),
                None => match &held[1] {
                    Some(rest) => DictObject::of(**rest).set(key, value.to_owned(), thread)?,
                    None if self.is_positional_only() => return Err(self.unexpected_keyword(&name(), keyword, thread)),
                    // A missing argument is reported first.
                    None => unexpected = unexpected.or(Some(keyword)),
                },
            }
        }
        for (at, parameter) in self.params.iter().enumerate() {
            if parameter.is_required && words[at].is_none() {
                return Err(self.missing(&name(), at, given, kwnames, thread));
            }
        }
        if let Some(keyword) = unexpected {
            return Err(self.unexpected_keyword(&name(), keyword, thread));
        }
        Ok(Bound { words, _held: held })
    }

    fn is_positional_only(&self) -> bool {
        self.n_posonly == self.params.len()
    }

    #[cold]
    fn unexpected_keyword(&self, name: &str, keyword: &StrObject, thread: &mut Thread) -> crate::object::value::Raised {
        if self.is_positional_only() {
            return thread.raise_type_error(format!("{name}() takes no keyword arguments"));
        }
        let text = keyword.to_string_lossy();
        if self.params[..self.n_posonly].iter().any(|parameter| parameter.name == text) {
            return thread.raise_type_error(format!(
                "{name}() got some positional-only arguments passed as keyword arguments: '{text}'"
            ));
        }
        let hint = crate::exceptions::suggest::closest(&text, self.params[self.n_posonly..].iter().map(|parameter| parameter.name))
            .map_or(String::new(), |close| format!(". Did you mean '{close}'?"));
        let short = name.rsplit('.').next().unwrap_or(name);
        thread.raise_type_error(format!("{short}() got an unexpected keyword argument '{text}'{hint}"))
    }

    #[cold]
    fn wrong_positional_count(&self, name: &str, given: usize, kwnames: KwNames, thread: &mut Thread) -> crate::object::value::Raised {
        let (min, max) = (self.n_required, self.n_positional);
        let s = |n: usize| if n == 1 { "" } else { "s" };
        if self.is_positional_only() {
            if !kwnames.is_empty() {
                return thread.raise_type_error(format!("{name}() takes no keyword arguments"));
            }
            if max == 0 {
                return thread.raise_type_error(format!("{name}() takes no arguments ({given} given)"));
            }
            if min == max && max == 1 {
                return thread.raise_type_error(format!("{name}() takes exactly one argument ({given} given)"));
            }
            let short = name.rsplit('.').next().unwrap_or(name);
            if min == max {
                return thread.raise_type_error(format!("{short} expected {max} argument{}, got {given}", s(max)));
            }
            if given < min {
                return thread.raise_type_error(format!("{short} expected at least {min} argument{}, got {given}", s(min)));
            }
            return thread.raise_type_error(format!("{short} expected at most {max} argument{}, got {given}", s(max)));
        }
        let total = self.params.len();
        let short = name.rsplit('.').next().unwrap_or(name);
        if given + kwnames.len() <= total {
            if max == 0 {
                return thread.raise_type_error(format!("{short}() takes no positional arguments"));
            }
            let how = if min == max { "exactly" } else { "at most" };
            return thread.raise_type_error(format!("{short}() takes {how} {max} positional argument{} ({given} given)", s(max)));
        }
        let all_given = given + kwnames.len();
        let kind = if given == 0 { "keyword " } else { "" };
        thread.raise_type_error(format!("{short}() takes at most {total} {kind}argument{} ({all_given} given)", s(total)))
    }

    #[cold]
    fn missing(&self, name: &str, at: usize, given: usize, kwnames: KwNames, thread: &mut Thread) -> crate::object::value::Raised {
        if self.is_positional_only() || at < self.n_posonly {
            if self.is_positional_only() {
                return self.wrong_positional_count(name, given, kwnames, thread);
            }
            let short = name.rsplit('.').next().unwrap_or(name);
            let (min, max) = (self.n_posonly.min(self.n_required), self.n_positional);
            let how = if min == max { "exactly" } else { "at least" };
            let s = if min == 1 { "" } else { "s" };
            return thread.raise_type_error(format!("{short}() takes {how} {min} positional argument{s} ({given} given)"));
        }
        let short = name.rsplit('.').next().unwrap_or(name);
        if at < self.n_positional {
            return thread.raise_type_error(format!(
                "{short}() missing required argument '{}' (pos {})",
                self.params[at].name,
                at + 1
            ));
        }
        thread.raise_type_error(format!("{short}() missing required keyword-only argument '{}'", self.params[at].name))
    }
}

/// Splits at commas that are not inside brackets or quotes.
fn split_parameters(text: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut start) = (0, None, 0);
    for (i, ch) in text.char_indices() {
        match (quote, ch) {
            (Some(open), _) if ch == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(ch),
            (None, '[') if text[i + 1..].starts_with(',') || text[start..i].trim().is_empty() => {}
            (None, ']') if depth == 0 => {}
            (None, '(' | '[' | '{' | '<') => depth += 1,
            (None, ')' | ']' | '}' | '>') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Calls a native whose `self` and arguments are at hand. `name` is the qualified name for messages.
#[inline]
pub fn call_native(func: NativeFn, signature: &LazySignature, name: &dyn Fn() -> String, zelf: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let result = dispatch_native(func, signature, name, zelf, args, kwnames, thread);
    with_signals(result, thread)
}

/// The result of a native; signals that came during the call are handled first, and may raise instead.
#[inline(always)]
pub fn with_signals(result: PyResult, thread: &mut Thread) -> PyResult {
    if thread.requests() & crate::threads::thread_state::REQUEST_SIGNALS != 0 && result.is_ok() {
        crate::threads::safepoint::serve_signals(thread)?;
    }
    result
}

#[inline(always)]
fn dispatch_native(func: NativeFn, signature: &LazySignature, name: &dyn Fn() -> String, zelf: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    match func {
        NativeFn::NoArgs(function) if args.is_empty() && kwnames.is_empty() => function(zelf, thread),
        NativeFn::One(function) if args.len() == 1 && kwnames.is_empty() => function(zelf, args.at(0), thread),
        NativeFn::Raw(function) => function(zelf, args, kwnames, thread),
        NativeFn::Bound(function) => {
            let parsed = signature.get();
            if kwnames.is_empty() && args.len() == parsed.params.len() && args.len() == parsed.n_positional {
                return function(zelf, args, thread);
            }
            if kwnames.is_empty() && parsed.can_pad(args.len()) {
                return call_padded(function, zelf, args, parsed.params.len(), thread);
            }
            let bound = parsed.bind_named(name, args, kwnames, thread)?;
            function(zelf, bound.args(), thread)
        }
        NativeFn::NoArgs(_) | NativeFn::One(_) => Err(wrong_simple_call(func, &name(), args, kwnames, thread)),
    }
}

/// Most parameters of a native that is called with empty words for those that are not given.
const MAX_PADDED: usize = 8;

impl Signature {
    /// Whether a call with `n` positional arguments needs nothing but empty words for the rest.
    #[inline]
    pub fn can_pad(&self, n: usize) -> bool {
        self.is_plain && n <= self.n_positional && n >= self.n_required && self.params.len() <= MAX_PADDED
    }
}

/// Calls a native with empty words for the parameters behind the given ones.
#[inline(never)]
pub fn call_padded(function: fn(Value, Args<'_>, &mut Thread) -> PyResult, zelf: Value, args: Args<'_>, n_params: usize, thread: &mut Thread) -> PyResult {
    let mut words = [None; MAX_PADDED];
    for (i, word) in words.iter_mut().enumerate().take(args.len()) {
        *word = args.get(i);
    }
    function(zelf, Args::from_slots(words.get(..n_params).unwrap_or(&[])), thread)
}

#[cold]
fn wrong_simple_call(func: NativeFn, name: &str, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> crate::object::value::Raised {
    if !kwnames.is_empty() {
        return thread.raise_type_error(format!("{name}() takes no keyword arguments"));
    }
    let given = args.len();
    match func {
        NativeFn::NoArgs(_) => thread.raise_type_error(format!("{name}() takes no arguments ({given} given)")),
        _ => thread.raise_type_error(format!("{name}() takes exactly one argument ({given} given)")),
    }
}
