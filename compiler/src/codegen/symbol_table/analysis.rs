//! Second pass: from what each block does with a name to where the name lives.

use hashbrown::{HashMap, HashSet};

use super::{Block, BlockId, BlockKind, ComprehensionKind, Scope, Symbol, SymbolFlags, SymbolTable};
use crate::codegen::recursion::StackGuard;
use crate::codegen::syntax_error;
use crate::syntax::error::SyntaxError;

type Names<'a> = HashSet<&'a str>;
type Scopes<'a> = Vec<(&'a str, Scope)>;

/// What surrounding blocks tell a block about names. `bound` is `None` at module level.
#[derive(Clone, Default)]
struct Surroundings<'a> {
    bound: Option<Names<'a>>,
    global: Names<'a>,
    type_params: Names<'a>,
}

pub(super) fn analyze(table: &mut SymbolTable<'_>, guard: StackGuard) -> Result<(), SyntaxError> {
    let top = table.top;
    let mut free = Names::default();
    Analysis { table, guard }.block(top, &mut Surroundings::default(), &mut free, None)
}

struct Analysis<'t, 'a> {
    table: &'t mut SymbolTable<'a>,
    guard: StackGuard,
}

impl<'a> Analysis<'_, 'a> {
    /// Decides all names of the block and of the blocks in it; adds what stays free to `free`.
    fn block(
        &mut self,
        id: BlockId,
        outer: &mut Surroundings<'a>,
        free: &mut Names<'a>,
        class_entry: Option<BlockId>,
    ) -> Result<(), SyntaxError> {
        self.guard.check()?;
        let kind = self.table.block(id).kind;
        let mut inner = Surroundings::default();
        let mut new_bound = Names::default();
        if kind == BlockKind::Class {
            // Names of a class are not seen by the functions in it, so those get the outer ones, taken before the
            // class changes them.
            inner.global.clone_from(&outer.global);
            if let Some(bound) = &outer.bound {
                new_bound.clone_from(bound);
            }
        }

        let mut local = Names::default();
        let mut scopes = Scopes::new();
        let symbols: Vec<(&'a str, Symbol)> = self.table.block(id).symbols.iter().collect();
        for (name, symbol) in &symbols {
            let scope = self.name(id, name, symbol.flags, outer, &mut local, free, class_entry)?;
            scopes.push((name, scope));
        }

        if kind == BlockKind::Class {
            new_bound.extend(["__class__", "__classdict__", "__conditional_annotations__"]);
        } else {
            if kind.is_function_like() {
                new_bound.extend(local.iter().copied());
            }
            if let Some(bound) = &outer.bound {
                new_bound.extend(bound.iter().copied());
            }
            inner.global.extend(outer.global.iter().copied());
        }
        inner.bound = Some(new_bound);

        let mut new_free = Names::default();
        let mut inlined_cells = Names::default();
        let children = self.table.block(id).children.clone();
        for &child in &children {
            let entry = self.table.block(child);
            let child_class = match (entry.can_see_class_scope, kind) {
                (false, _) => None,
                (true, BlockKind::Class) => Some(id),
                (true, _) => class_entry,
            };
            let inline = !matches!(entry.comprehension, ComprehensionKind::None | ComprehensionKind::Generator)
                && !self.table.block(id).can_see_class_scope;
            let mut child_outer = Surroundings {
                bound: inner.bound.clone(),
                global: inner.global.clone(),
                type_params: outer.type_params.clone(),
            };
            let mut child_free = new_free.clone();
            self.block(child, &mut child_outer, &mut child_free, child_class)?;
            if inline {
                self.inline_comprehension(id, child, &mut scopes, &mut child_free, &mut inlined_cells);
                self.table.block_mut(child).comp_inlined = true;
            }
            new_free.extend(child_free);
        }
        self.splice_inlined_children(id);

        if kind.is_function_like() {
            for (name, scope) in &mut scopes {
                if *scope == Scope::Local && (new_free.contains(name) || inlined_cells.contains(name)) {
                    *scope = Scope::Cell;
                    new_free.remove(name);
                }
            }
        } else if kind == BlockKind::Class {
            let block = self.table.block_mut(id);
            block.needs_class_closure |= new_free.remove("__class__");
            block.needs_classdict |= new_free.remove("__classdict__");
            block.has_conditional_annotations |= new_free.remove("__conditional_annotations__");
        }
        let class_flag = kind == BlockKind::Class || self.table.block(id).can_see_class_scope;
        let block = self.table.block_mut(id);
        update_symbols(block, &scopes, outer.bound.as_ref(), &new_free, &inlined_cells, class_flag);
        free.extend(new_free);
        Ok(())
    }

    /// The scope of one name of block `id`.
    #[allow(clippy::too_many_arguments)]
    fn name(
        &self,
        id: BlockId,
        name: &'a str,
        flags: SymbolFlags,
        outer: &mut Surroundings<'a>,
        local: &mut Names<'a>,
        free: &mut Names<'a>,
        class_entry: Option<BlockId>,
    ) -> Result<Scope, SyntaxError> {
        let block = self.table.block(id);
        if flags.contains(SymbolFlags::GLOBAL) {
            if flags.contains(SymbolFlags::NONLOCAL) {
                return Err(error_at_directive(block, name, format!("name '{name}' is nonlocal and global")));
            }
            outer.global.insert(name);
            if let Some(bound) = &mut outer.bound {
                bound.remove(name);
            }
            return Ok(Scope::GlobalExplicit);
        }
        if flags.contains(SymbolFlags::NONLOCAL) {
            let Some(bound) = &outer.bound else {
                let message = "nonlocal declaration not allowed at module level".to_owned();
                return Err(error_at_directive(block, name, message));
            };
            if !bound.contains(name) {
                return Err(error_at_directive(block, name, format!("no binding for nonlocal '{name}' found")));
            }
            if outer.type_params.contains(name) {
                let message = format!("nonlocal binding not allowed for type parameter '{name}'");
                return Err(error_at_directive(block, name, message));
            }
            free.insert(name);
            return Ok(Scope::Free);
        }
        if flags.intersects(SymbolFlags::BOUND) {
            local.insert(name);
            outer.global.remove(name);
            if flags.contains(SymbolFlags::TYPE_PARAM) {
                outer.type_params.insert(name);
            } else {
                outer.type_params.remove(name);
            }
            return Ok(Scope::Local);
        }
        // In a block that sees a class, a name that the class binds is looked up there at run time and then as a
        // global, past any function in between.
        if let Some(class) = class_entry
            && name != "__classdict__"
        {
            let class_flags = self.table.block(class).flags_of(name);
            if class_flags.contains(SymbolFlags::GLOBAL) {
                return Ok(Scope::GlobalExplicit);
            }
            if class_flags.intersects(SymbolFlags::BOUND) && !class_flags.contains(SymbolFlags::NONLOCAL) {
                return Ok(Scope::GlobalImplicit);
            }
        }
        if outer.bound.as_ref().is_some_and(|bound| bound.contains(name)) {
            free.insert(name);
            return Ok(Scope::Free);
        }
        Ok(Scope::GlobalImplicit)
    }

    /// Merges the symbols of a comprehension into the block that it is compiled into.
    fn inline_comprehension(
        &mut self,
        id: BlockId,
        child: BlockId,
        scopes: &mut Scopes<'a>,
        child_free: &mut Names<'a>,
        inlined_cells: &mut Names<'a>,
    ) {
        let kind = self.table.block(id).kind;
        let symbols: Vec<(&'a str, Symbol)> = self.table.block(child).symbols.iter().collect();
        let mut removed: Vec<&'a str> = Vec::new();
        for (name, symbol) in symbols {
            if symbol.flags.contains(SymbolFlags::PARAM) {
                continue;
            }
            if symbol.scope == Scope::Cell || symbol.flags.contains(SymbolFlags::COMP_CELL) {
                inlined_cells.insert(name);
            }
            match self.table.block(id).symbols.get(name) {
                None => {
                    let mut scope = symbol.scope;
                    if scope == Scope::Free
                        && kind == BlockKind::Class
                        && matches!(name, "__class__" | "__classdict__" | "__conditional_annotations__")
                    {
                        // No such name inside the class itself: it is looked up as a global. Functions inside the
                        // comprehension still see the cell.
                        scope = Scope::GlobalImplicit;
                        if !self.is_free_in_any_child(child, name) {
                            child_free.remove(name);
                        }
                        removed.push(name);
                    }
                    let flags = symbol.flags;
                    self.table.block_mut(id).symbols.set(name, Symbol { flags, scope: Scope::Unknown });
                    scopes.push((name, scope));
                }
                Some(existing) => {
                    if symbol.scope == Scope::Free {
                        let flags = existing.flags | symbol.flags & SymbolFlags::USE;
                        self.table.block_mut(id).symbols.set(name, Symbol { flags, ..existing });
                    }
                    // A free variable of the comprehension that is local here is simply a local, unless something
                    // inside the comprehension still closes over it.
                    if existing.flags.intersects(SymbolFlags::BOUND)
                        && kind != BlockKind::Class
                        && !self.is_free_in_any_child(child, name)
                    {
                        child_free.remove(name);
                    }
                }
            }
        }
        for name in removed {
            self.table.block_mut(child).symbols.remove(name);
        }
    }

    fn is_free_in_any_child(&self, id: BlockId, name: &str) -> bool {
        self.table.block(id).children.iter().any(|&child| self.table.block(child).scope_of(name) == Scope::Free)
    }

    /// Replaces inlined comprehensions by their children.
    fn splice_inlined_children(&mut self, id: BlockId) {
        let children = self.table.block(id).children.clone();
        if !children.iter().any(|&child| self.table.block(child).comp_inlined) {
            return;
        }
        let mut spliced = Vec::with_capacity(children.len());
        for child in children {
            let entry = self.table.block(child);
            if entry.comp_inlined {
                spliced.extend(entry.children.iter().copied());
            } else {
                spliced.push(child);
            }
        }
        self.table.block_mut(id).children = spliced;
    }
}

fn update_symbols<'a>(
    block: &mut Block<'a>,
    scopes: &Scopes<'a>,
    bound: Option<&Names<'a>>,
    free: &Names<'a>,
    inlined_cells: &Names<'a>,
    class_flag: bool,
) {
    let scope_of: HashMap<&str, Scope> = scopes.iter().copied().collect();
    let symbols: Vec<(&'a str, Symbol)> = block.symbols.iter().collect();
    for (name, mut symbol) in symbols {
        if inlined_cells.contains(name) {
            symbol.flags |= SymbolFlags::COMP_CELL;
        }
        symbol.scope = scope_of.get(name).copied().unwrap_or_default();
        block.symbols.set(name, symbol);
    }
    // What the blocks inside leave free. Sorted, so that the order of new symbols does not depend on hashing.
    let mut names: Vec<&'a str> = free.iter().copied().collect();
    names.sort_unstable();
    for name in names {
        match block.symbols.get(name) {
            Some(mut symbol) => {
                if class_flag {
                    symbol.flags |= SymbolFlags::FREE_CLASS;
                    block.symbols.set(name, symbol);
                }
            }
            None => {
                if bound.is_none_or(|bound| bound.contains(name)) {
                    block.symbols.set(name, Symbol { flags: SymbolFlags::empty(), scope: Scope::Free });
                }
            }
        }
    }
}

fn error_at_directive(block: &Block<'_>, name: &str, message: String) -> SyntaxError {
    let span = block.directives.iter().find(|directive| directive.0 == name).map(|directive| directive.1);
    syntax_error(message, span.unwrap_or(block.span))
}
