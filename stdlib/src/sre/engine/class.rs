//! Classes of characters: what one character of the text must be.
use pyrt_unicode as unicode;

use super::opcode::Category;

/// `_sre.ascii_tolower`.
pub fn ascii_lower(code: u32) -> u32 {
    if matches!(code, 0x41..=0x5A) { code + 32 } else { code }
}

/// `_sre.unicode_tolower`: the first code point of the lower case.
pub fn unicode_lower(code: u32) -> u32 {
    unicode::to_lower(code).first().copied().unwrap_or(code)
}

fn unicode_upper(code: u32) -> u32 {
    unicode::to_upper(code).first().copied().unwrap_or(code)
}

/// `_sre.ascii_iscased`.
pub fn ascii_is_cased(code: u32) -> bool {
    matches!(code, 0x41..=0x5A | 0x61..=0x7A)
}

/// `_sre.unicode_iscased`.
pub fn unicode_is_cased(code: u32) -> bool {
    let lower = unicode_lower(code);
    code != lower || code != unicode_upper(code)
}

/// Case and letters by the C locale in force, for patterns with the flag LOCALE. Code points above
/// 255 have neither.
#[derive(Clone, Copy, Debug)]
pub struct LocaleCase;

impl LocaleCase {
    fn byte(code: u32) -> Option<libc::c_int> {
        (code < 256).then_some(code as libc::c_int)
    }

    pub fn lower(code: u32) -> u32 {
        // SAFETY: tolower is defined for the values of unsigned char.
        Self::byte(code).map_or(code, |c| unsafe { libc::tolower(c) } as u32)
    }

    pub fn upper(code: u32) -> u32 {
        // SAFETY: toupper is defined for the values of unsigned char.
        Self::byte(code).map_or(code, |c| unsafe { libc::toupper(c) } as u32)
    }

    pub fn is_word(code: u32) -> bool {
        // SAFETY: isalnum is defined for the values of unsigned char.
        code == u32::from(b'_') || Self::byte(code).is_some_and(|c| unsafe { libc::isalnum(c) } != 0)
    }
}

/// How the case of a character is dealt with before it is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Folding {
    None,
    Ascii,
    Unicode,
    Locale,
}

impl Folding {
    pub(super) fn lower(self, code: u32) -> u32 {
        match self {
            Folding::None => code,
            Folding::Ascii => ascii_lower(code),
            Folding::Unicode => unicode_lower(code),
            Folding::Locale => LocaleCase::lower(code),
        }
    }
}

/// One member of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Negate,
    Literal(u32),
    Range(u32, u32),
    /// The character or its upper case lies in the range.
    RangeIgnore(u32, u32),
    Category(Category),
    /// Bits of the characters below 256.
    Bits(Box<[u32; 8]>),
    /// Block numbers of the characters below 65536, by their high byte, and the blocks.
    Big(Box<[u8; 256]>, Box<[[u32; 8]]>),
}

pub(super) fn in_category(category: Category, code: u32) -> bool {
    match category {
        Category::Digit => matches!(code, 0x30..=0x39),
        Category::NotDigit => !matches!(code, 0x30..=0x39),
        Category::Space => matches!(code, 9..=13 | 32),
        Category::NotSpace => !matches!(code, 9..=13 | 32),
        Category::Word => is_ascii_word(code),
        Category::NotWord => !is_ascii_word(code),
        Category::Linebreak => code == 10,
        Category::NotLinebreak => code != 10,
        Category::LocWord => LocaleCase::is_word(code),
        Category::LocNotWord => !LocaleCase::is_word(code),
        Category::UniDigit => unicode::is_decimal(code),
        Category::UniNotDigit => !unicode::is_decimal(code),
        Category::UniSpace => unicode::is_space(code),
        Category::UniNotSpace => !unicode::is_space(code),
        Category::UniWord => is_unicode_word(code),
        Category::UniNotWord => !is_unicode_word(code),
        Category::UniLinebreak => unicode::is_linebreak(code),
        Category::UniNotLinebreak => !unicode::is_linebreak(code),
    }
}

