//! What a hand-made tree must obey before it is compiled: the rules that the grammar gives for parsed ones.

use pyrt_compiler::syntax::ast::*;

/// What is wrong: the text of a ValueError or TypeError.
pub enum Invalid {
    Value(String),
    Type(String),
}

type Checked = Result<(), Invalid>;

fn wrong(message: impl Into<String>) -> Checked {
    Err(Invalid::Value(message.into()))
}

fn require(holds: bool, message: &str) -> Checked {
    if holds { Ok(()) } else { wrong(message) }
}

/// Checks a whole tree.
pub fn module(tree: &Mod<'_>) -> Checked {
    match *tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => statements(body),
        Mod::Expression { body } => load(body),
        Mod::FunctionType { argtypes, returns } => loads(argtypes).and_then(|()| load(returns)),
    }
}

fn positions(span: Span) -> Checked {
    let [line, col, end_line, end_col] = [span.line, span.col, span.end_line, span.end_col].map(|number| number as i32);
    if line > end_line {
        return wrong(format!("AST node line range ({line}, {end_line}) is not valid"));
    }
    if (line < 0 && end_line != line) || (col < 0 && col != end_col) {
        return wrong(format!("AST node column range ({col}, {end_col}) for line range ({line}, {end_line}) is not valid"));
    }
    if line == end_line && col > end_col {
        return wrong(format!("line {line}, column {col}-{end_col} is not a valid range"));
    }
    Ok(())
}

fn name(text: &str) -> Checked {
    match text {
        "None" | "True" | "False" => wrong(format!("identifier field can't represent '{text}' constant")),
        _ => Ok(()),
    }
}

fn not_empty<T>(items: &[T], what: &str, owner: &str) -> Checked {
    if items.is_empty() { wrong(format!("empty {what} on {owner}")) } else { Ok(()) }
}

