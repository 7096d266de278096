//! Local variables: loads that may find one unset, and loads that may borrow.

use super::{BlockIndex, Graph, is_scope_exit, is_unconditional_jump};
use crate::bytecode::instructions::CodegenOpcode as Op;

/// Locals that are followed from block to block; the others within a block only.
const TRACKED: usize = 64;

/// Makes LOAD_FAST check where the local may be unset.
pub(super) fn add_checks(graph: &mut Graph, locals: usize, parameters: usize) {
    if locals == 0 {
        return;
    }
    if locals > TRACKED {
        check_untracked(graph);
    }
    graph.clear_visited();
    let tracked = locals.min(TRACKED);
    let start = (parameters..tracked).fold(0, |mask, local| mask | 1 << local);
    let mut todo = Vec::new();
    push(graph, graph.entry, start, &mut todo);
    for index in graph.order_vec() {
        scan(graph, index, &mut todo);
    }
    while let Some(index) = todo.pop() {
        graph.blocks[index].visited = false;
        scan(graph, index, &mut todo);
    }
}

fn push(graph: &mut Graph, index: BlockIndex, mask: u64, todo: &mut Vec<BlockIndex>) {
    let block = &mut graph.blocks[index];
    let both = block.unsafe_locals | mask;
    if block.unsafe_locals != both {
        block.unsafe_locals = both;
        if !block.visited {
            block.visited = true;
            todo.push(index);
        }
    }
}

fn scan(graph: &mut Graph, index: BlockIndex, todo: &mut Vec<BlockIndex>) {
    let mut mask = graph.blocks[index].unsafe_locals;
    for at in 0..graph.blocks[index].instructions.len() {
        let instruction = graph.blocks[index].instructions[at];
        if let Some(handler) = instruction.except {
            push(graph, handler, mask, todo);
        }
        if instruction.arg as usize >= TRACKED {
            continue;
        }
        let bit = 1 << instruction.arg;
        match instruction.opcode {
            Op::DELETE_FAST | Op::LOAD_FAST_AND_CLEAR | Op::STORE_FAST_MAYBE_NULL => mask |= bit,
            Op::STORE_FAST | Op::LOAD_FAST_CHECK => mask &= !bit,
            Op::LOAD_FAST => {
                if mask & bit != 0 {
                    graph.blocks[index].instructions[at].opcode = Op::LOAD_FAST_CHECK;
                }
                mask &= !bit;
            }
            _ => {}
        }
    }
    let block = &graph.blocks[index];
    let fallthrough = if block.has_fallthrough() { block.next } else { None };
    let jump = block.last().filter(|last| last.is_jump()).and_then(|last| last.target);
    fallthrough.into_iter().chain(jump).for_each(|successor| push(graph, successor, mask, todo));
}

fn check_untracked(graph: &mut Graph) {
    for index in graph.order_vec() {
        let mut known: hashbrown::HashSet<u32> = hashbrown::HashSet::new();
        for instruction in &mut graph.blocks[index].instructions {
            if (instruction.arg as usize) < TRACKED {
                continue;
            }
            match instruction.opcode {
                Op::DELETE_FAST | Op::LOAD_FAST_AND_CLEAR | Op::STORE_FAST_MAYBE_NULL => {
                    known.remove(&instruction.arg);
                }
                Op::STORE_FAST => {
                    known.insert(instruction.arg);
                }
                Op::LOAD_FAST if known.insert(instruction.arg) => instruction.opcode = Op::LOAD_FAST_CHECK,
                _ => {}
            }
        }
    }
}

/// A value on the stack: the load it came from and the local it was loaded from, if any.
#[derive(Clone, Copy)]
struct Reference {
    producer: Option<usize>,
    local: Option<u32>,
}

/// The stack of one block while its effects are followed, and what is known of the loads in it.
struct BorrowScan {
    stack: Vec<Reference>,
    /// Loads whose value must own its reference.
    owning: Vec<bool>,
}

impl BorrowScan {
    fn push(&mut self, producer: usize, local: Option<u32>) {
        self.stack.push(Reference { producer: Some(producer), local });
    }

    fn pop(&mut self) -> Reference {
        self.stack.pop().unwrap_or(Reference { producer: None, local: None })
    }

    fn pop_many(&mut self, count: u32) {
        let left = self.stack.len().saturating_sub(count as usize);
        self.stack.truncate(left);
    }

    /// The local is changed: values loaded from it no longer have it to keep them alive.
    fn kill(&mut self, local: u32) {
        for reference in &self.stack {
            if reference.local == Some(local)
                && let Some(producer) = reference.producer
            {
                self.owning[producer] = true;
            }
        }
    }

    fn store(&mut self, local: u32, value: Reference) {
        self.kill(local);
        if let Some(producer) = value.producer {
            self.owning[producer] = true;
        }
    }
}

/// LOAD_FAST whose value is consumed in the same block while the local still holds it borrows.
pub(super) fn borrow_loads(graph: &mut Graph) {
    graph.clear_visited();
    let entry = graph.entry;
    graph.blocks[entry].start_depth = 0;
    graph.blocks[entry].visited = true;
    let mut todo = vec![entry];
    while let Some(index) = todo.pop() {
        borrow_in_block(graph, index, &mut todo);
    }
}