#[inline]
pub(super) fn is_ascii_word(code: u32) -> bool {
    matches!(code, 0x30..=0x39 | 0x41..=0x5A | 0x5F | 0x61..=0x7A)
}

#[inline]
pub(super) fn is_unicode_word(code: u32) -> bool {
    code == 0x5F || unicode::is_alnum(code)
}

/// Evaluates members in order: the first that has the character decides.
fn in_items(items: &[Item], code: u32) -> bool {
    let mut found = true;
    for item in items {
        let hit = match item {
            Item::Negate => {
                found = !found;
                continue;
            }
            Item::Literal(literal) => code == *literal,
            Item::Range(low, high) => (*low..=*high).contains(&code),
            Item::RangeIgnore(low, high) => {
                (*low..=*high).contains(&code) || (*low..=*high).contains(&unicode_upper(code))
            }
            Item::Category(category) => in_category(*category, code),
            Item::Bits(bits) => bits.get(code as usize / 32).is_some_and(|word| word >> (code & 31) & 1 != 0),
            Item::Big(index, blocks) => index
                .get(code as usize / 256)
                .and_then(|block| blocks.get(usize::from(*block)))
                .and_then(|block| block.get(code as usize % 256 / 32))
                .is_some_and(|word| word >> (code & 31) & 1 != 0),
        };
        if hit {
            return found;
        }
    }
    !found
}

/// How a [`Class`] decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Anything but a line feed.
    Any,
    AnyAll,
    Literal(u32),
    NotLiteral(u32),
    /// By the bitmap below 256, by the members above.
    Set,
    /// By the members and the locale, always.
    Locale,
}

/// A set of characters.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) kind: Kind,
    folding: Folding,
    pub(super) bitmap: [u64; 4],
    items: Vec<Item>,
}

impl Class {
    pub(super) fn simple(kind: Kind) -> Self {
        let mut class = Class { kind, folding: Folding::None, bitmap: [0; 4], items: Vec::new() };
        class.fill_bitmap();
        class
    }

    pub(super) fn set(items: Vec<Item>, folding: Folding) -> Self {
        let dynamic = folding == Folding::Locale
            || items.iter().any(|i| matches!(i, Item::Category(Category::LocWord | Category::LocNotWord)));
        let kind = if dynamic { Kind::Locale } else { Kind::Set };
        let mut class = Class { kind, folding, bitmap: [0; 4], items };
        class.fill_bitmap();
        class
    }

    /// `literal` under a folding, or everything else.
    pub(super) fn literal(literal: u32, folding: Folding, negated: bool) -> Self {
        match (folding, negated) {
            (Folding::None, false) => Class::simple(Kind::Literal(literal)),
            (Folding::None, true) => Class::simple(Kind::NotLiteral(literal)),
            (_, false) => Class::set(vec![Item::Literal(literal)], folding),
            (_, true) => Class::set(vec![Item::Negate, Item::Literal(literal)], folding),
        }
    }

    fn fill_bitmap(&mut self) {
        if self.kind == Kind::Set && self.folding == Folding::None {
            self.bitmap = latin1_of(&self.items);
            return;
        }
        for code in 0..256u32 {
            let found = match self.kind {
                Kind::Locale => true,
                _ => self.decide(code),
            };
            if found {
                self.bitmap[code as usize / 64] |= 1 << (code % 64);
            }
        }
    }

    #[inline]
    pub(super) fn has_latin1(&self, code: u32) -> bool {
        self.bitmap[(code as usize / 64) & 3] >> (code & 63) & 1 != 0
    }

