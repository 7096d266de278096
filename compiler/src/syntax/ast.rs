//! The abstract syntax tree, node for node that of CPython 3.14 (`Parser/Python.asdl`, the `ast` module's page).
//!
//! Nodes live in a [`bumpalo::Bump`]: they are `Copy`-able by reference, never dropped one by one.
//! [`for_each_ast_node!`] is the one table: the enums, the node names and fields of `_ast`, and the conversions
//! to and from Python objects all come from it.

/// Where a node stands: lines from 1, columns from 0 in UTF-8 bytes, the end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Span {
    pub line: u32,
    pub col: u32,
    pub end_line: u32,
    pub end_col: u32,
}

/// A reference to an expression in the arena.
pub type ExprRef<'a> = &'a Expr<'a>;
/// A sequence (`expr*` in the ASDL).
pub type Seq<'a, T> = &'a [T];
/// An identifier, NFKC-normalised.
pub type Identifier<'a> = &'a str;

/// The value of a `Constant` node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constant<'a> {
    None,
    True,
    False,
    Ellipsis,
    /// WTF-8: UTF-8 that may hold lone surrogates as three-byte sequences.
    Str(&'a [u8]),
    Bytes(&'a [u8]),
    Int(ConstInt<'a>),
    Float(f64),
    /// The imaginary part; the real part is 0.0 (literals). Folded complex numbers use `Complex`.
    Imaginary(f64),
    Complex(f64, f64),
    /// Only from `compile()` of a hand-made tree.
    Tuple(&'a [Constant<'a>]),
    FrozenSet(&'a [Constant<'a>]),
}

/// A literal int: what fits an `i64`, or its magnitude as little-endian 64-bit limbs (no trailing zero limb).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConstInt<'a> {
    Small(i64),
    Big { negative: bool, limbs: &'a [u64] },
}

