//! The node classes of `_ast` as data: everything is read off the compiler's one table of the grammar.

use std::fmt::Write;
use std::sync::OnceLock;

use pyrt_compiler::syntax::ast::NODE_CLASSES;

/// How often a field's value stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    One,
    /// `?`
    Optional,
    /// `*`
    Many,
    /// `?*`: a list whose items may be None.
    ManyOptional,
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    /// The ASDL type: `expr`, `identifier`, `int`.
    pub ty: &'static str,
    pub quantity: Quantity,
}

#[derive(Debug)]
pub struct NodeSchema {
    pub name: &'static str,
    /// The sum it belongs to; its own name for a product.
    pub base: &'static str,
    pub fields: Vec<Field>,
    pub has_attributes: bool,
}

impl NodeSchema {
    pub fn is_product(&self) -> bool {
        self.base == self.name
    }

    /// What the class's docstring says: `BinOp(expr left, operator op, expr right)`.
    pub fn describe(&self) -> String {
        let mut out = self.name.to_owned();
        if self.fields.is_empty() {
            return out;
        }
        for (i, field) in self.fields.iter().enumerate() {
            let mark = match field.quantity {
                Quantity::One => "",
                Quantity::Optional => "?",
                Quantity::Many => "*",
                Quantity::ManyOptional => "?*",
            };
            let _ = write!(out, "{}{}{mark} {}", if i == 0 { "(" } else { ", " }, field.ty, field.name);
        }
        out.push(')');
        out
    }
}

/// All concrete classes in the order of the grammar.
pub fn nodes() -> &'static [NodeSchema] {
    static NODES: OnceLock<Vec<NodeSchema>> = OnceLock::new();
    NODES.get_or_init(|| {
        NODE_CLASSES
            .iter()
            .map(|class| NodeSchema {
                name: class.name,
                base: class.base,
                fields: class.fields.iter().zip(class.field_types).map(|(name, ty)| field(name, ty)).collect(),
                has_attributes: class.has_attributes,
            })
            .collect()
    })
}

/// The docstring of a sum.
pub fn describe_sum(name: &str) -> String {
    let variants: Vec<&NodeSchema> = nodes().iter().filter(|node| node.base == name).collect();
    let is_enumeration = variants.iter().all(|variant| variant.fields.is_empty());
    let texts: Vec<String> = variants.iter().map(|variant| variant.describe()).collect();
    let separator = if is_enumeration { " | ".to_owned() } else { format!("\n{}| ", " ".repeat(name.len() + 1)) };
    format!("{name} = {}", texts.join(&separator))
}

/// The Python name of a field that may be a keyword in Rust.
pub fn python_name(field: &'static str) -> &'static str {
    field.strip_suffix('_').unwrap_or(field)
}

fn field(name: &'static str, rust_type: &str) -> Field {
    let text: String = rust_type.chars().filter(|c| !c.is_whitespace()).collect();
    let unwrap = |text: &str, head: &str| text.strip_prefix(head).and_then(|rest| rest.strip_suffix('>')).map(str::to_owned);
    let (quantity, inner) = if let Some(items) = unwrap(&text, "Seq<'a,") {
        match unwrap(&items, "Option<") {
            Some(inner) => (Quantity::ManyOptional, inner),
            None => (Quantity::Many, items),
        }
    } else if let Some(inner) = unwrap(&text, "Option<") {
        (Quantity::Optional, inner)
    } else {
        (Quantity::One, text)
    };
    let bare = inner.trim_start_matches("&'a").trim_end_matches("<'a>");
    let ty = match bare {
        "ExprRef" => "expr",
        "Stmt" => "stmt",
        "Identifier" => "identifier",
        "str" => "string",
        "i32" => "int",
        "Constant" => "constant",
        "Arguments" => "arguments",
        "Arg" => "arg",
        "Keyword" => "keyword",
        "Alias" => "alias",
        "WithItem" => "withitem",
        "MatchCase" => "match_case",
        "Pattern" => "pattern",
        "TypeIgnore" => "type_ignore",
        "TypeParam" => "type_param",
        "Comprehension" => "comprehension",
        "ExceptHandler" => "excepthandler",
        "ExprContext" => "expr_context",
        "BoolOperator" => "boolop",
        "Operator" => "operator",
        "UnaryOperator" => "unaryop",
        "CompareOperator" => "cmpop",
        _ => "mod",
    };
    Field { name: python_name(name), ty, quantity }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docstrings_are_the_grammar() {
        let texts = ["Dict", "ImportFrom", "ExceptHandler", "Add"].map(|name| nodes().iter().find(|node| node.name == name).map(NodeSchema::describe));
        assert_eq!(texts[0].as_deref(), Some("Dict(expr?* keys, expr* values)"));
        assert_eq!(texts[1].as_deref(), Some("ImportFrom(identifier? module, alias* names, int? level)"));
        assert_eq!(texts[2].as_deref(), Some("ExceptHandler(expr? type, identifier? name, stmt* body)"));
        assert_eq!(texts[3].as_deref(), Some("Add"));
        assert_eq!(describe_sum("boolop"), "boolop = And | Or");
        assert!(nodes().iter().all(|node| node.fields.iter().all(|field| field.ty != "mod")));
    }
}