    /// Whether the class has the character.
    #[inline]
    pub(super) fn has(&self, code: u32) -> bool {
        match self.kind {
            Kind::Literal(literal) => code == literal,
            Kind::AnyAll => true,
            Kind::Any => code != 10,
            Kind::NotLiteral(literal) => code != literal,
            Kind::Set if code < 256 => self.has_latin1(code),
            Kind::Set | Kind::Locale => self.decide(code),
        }
    }

    /// Whether a character above 255 may be in the class.
    pub(super) fn may_have_wide(&self) -> bool {
        match self.kind {
            Kind::Literal(literal) => literal > 255,
            Kind::Set => self.items.iter().any(|item| match item {
                Item::Literal(code) => *code > 255 || self.folding != Folding::None,
                Item::Range(_, high) => *high > 255 || self.folding != Folding::None,
                Item::Bits(_) => self.folding != Folding::None,
                _ => true,
            }),
            _ => true,
        }
    }

    #[inline(never)]
    fn decide(&self, code: u32) -> bool {
        match (self.kind, self.folding) {
            (Kind::Literal(_) | Kind::AnyAll | Kind::Any | Kind::NotLiteral(_), _) => self.has(code),
            (_, Folding::Locale) => {
                // A negated literal has what is neither the character nor of its other case.
                if let [Item::Negate, Item::Literal(literal)] = self.items.as_slice() {
                    return !same_in_locale(code, *literal);
                }
                if let [Item::Literal(literal)] = self.items.as_slice() {
                    return same_in_locale(code, *literal);
                }
                // A set has a character with either case; a negated one has what the set lacks.
                let (items, negated) = match self.items.as_slice() {
                    [Item::Negate, items @ ..] => (items, true),
                    items => (items, false),
                };
                let found = in_items(items, LocaleCase::lower(code)) || in_items(items, LocaleCase::upper(code));
                found != negated
            }
            (_, folding) => in_items(&self.items, folding.lower(code)),
        }
    }
}

/// The characters below 256 that are in a set: each item's are decided by the first that has them.
fn latin1_of(items: &[Item]) -> [u64; 4] {
    let (mut bitmap, mut decided, mut found) = ([0; 4], [0; 4], true);
    for item in items {
        if let Item::Negate = item {
            found = !found;
            continue;
        }
        let own = latin1_of_item(item);
        for ((all, decided), own) in bitmap.iter_mut().zip(&mut decided).zip(own) {
            if found {
                *all |= own & !*decided;
            }
            *decided |= own;
        }
    }
    if !found {
        for (all, decided) in bitmap.iter_mut().zip(decided) {
            *all |= !decided;
        }
    }
    bitmap
}

fn latin1_of_item(item: &Item) -> [u64; 4] {
    let word_pairs = |words: &[u32]| {
        let word = |i: usize| u64::from(words.get(i).copied().unwrap_or(0));
        std::array::from_fn(|i| word(2 * i) | word(2 * i + 1) << 32)
    };
    let mut own = [0u64; 4];
    match item {
        Item::Literal(code) if *code < 256 => own[(*code / 64) as usize] = 1 << (code % 64),
        Item::Literal(_) => {}
        Item::Range(low, high) => {
            for code in *low..=(*high).min(255) {
                own[(code / 64) as usize] |= 1 << (code % 64);
            }
        }
        Item::Bits(words) => own = word_pairs(words.as_slice()),
        Item::Big(index, blocks) => {
            let first = index.first().and_then(|block| blocks.get(usize::from(*block)));
            own = first.map_or([0; 4], |words| word_pairs(words.as_slice()));
        }
        Item::Category(_) | Item::RangeIgnore(..) | Item::Negate => {
            for code in 0..256u32 {
                if in_items(std::slice::from_ref(item), code) {
                    own[(code / 64) as usize] |= 1 << (code % 64);
                }
            }
        }
    }
    own
}

fn same_in_locale(code: u32, literal: u32) -> bool {
    code == literal || LocaleCase::lower(code) == literal || LocaleCase::upper(code) == literal
}