/// The table of all node classes.
///
/// `$callback!` receives, per ASDL type: `sum Name [attributes|plain] { Variant { field: Type, … } … }` for sums with
/// fields, `enumeration Name { A, B }` for sums without, `product Name [attributes|plain] { field: Type }`.
#[macro_export]
macro_rules! for_each_ast_node {
    ($callback:ident) => {
        $callback! {
            sum Mod "mod" plain {
                Module { body: Seq<'a, Stmt<'a>>, type_ignores: Seq<'a, TypeIgnore<'a>> }
                Interactive { body: Seq<'a, Stmt<'a>> }
                Expression { body: ExprRef<'a> }
                FunctionType { argtypes: Seq<'a, ExprRef<'a>>, returns: ExprRef<'a> }
            }
            sum Stmt "stmt" attributes {
                FunctionDef { name: Identifier<'a>, args: &'a Arguments<'a>, body: Seq<'a, Stmt<'a>>, decorator_list: Seq<'a, ExprRef<'a>>, returns: Option<ExprRef<'a>>, type_comment: Option<&'a str>, type_params: Seq<'a, TypeParam<'a>> }
                AsyncFunctionDef { name: Identifier<'a>, args: &'a Arguments<'a>, body: Seq<'a, Stmt<'a>>, decorator_list: Seq<'a, ExprRef<'a>>, returns: Option<ExprRef<'a>>, type_comment: Option<&'a str>, type_params: Seq<'a, TypeParam<'a>> }
                ClassDef { name: Identifier<'a>, bases: Seq<'a, ExprRef<'a>>, keywords: Seq<'a, Keyword<'a>>, body: Seq<'a, Stmt<'a>>, decorator_list: Seq<'a, ExprRef<'a>>, type_params: Seq<'a, TypeParam<'a>> }
                Return { value: Option<ExprRef<'a>> }
                Delete { targets: Seq<'a, ExprRef<'a>> }
                Assign { targets: Seq<'a, ExprRef<'a>>, value: ExprRef<'a>, type_comment: Option<&'a str> }
                TypeAlias { name: ExprRef<'a>, type_params: Seq<'a, TypeParam<'a>>, value: ExprRef<'a> }
                AugAssign { target: ExprRef<'a>, op: Operator, value: ExprRef<'a> }
                AnnAssign { target: ExprRef<'a>, annotation: ExprRef<'a>, value: Option<ExprRef<'a>>, simple: i32 }
                For { target: ExprRef<'a>, iter: ExprRef<'a>, body: Seq<'a, Stmt<'a>>, orelse: Seq<'a, Stmt<'a>>, type_comment: Option<&'a str> }
                AsyncFor { target: ExprRef<'a>, iter: ExprRef<'a>, body: Seq<'a, Stmt<'a>>, orelse: Seq<'a, Stmt<'a>>, type_comment: Option<&'a str> }
                While { test: ExprRef<'a>, body: Seq<'a, Stmt<'a>>, orelse: Seq<'a, Stmt<'a>> }
                If { test: ExprRef<'a>, body: Seq<'a, Stmt<'a>>, orelse: Seq<'a, Stmt<'a>> }
                With { items: Seq<'a, WithItem<'a>>, body: Seq<'a, Stmt<'a>>, type_comment: Option<&'a str> }
                AsyncWith { items: Seq<'a, WithItem<'a>>, body: Seq<'a, Stmt<'a>>, type_comment: Option<&'a str> }
                Match { subject: ExprRef<'a>, cases: Seq<'a, MatchCase<'a>> }
                Raise { exc: Option<ExprRef<'a>>, cause: Option<ExprRef<'a>> }
                Try { body: Seq<'a, Stmt<'a>>, handlers: Seq<'a, ExceptHandler<'a>>, orelse: Seq<'a, Stmt<'a>>, finalbody: Seq<'a, Stmt<'a>> }
                TryStar { body: Seq<'a, Stmt<'a>>, handlers: Seq<'a, ExceptHandler<'a>>, orelse: Seq<'a, Stmt<'a>>, finalbody: Seq<'a, Stmt<'a>> }
                Assert { test: ExprRef<'a>, msg: Option<ExprRef<'a>> }
                Import { names: Seq<'a, Alias<'a>> }
                ImportFrom { module: Option<Identifier<'a>>, names: Seq<'a, Alias<'a>>, level: Option<i32> }
                Global { names: Seq<'a, Identifier<'a>> }
                Nonlocal { names: Seq<'a, Identifier<'a>> }
                Expr { value: ExprRef<'a> }
                Pass { }
                Break { }
                Continue { }
            }
            sum Expr "expr" attributes {
                BoolOp { op: BoolOperator, values: Seq<'a, ExprRef<'a>> }
                NamedExpr { target: ExprRef<'a>, value: ExprRef<'a> }
                BinOp { left: ExprRef<'a>, op: Operator, right: ExprRef<'a> }
                UnaryOp { op: UnaryOperator, operand: ExprRef<'a> }
                Lambda { args: &'a Arguments<'a>, body: ExprRef<'a> }
                IfExp { test: ExprRef<'a>, body: ExprRef<'a>, orelse: ExprRef<'a> }
                Dict { keys: Seq<'a, Option<ExprRef<'a>>>, values: Seq<'a, ExprRef<'a>> }
                Set { elts: Seq<'a, ExprRef<'a>> }
                ListComp { elt: ExprRef<'a>, generators: Seq<'a, Comprehension<'a>> }
                SetComp { elt: ExprRef<'a>, generators: Seq<'a, Comprehension<'a>> }
                DictComp { key: ExprRef<'a>, value: ExprRef<'a>, generators: Seq<'a, Comprehension<'a>> }
                GeneratorExp { elt: ExprRef<'a>, generators: Seq<'a, Comprehension<'a>> }
                Await { value: ExprRef<'a> }
                Yield { value: Option<ExprRef<'a>> }
                YieldFrom { value: ExprRef<'a> }
                Compare { left: ExprRef<'a>, ops: Seq<'a, CompareOperator>, comparators: Seq<'a, ExprRef<'a>> }
                Call { func: ExprRef<'a>, args: Seq<'a, ExprRef<'a>>, keywords: Seq<'a, Keyword<'a>> }
                FormattedValue { value: ExprRef<'a>, conversion: i32, format_spec: Option<ExprRef<'a>> }
                Interpolation { value: ExprRef<'a>, str: Constant<'a>, conversion: i32, format_spec: Option<ExprRef<'a>> }
                JoinedStr { values: Seq<'a, ExprRef<'a>> }
                TemplateStr { values: Seq<'a, ExprRef<'a>> }
                Constant { value: Constant<'a>, kind: Option<&'a str> }
                Attribute { value: ExprRef<'a>, attr: Identifier<'a>, ctx: ExprContext }
                Subscript { value: ExprRef<'a>, slice: ExprRef<'a>, ctx: ExprContext }
                Starred { value: ExprRef<'a>, ctx: ExprContext }
                Name { id: Identifier<'a>, ctx: ExprContext }
                List { elts: Seq<'a, ExprRef<'a>>, ctx: ExprContext }
                Tuple { elts: Seq<'a, ExprRef<'a>>, ctx: ExprContext }
                Slice { lower: Option<ExprRef<'a>>, upper: Option<ExprRef<'a>>, step: Option<ExprRef<'a>> }
            }
            enumeration ExprContext "expr_context" { Load, Store, Del }
            enumeration BoolOperator "boolop" { And, Or }
            enumeration Operator "operator" { Add, Sub, Mult, MatMult, Div, Mod, Pow, LShift, RShift, BitOr, BitXor, BitAnd, FloorDiv }
            enumeration UnaryOperator "unaryop" { Invert, Not, UAdd, USub }
            enumeration CompareOperator "cmpop" { Eq, NotEq, Lt, LtE, Gt, GtE, Is, IsNot, In, NotIn }
            product Comprehension "comprehension" plain { target: ExprRef<'a>, iter: ExprRef<'a>, ifs: Seq<'a, ExprRef<'a>>, is_async: i32 }
            sum ExceptHandler "excepthandler" attributes {
                ExceptHandler { type_: Option<ExprRef<'a>>, name: Option<Identifier<'a>>, body: Seq<'a, Stmt<'a>> }
            }
            product Arguments "arguments" plain { posonlyargs: Seq<'a, Arg<'a>>, args: Seq<'a, Arg<'a>>, vararg: Option<&'a Arg<'a>>, kwonlyargs: Seq<'a, Arg<'a>>, kw_defaults: Seq<'a, Option<ExprRef<'a>>>, kwarg: Option<&'a Arg<'a>>, defaults: Seq<'a, ExprRef<'a>> }
            product Arg "arg" attributes { arg: Identifier<'a>, annotation: Option<ExprRef<'a>>, type_comment: Option<&'a str> }
            product Keyword "keyword" attributes { arg: Option<Identifier<'a>>, value: ExprRef<'a> }
            product Alias "alias" attributes { name: Identifier<'a>, asname: Option<Identifier<'a>> }
            product WithItem "withitem" plain { context_expr: ExprRef<'a>, optional_vars: Option<ExprRef<'a>> }
            product MatchCase "match_case" plain { pattern: &'a Pattern<'a>, guard: Option<ExprRef<'a>>, body: Seq<'a, Stmt<'a>> }
            sum Pattern "pattern" attributes {
                MatchValue { value: ExprRef<'a> }
                MatchSingleton { value: Constant<'a> }
                MatchSequence { patterns: Seq<'a, &'a Pattern<'a>> }
                MatchMapping { keys: Seq<'a, ExprRef<'a>>, patterns: Seq<'a, &'a Pattern<'a>>, rest: Option<Identifier<'a>> }
                MatchClass { cls: ExprRef<'a>, patterns: Seq<'a, &'a Pattern<'a>>, kwd_attrs: Seq<'a, Identifier<'a>>, kwd_patterns: Seq<'a, &'a Pattern<'a>> }
                MatchStar { name: Option<Identifier<'a>> }
                MatchAs { pattern: Option<&'a Pattern<'a>>, name: Option<Identifier<'a>> }
                MatchOr { patterns: Seq<'a, &'a Pattern<'a>> }
            }
            sum TypeIgnore "type_ignore" plain {
                TypeIgnore { lineno: i32, tag: &'a str }
            }
            sum TypeParam "type_param" attributes {
                TypeVar { name: Identifier<'a>, bound: Option<ExprRef<'a>>, default_value: Option<ExprRef<'a>> }
                ParamSpec { name: Identifier<'a>, default_value: Option<ExprRef<'a>> }
                TypeVarTuple { name: Identifier<'a>, default_value: Option<ExprRef<'a>> }
            }
        }
    };
}

/// One node class for `_ast`: its ASDL name, its base, its fields.
#[derive(Clone, Copy, Debug)]
pub struct NodeClass {
    pub name: &'static str,
    /// The ASDL sum it belongs to; its own name for a product.
    pub base: &'static str,
    pub fields: &'static [&'static str],
    /// The Rust types of the fields as text: `Seq<'a, Stmt<'a>>`.
    pub field_types: &'static [&'static str],
    pub has_attributes: bool,
}

// The enums: `Stmt { span, kind: StmtKind }` for sums with attributes, the bare enum for plain ones.
macro_rules! define_tree {
    () => {};
    (sum $name:ident $asdl:literal attributes { $($variant:ident { $($field:ident : $ty:ty),* })* } $($rest:tt)*) => {
        pastey! { $name attributes { $($variant { $($field : $ty),* })* } }
        define_tree! { $($rest)* }
    };
    (sum $name:ident $asdl:literal plain { $($variant:ident { $($field:ident : $ty:ty),* })* } $($rest:tt)*) => {
        #[doc = concat!("ASDL `", $asdl, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum $name<'a> { $($variant { $($field: $ty),* }),* }
        define_tree! { $($rest)* }
    };
    (enumeration $name:ident $asdl:literal { $($variant:ident),* } $($rest:tt)*) => {
        #[doc = concat!("ASDL `", $asdl, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($variant),* }
        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            pub fn name(self) -> &'static str { match self { $($name::$variant => stringify!($variant)),* } }
        }
        define_tree! { $($rest)* }
    };
    (product $name:ident $asdl:literal attributes { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        #[doc = concat!("ASDL `", $asdl, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'a> { $(pub $field: $ty,)* pub span: Span }
        define_tree! { $($rest)* }
    };
    (product $name:ident $asdl:literal plain { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        #[doc = concat!("ASDL `", $asdl, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'a> { $(pub $field: $ty),* }
        define_tree! { $($rest)* }
    };
}

macro_rules! pastey {
    (Stmt $($rest:tt)*) => { node_with_span! { Stmt StmtKind $($rest)* } };
    (Expr $($rest:tt)*) => { node_with_span! { Expr ExprKind $($rest)* } };
    (ExceptHandler $($rest:tt)*) => { node_with_span! { ExceptHandler ExceptHandlerKind $($rest)* } };
    (Pattern $($rest:tt)*) => { node_with_span! { Pattern PatternKind $($rest)* } };
    (TypeParam $($rest:tt)*) => { node_with_span! { TypeParam TypeParamKind $($rest)* } };
}

macro_rules! node_with_span {
    ($name:ident $kind:ident attributes { $($variant:ident { $($field:ident : $ty:ty),* })* }) => {
        /// The node: what it is and where it stands.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'a> { pub kind: $kind<'a>, pub span: Span }
        /// The alternatives, named as in the ASDL.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum $kind<'a> { $($variant { $($field: $ty),* }),* }
    };
}

for_each_ast_node!(define_tree);

macro_rules! collect_classes {
    (@acc [$($acc:tt)*]) => {
        /// Every concrete node class, in the order of the ASDL.
        pub const NODE_CLASSES: &[NodeClass] = &[$($acc)*];
    };
    (@acc [$($acc:tt)*] sum $name:ident $asdl:literal $attr:ident { $($variant:ident { $($field:ident : $ty:ty),* })* } $($rest:tt)*) => {
        collect_classes! { @acc [$($acc)* $(NodeClass { name: stringify!($variant), base: $asdl, fields: &[$(stringify!($field)),*], field_types: &[$(stringify!($ty)),*], has_attributes: collect_classes!(@attr $attr) },)*] $($rest)* }
    };
    (@acc [$($acc:tt)*] enumeration $name:ident $asdl:literal { $($variant:ident),* } $($rest:tt)*) => {
        collect_classes! { @acc [$($acc)* $(NodeClass { name: stringify!($variant), base: $asdl, fields: &[], field_types: &[], has_attributes: false },)*] $($rest)* }
    };
    (@acc [$($acc:tt)*] product $name:ident $asdl:literal $attr:ident { $($field:ident : $ty:ty),* } $($rest:tt)*) => {
        collect_classes! { @acc [$($acc)* NodeClass { name: $asdl, base: $asdl, fields: &[$(stringify!($field)),*], field_types: &[$(stringify!($ty)),*], has_attributes: collect_classes!(@attr $attr) },] $($rest)* }
    };
    (@attr attributes) => { true };
    (@attr plain) => { false };
    ($($all:tt)*) => { collect_classes! { @acc [] $($all)* } };
}
for_each_ast_node!(collect_classes);