fn statements(body: &[Stmt<'_>]) -> Checked {
    body.iter().try_for_each(statement)
}

fn body_of(body: &[Stmt<'_>], owner: &str) -> Checked {
    not_empty(body, "body", owner)?;
    statements(body)
}

fn load(value: ExprRef<'_>) -> Checked {
    expression(value, ExprContext::Load)
}

fn loads(values: &[ExprRef<'_>]) -> Checked {
    values.iter().try_for_each(|value| load(value))
}

fn optional_load(value: Option<ExprRef<'_>>) -> Checked {
    value.map_or(Ok(()), load)
}

fn assigned(targets: &[ExprRef<'_>], ctx: ExprContext) -> Checked {
    not_empty(targets, "targets", if ctx == ExprContext::Del { "Delete" } else { "Assign" })?;
    targets.iter().try_for_each(|target| expression(target, ctx))
}

fn arguments(args: &Arguments<'_>) -> Checked {
    for arg in args.posonlyargs.iter().chain(args.args).chain(args.vararg).chain(args.kwonlyargs).chain(args.kwarg) {
        positions(arg.span)?;
        optional_load(arg.annotation)?;
    }
    require(args.defaults.len() <= args.posonlyargs.len() + args.args.len(), "more positional defaults than args on arguments")?;
    require(args.kw_defaults.len() == args.kwonlyargs.len(), "length of kwonlyargs is not the same as kw_defaults on arguments")?;
    loads(args.defaults)?;
    args.kw_defaults.iter().try_for_each(|default| optional_load(*default))
}

fn comprehensions(generators: &[Comprehension<'_>]) -> Checked {
    require(!generators.is_empty(), "comprehension with no generators")?;
    generators.iter().try_for_each(|generator| {
        expression(generator.target, ExprContext::Store)?;
        load(generator.iter)?;
        loads(generator.ifs)
    })
}

fn keywords(keywords: &[Keyword<'_>]) -> Checked {
    keywords.iter().try_for_each(|keyword| load(keyword.value))
}

fn expression(value: ExprRef<'_>, ctx: ExprContext) -> Checked {
    positions(value.span)?;
    let actual = match value.kind {
        ExprKind::Attribute { ctx, .. } | ExprKind::Subscript { ctx, .. } | ExprKind::Starred { ctx, .. } => Some(ctx),
        ExprKind::Name { id, ctx } => {
            name(id)?;
            Some(ctx)
        }
        ExprKind::List { ctx, .. } | ExprKind::Tuple { ctx, .. } => Some(ctx),
        _ => None,
    };
    match actual {
        None if ctx != ExprContext::Load => return wrong(format!("expression which can't be assigned to in {} context", ctx.name())),
        Some(actual) if actual != ctx => {
            return wrong(format!("expression must have {} context but has {} instead", ctx.name(), actual.name()));
        }
        _ => {}
    }
    match value.kind {
        ExprKind::BoolOp { values, .. } => {
            require(values.len() >= 2, "BoolOp with less than 2 values")?;
            loads(values)
        }
        ExprKind::BinOp { left, right, .. } => load(left).and_then(|()| load(right)),
        ExprKind::UnaryOp { operand, .. } => load(operand),
        ExprKind::Lambda { args, body } => arguments(args).and_then(|()| load(body)),
        ExprKind::IfExp { test, body, orelse } => loads(&[test, body, orelse]),
        ExprKind::Dict { keys, values } => {
            require(keys.len() == values.len(), "Dict doesn't have the same number of keys as values")?;
            keys.iter().try_for_each(|key| optional_load(*key))?;
            loads(values)
        }
        ExprKind::Set { elts } => loads(elts),
        ExprKind::ListComp { elt, generators } | ExprKind::SetComp { elt, generators } | ExprKind::GeneratorExp { elt, generators } => {
            comprehensions(generators)?;
            load(elt)
        }
        ExprKind::DictComp { key, value, generators } => {
            comprehensions(generators)?;
            loads(&[key, value])
        }
        ExprKind::Yield { value } => optional_load(value),
        ExprKind::YieldFrom { value } | ExprKind::Await { value } => load(value),
        ExprKind::Compare { left, ops, comparators } => {
            require(!comparators.is_empty(), "Compare with no comparators")?;
            require(comparators.len() == ops.len(), "Compare has a different number of comparators and operands")?;
            loads(comparators)?;
            load(left)
        }
        ExprKind::Call { func, args, keywords: named } => {
            load(func)?;
            loads(args)?;
            keywords(named)
        }
        ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => loads(values),
        ExprKind::FormattedValue { value, format_spec, .. } | ExprKind::Interpolation { value, format_spec, .. } => {
            load(value)?;
            optional_load(format_spec)
        }
        ExprKind::Attribute { value, .. } => load(value),
        ExprKind::Subscript { value, slice, .. } => loads(&[slice, value]),
        ExprKind::Starred { value, ctx } => expression(value, ctx),
        ExprKind::List { elts, ctx } | ExprKind::Tuple { elts, ctx } => elts.iter().try_for_each(|elt| expression(elt, ctx)),
        ExprKind::NamedExpr { target, value } => {
            if !matches!(target.kind, ExprKind::Name { .. }) {
                return Err(Invalid::Type("NamedExpr target must be a Name".to_owned()));
            }
            expression(target, ExprContext::Store)?;
            load(value)
        }
        ExprKind::Slice { lower, upper, step } => [lower, upper, step].into_iter().try_for_each(optional_load),
        ExprKind::Constant { .. } | ExprKind::Name { .. } => Ok(()),
    }
}

fn capture(text: &str) -> Checked {
    require(text != "_", "can't capture name '_' in patterns")?;
    name(text)
}

fn pattern_value(value: ExprRef<'_>) -> Checked {
    load(value)?;
    match value.kind {
        ExprKind::Constant { value: Constant::Int(_) | Constant::Float(_) | Constant::Str(_) | Constant::Bytes(_) | Constant::Imaginary(_) | Constant::Complex(..), .. } => Ok(()),
        ExprKind::Constant { .. } => wrong("unexpected constant inside of a literal pattern"),
        // What remains wrong is found by the compiler.
        ExprKind::Attribute { .. } | ExprKind::UnaryOp { .. } | ExprKind::BinOp { .. } | ExprKind::JoinedStr { .. } | ExprKind::TemplateStr { .. } => {
            let is_number = |value: ExprRef<'_>| {
                matches!(value.kind, ExprKind::Constant { value: Constant::Int(_) | Constant::Float(_) | Constant::Imaginary(_) | Constant::Complex(..), .. })
            };
            let is_signed = |value: ExprRef<'_>| match value.kind {
                ExprKind::UnaryOp { op: UnaryOperator::USub, operand } => is_number(operand),
                _ => is_number(value),
            };
            let fits = match value.kind {
                ExprKind::UnaryOp { .. } => is_signed(value),
                ExprKind::BinOp { left, op: Operator::Add | Operator::Sub, right } => {
                    is_signed(left) && matches!(right.kind, ExprKind::Constant { value: Constant::Imaginary(_), .. })
                }
                ExprKind::BinOp { .. } => false,
                _ => true,
            };
            require(fits, "patterns may only match literals and attribute lookups")
        }
        _ => wrong("patterns may only match literals and attribute lookups"),
    }
}

fn patterns(all: &[&Pattern<'_>], star_ok: bool) -> Checked {
    all.iter().try_for_each(|one| pattern(one, star_ok))
}

fn pattern(pattern_: &Pattern<'_>, star_ok: bool) -> Checked {
    positions(pattern_.span)?;
    match pattern_.kind {
        PatternKind::MatchValue { value } => pattern_value(value),
        PatternKind::MatchSingleton { value } => {
            require(matches!(value, Constant::None | Constant::True | Constant::False), "MatchSingleton can only contain True, False and None")
        }
        PatternKind::MatchSequence { patterns: inner } => patterns(inner, true),
        PatternKind::MatchMapping { keys, patterns: inner, rest } => {
            require(keys.len() == inner.len(), "MatchMapping doesn't have the same number of keys as patterns")?;
            rest.map_or(Ok(()), capture)?;
            for key in keys {
                if !matches!(key.kind, ExprKind::Constant { value: Constant::None | Constant::True | Constant::False, .. }) {
                    pattern_value(key)?;
                }
            }
            patterns(inner, false)
        }
        PatternKind::MatchClass { cls, patterns: inner, kwd_attrs, kwd_patterns } => {
            require(kwd_attrs.len() == kwd_patterns.len(), "MatchClass doesn't have the same number of keyword attributes as patterns")?;
            load(cls)?;
            let mut class = cls;
            loop {
                match class.kind {
                    ExprKind::Name { .. } => break,
                    ExprKind::Attribute { value, .. } => class = value,
                    _ => return wrong("MatchClass cls field can only contain Name or Attribute nodes."),
                }
            }
            kwd_attrs.iter().try_for_each(|attr| name(attr))?;
            patterns(inner, false)?;
            patterns(kwd_patterns, false)
        }
        PatternKind::MatchStar { name } => {
            require(star_ok, "can't use MatchStar here")?;
            name.map_or(Ok(()), capture)
        }
        PatternKind::MatchAs { pattern: inner, name } => {
            name.map_or(Ok(()), capture)?;
            match (inner, name) {
                (None, _) => Ok(()),
                (Some(_), None) => wrong("MatchAs must specify a target name if a pattern is given"),
                (Some(inner), Some(_)) => pattern(inner, false),
            }
        }
        PatternKind::MatchOr { patterns: inner } => {
            require(inner.len() >= 2, "MatchOr requires at least 2 patterns")?;
            patterns(inner, false)
        }
    }
}

fn type_params(params: &[TypeParam<'_>]) -> Checked {
    params.iter().try_for_each(|param| {
        positions(param.span)?;
        match param.kind {
            TypeParamKind::TypeVar { name: text, bound, default_value } => {
                name(text)?;
                optional_load(bound)?;
                optional_load(default_value)
            }
            TypeParamKind::ParamSpec { name: text, default_value } | TypeParamKind::TypeVarTuple { name: text, default_value } => {
                name(text)?;
                optional_load(default_value)
            }
        }
    })
}

fn try_parts(body: &[Stmt<'_>], handlers: &[ExceptHandler<'_>], orelse: &[Stmt<'_>], finalbody: &[Stmt<'_>], owner: &str) -> Checked {
    body_of(body, owner)?;
    require(!handlers.is_empty() || !finalbody.is_empty(), &format!("{owner} has neither except handlers nor finalbody"))?;
    require(!handlers.is_empty() || orelse.is_empty(), &format!("{owner} has orelse but no except handlers"))?;
    for handler in handlers {
        positions(handler.span)?;
        let ExceptHandlerKind::ExceptHandler { type_, body, .. } = handler.kind;
        optional_load(type_)?;
        body_of(body, "ExceptHandler")?;
    }
    statements(finalbody)?;
    statements(orelse)
}

fn with_items(items: &[WithItem<'_>], owner: &str) -> Checked {
    not_empty(items, "items", owner)?;
    items.iter().try_for_each(|item| {
        load(item.context_expr)?;
        item.optional_vars.map_or(Ok(()), |target| expression(target, ExprContext::Store))
    })
}

fn statement(statement: &Stmt<'_>) -> Checked {
    positions(statement.span)?;
    match statement.kind {
        StmtKind::FunctionDef { args, body, decorator_list, returns, type_params: params, .. }
        | StmtKind::AsyncFunctionDef { args, body, decorator_list, returns, type_params: params, .. } => {
            body_of(body, if matches!(statement.kind, StmtKind::FunctionDef { .. }) { "FunctionDef" } else { "AsyncFunctionDef" })?;
            type_params(params)?;
            arguments(args)?;
            loads(decorator_list)?;
            optional_load(returns)
        }
        StmtKind::ClassDef { bases, keywords: named, body, decorator_list, type_params: params, .. } => {
            body_of(body, "ClassDef")?;
            type_params(params)?;
            loads(bases)?;
            keywords(named)?;
            loads(decorator_list)
        }
        StmtKind::Return { value } => optional_load(value),
        StmtKind::Delete { targets } => assigned(targets, ExprContext::Del),
        StmtKind::Assign { targets, value, .. } => assigned(targets, ExprContext::Store).and_then(|()| load(value)),
        StmtKind::AugAssign { target, value, .. } => expression(target, ExprContext::Store).and_then(|()| load(value)),
        StmtKind::AnnAssign { target, annotation, value, simple } => {
            if !matches!(target.kind, ExprKind::Name { .. }) && simple != 0 {
                return Err(Invalid::Type("AnnAssign with simple non-Name target".to_owned()));
            }
            expression(target, ExprContext::Store)?;
            optional_load(value)?;
            load(annotation)
        }
        StmtKind::TypeAlias { name, type_params: params, value } => {
            if !matches!(name.kind, ExprKind::Name { .. }) {
                return Err(Invalid::Type("TypeAlias with non-Name name".to_owned()));
            }
            expression(name, ExprContext::Store)?;
            type_params(params)?;
            load(value)
        }
        StmtKind::For { target, iter, body, orelse, .. } | StmtKind::AsyncFor { target, iter, body, orelse, .. } => {
            expression(target, ExprContext::Store)?;
            load(iter)?;
            body_of(body, if matches!(statement.kind, StmtKind::For { .. }) { "For" } else { "AsyncFor" })?;
            statements(orelse)
        }
        StmtKind::While { test, body, orelse } => {
            load(test)?;
            body_of(body, "While")?;
            statements(orelse)
        }
        StmtKind::If { test, body, orelse } => {
            load(test)?;
            body_of(body, "If")?;
            statements(orelse)
        }
        StmtKind::With { items, body, .. } => with_items(items, "With").and_then(|()| body_of(body, "With")),
        StmtKind::AsyncWith { items, body, .. } => with_items(items, "AsyncWith").and_then(|()| body_of(body, "AsyncWith")),
        StmtKind::Match { subject, cases } => {
            load(subject)?;
            not_empty(cases, "cases", "Match")?;
            cases.iter().try_for_each(|case| {
                pattern(case.pattern, false)?;
                optional_load(case.guard)?;
                body_of(case.body, "match_case")
            })
        }
        StmtKind::Raise { exc: Some(exc), cause } => load(exc).and_then(|()| optional_load(cause)),
        StmtKind::Raise { exc: None, cause } => require(cause.is_none(), "Raise with cause but no exception"),
        StmtKind::Try { body, handlers, orelse, finalbody } => try_parts(body, handlers, orelse, finalbody, "Try"),
        StmtKind::TryStar { body, handlers, orelse, finalbody } => try_parts(body, handlers, orelse, finalbody, "TryStar"),
        StmtKind::Assert { test, msg } => load(test).and_then(|()| optional_load(msg)),
        StmtKind::Import { names } => not_empty(names, "names", "Import"),
        StmtKind::ImportFrom { names, level, .. } => {
            require(level.unwrap_or(0) >= 0, "Negative ImportFrom level")?;
            not_empty(names, "names", "ImportFrom")
        }
        StmtKind::Global { names } => not_empty(names, "names", "Global"),
        StmtKind::Nonlocal { names } => not_empty(names, "names", "Nonlocal"),
        StmtKind::Expr { value } => load(value),
        StmtKind::Pass {} | StmtKind::Break {} | StmtKind::Continue {} => Ok(()),
    }
}
