//! The kinds of tokens, numbered as in CPython's `token` module; keywords follow after the last number of that module.

macro_rules! token_kinds {
    (tokens { $($(#[$doc:meta])* $name:ident = $number:literal $text:literal;)* } keywords { $($keyword:ident $word:literal;)* }) => {
        /// What a token is. `number()` is the number that Python code sees.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum TokenKind {
            $($(#[$doc])* $name = $number,)*
            $($keyword,)*
        }

        impl TokenKind {
            /// The spelling of operators and keywords; empty for kinds whose spelling varies.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* $(Self::$keyword => $word,)* }
            }

            /// The keyword that `word` spells, `Name` for every other word.
            #[inline]
            pub fn of_word(word: &[u8]) -> Self {
                // Every keyword has 2 to 8 letters.
                if word.len() < 2 || word.len() > 8 { return Self::Name; }
                Self::of_short_word(word)
            }

            #[allow(non_upper_case_globals)]
            fn of_short_word(word: &[u8]) -> Self {
                $(const $keyword: &[u8] = $word.as_bytes();)*
                match word { $($keyword => Self::$keyword,)* _ => Self::Name }
            }
        }
    };
}

token_kinds! {
    tokens {
    EndMarker = 0 ""; Name = 1 ""; Number = 2 ""; String = 3 ""; NewLine = 4 ""; Indent = 5 ""; Dedent = 6 "";
    LeftParen = 7 "("; RightParen = 8 ")"; LeftBracket = 9 "["; RightBracket = 10 "]"; Colon = 11 ":"; Comma = 12 ",";
    Semicolon = 13 ";"; Plus = 14 "+"; Minus = 15 "-"; Star = 16 "*"; Slash = 17 "/"; Bar = 18 "|"; Ampersand = 19 "&";
    Less = 20 "<"; Greater = 21 ">"; Equal = 22 "="; Dot = 23 "."; Percent = 24 "%"; LeftBrace = 25 "{";
    RightBrace = 26 "}"; EqualEqual = 27 "=="; NotEqual = 28 "!="; LessEqual = 29 "<="; GreaterEqual = 30 ">=";
    Tilde = 31 "~"; Circumflex = 32 "^"; LeftShift = 33 "<<"; RightShift = 34 ">>"; DoubleStar = 35 "**";
    PlusEqual = 36 "+="; MinusEqual = 37 "-="; StarEqual = 38 "*="; SlashEqual = 39 "/="; PercentEqual = 40 "%=";
    AmpersandEqual = 41 "&="; BarEqual = 42 "|="; CircumflexEqual = 43 "^="; LeftShiftEqual = 44 "<<=";
    RightShiftEqual = 45 ">>="; DoubleStarEqual = 46 "**="; DoubleSlash = 47 "//"; DoubleSlashEqual = 48 "//=";
    At = 49 "@"; AtEqual = 50 "@="; Arrow = 51 "->"; Ellipsis = 52 "..."; ColonEqual = 53 ":="; Exclamation = 54 "!";
    /// A character that is no operator of the language.
    Op = 55 "";
    TypeIgnore = 56 ""; TypeComment = 57 ""; SoftKeyword = 58 "";
    FStringStart = 59 ""; FStringMiddle = 60 ""; FStringEnd = 61 "";
    TStringStart = 62 ""; TStringMiddle = 63 ""; TStringEnd = 64 "";
    Comment = 65 "";
    /// A line end that ends no statement.
    NonLogicalNewLine = 66 "";
    Error = 67 ""; Encoding = 68 "";
    }
    keywords {
        False "False"; None "None"; True "True"; And "and"; As "as"; Assert "assert"; Async "async"; Await "await";
        Break "break"; Class "class"; Continue "continue"; Def "def"; Del "del"; Elif "elif"; Else "else";
        Except "except"; Finally "finally"; For "for"; From "from"; Global "global"; If "if"; Import "import"; In "in";
        Is "is"; Lambda "lambda"; Nonlocal "nonlocal"; Not "not"; Or "or"; Pass "pass"; Raise "raise"; Return "return";
        Try "try"; While "while"; With "with"; Yield "yield";
    }
}

impl TokenKind {
    /// The number in CPython's `token` module, with the exact type of operators; keywords are names.
    pub const fn number(self) -> u8 {
        if self.is_keyword() { Self::Name as u8 } else { self as u8 }
    }

    /// The number that `tokenize` reports as `type`: every operator is `OP`.
    pub const fn general_number(self) -> u8 {
        let number = self.number();
        if number >= Self::LeftParen as u8 && number <= Self::Exclamation as u8 { Self::Op as u8 } else { number }
    }

    pub const fn is_keyword(self) -> bool {
        self as u8 > Self::Encoding as u8
    }

    /// Whether the token's text may span lines, so that its start line is not the tokenizer's current one.
    pub const fn is_string_part(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::FStringStart
                | Self::FStringMiddle
                | Self::FStringEnd
                | Self::TStringStart
                | Self::TStringMiddle
                | Self::TStringEnd
        )
    }

    /// The operator that a single character is; `Op` for what is none.
    pub const fn of_one(c: u8) -> Self {
        match c {
            b'(' => Self::LeftParen,
            b')' => Self::RightParen,
            b'[' => Self::LeftBracket,
            b']' => Self::RightBracket,
            b'{' => Self::LeftBrace,
            b'}' => Self::RightBrace,
            b':' => Self::Colon,
            b',' => Self::Comma,
            b';' => Self::Semicolon,
            b'+' => Self::Plus,
            b'-' => Self::Minus,
            b'*' => Self::Star,
            b'/' => Self::Slash,
            b'|' => Self::Bar,
            b'&' => Self::Ampersand,
            b'<' => Self::Less,
            b'>' => Self::Greater,
            b'=' => Self::Equal,
            b'.' => Self::Dot,
            b'%' => Self::Percent,
            b'~' => Self::Tilde,
            b'^' => Self::Circumflex,
            b'@' => Self::At,
            b'!' => Self::Exclamation,
            _ => Self::Op,
        }
    }

    /// The operator that two characters make, if any.
    pub const fn of_two(first: u8, second: u8) -> Option<Self> {
        Some(match (first, second) {
            (b'=', b'=') => Self::EqualEqual,
            (b'!', b'=') | (b'<', b'>') => Self::NotEqual,
            (b'<', b'=') => Self::LessEqual,
            (b'>', b'=') => Self::GreaterEqual,
            (b'<', b'<') => Self::LeftShift,
            (b'>', b'>') => Self::RightShift,
            (b'*', b'*') => Self::DoubleStar,
            (b'/', b'/') => Self::DoubleSlash,
            (b'+', b'=') => Self::PlusEqual,
            (b'-', b'=') => Self::MinusEqual,
            (b'*', b'=') => Self::StarEqual,
            (b'/', b'=') => Self::SlashEqual,
            (b'%', b'=') => Self::PercentEqual,
            (b'&', b'=') => Self::AmpersandEqual,
            (b'|', b'=') => Self::BarEqual,
            (b'^', b'=') => Self::CircumflexEqual,
            (b'@', b'=') => Self::AtEqual,
            (b'-', b'>') => Self::Arrow,
            (b':', b'=') => Self::ColonEqual,
            _ => return None,
        })
    }

    /// The operator that a two-character operator makes with a third character, if any.
    pub const fn of_three(two: Self, third: u8) -> Option<Self> {
        Some(match (two, third) {
            (Self::LeftShift, b'=') => Self::LeftShiftEqual,
            (Self::RightShift, b'=') => Self::RightShiftEqual,
            (Self::DoubleStar, b'=') => Self::DoubleStarEqual,
            (Self::DoubleSlash, b'=') => Self::DoubleSlashEqual,
            _ => return None,
        })
    }
}