fn push_once(graph: &mut Graph, target: Option<BlockIndex>, todo: &mut Vec<BlockIndex>) {
    let Some(target) = target else { return };
    let block = &mut graph.blocks[target];
    if !block.visited {
        block.visited = true;
        todo.push(target);
    }
}

fn borrow_in_block(graph: &mut Graph, index: BlockIndex, todo: &mut Vec<BlockIndex>) {
    let depth = usize::try_from(graph.blocks[index].start_depth).unwrap_or(0);
    let code = std::mem::take(&mut graph.blocks[index].instructions);
    let mut scan = BorrowScan {
        stack: vec![Reference { producer: None, local: None }; depth],
        owning: vec![false; code.len()],
    };
    for (at, instruction) in code.iter().enumerate() {
        let arg = instruction.arg;
        match instruction.opcode {
            Op::DELETE_FAST => scan.kill(arg),
            Op::LOAD_FAST => scan.push(at, Some(arg)),
            Op::LOAD_FAST_AND_CLEAR => {
                scan.kill(arg);
                scan.push(at, Some(arg));
            }
            Op::LOAD_FAST_LOAD_FAST => {
                scan.push(at, Some(arg >> 4));
                scan.push(at, Some(arg & 15));
            }
            Op::STORE_FAST => {
                let value = scan.pop();
                scan.store(arg, value);
            }
            Op::STORE_FAST_LOAD_FAST => {
                let value = scan.pop();
                scan.store(arg >> 4, value);
                scan.push(at, Some(arg & 15));
            }
            Op::STORE_FAST_STORE_FAST => {
                let value = scan.pop();
                scan.store(arg >> 4, value);
                let value = scan.pop();
                scan.store(arg & 15, value);
            }
            Op::COPY => {
                let copied = scan.stack.len().checked_sub(arg as usize).map(|position| scan.stack[position]);
                scan.stack.push(copied.unwrap_or(Reference { producer: None, local: None }));
            }
            Op::SWAP => {
                let length = scan.stack.len();
                if let Some(other) = length.checked_sub(arg as usize) {
                    scan.stack.swap(other, length - 1);
                }
            }
            // These leave what they use.
            Op::FORMAT_SIMPLE
            | Op::GET_ANEXT
            | Op::GET_LEN
            | Op::GET_YIELD_FROM_ITER
            | Op::IMPORT_FROM
            | Op::MATCH_KEYS
            | Op::MATCH_MAPPING
            | Op::MATCH_SEQUENCE
            | Op::WITH_EXCEPT_START => {
                let (pops, pushes) = (instruction.opcode.facts().effect)(arg);
                // Counted from the first instruction of the block, as CPython does: if the value is kept, that one owns.
                (0..(pushes - pops) as usize).for_each(|number| scan.push(number, None));
            }
            // These change something that stays below.
            Op::DICT_MERGE
            | Op::DICT_UPDATE
            | Op::LIST_APPEND
            | Op::LIST_EXTEND
            | Op::MAP_ADD
            | Op::RERAISE
            | Op::SET_ADD
            | Op::SET_UPDATE => {
                let (pops, pushes) = (instruction.opcode.facts().effect)(arg);
                scan.pop_many(pops - pushes);
            }
            Op::END_SEND | Op::SET_FUNCTION_ATTRIBUTE => {
                let top = scan.pop();
                scan.pop();
                scan.stack.push(top);
            }
            Op::CHECK_EXC_MATCH => {
                scan.pop();
                scan.push(at, None);
            }
            Op::FOR_ITER => {
                push_once(graph, instruction.target, todo);
                scan.push(at, None);
            }
            Op::LOAD_ATTR | Op::LOAD_SUPER_ATTR => {
                let owner = scan.pop();
                if instruction.opcode == Op::LOAD_SUPER_ATTR {
                    scan.pop_many(2);
                }
                scan.push(at, None);
                if arg & 1 != 0 {
                    // Maybe a method call, which leaves self on the stack.
                    scan.stack.push(owner);
                }
            }
            Op::LOAD_SPECIAL | Op::PUSH_EXC_INFO => {
                let top = scan.pop();
                scan.push(at, None);
                scan.stack.push(top);
            }
            Op::SEND => {
                push_once(graph, instruction.target, todo);
                scan.pop();
                scan.push(at, None);
            }
            opcode => {
                if instruction.is_jump() {
                    push_once(graph, instruction.target, todo);
                }
                let (pops, pushes) = (opcode.facts().effect)(arg);
                scan.pop_many(pops);
                (0..pushes).for_each(|_| scan.push(at, None));
            }
        }
    }
    if let Some(last) = code.last()
        && !is_unconditional_jump(last.opcode)
        && !is_scope_exit(last.opcode)
    {
        let next = graph.blocks[index].next;
        push_once(graph, next, todo);
    }
    // What is left on the stack outlives the block.
    for reference in &scan.stack {
        if let Some(producer) = reference.producer {
            scan.owning[producer] = true;
        }
    }
    let mut code = code;
    for (instruction, owning) in code.iter_mut().zip(&scan.owning) {
        if !owning {
            match instruction.opcode {
                Op::LOAD_FAST => instruction.opcode = Op::LOAD_FAST_BORROW,
                Op::LOAD_FAST_LOAD_FAST => instruction.opcode = Op::LOAD_FAST_BORROW_LOAD_FAST_BORROW,
                _ => {}
            }
        }
    }
    graph.blocks[index].instructions = code;
}
