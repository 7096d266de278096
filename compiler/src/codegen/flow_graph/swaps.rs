//! Runs of SWAP: the shortest equivalent run, and swaps that the order of the following stores makes needless.

use super::Instruction;
use crate::bytecode::instructions::CodegenOpcode as Op;

/// Replaces the run of swaps from `at` on by the shortest with the same effect; returns the last position of it.
pub(super) fn optimize_run(code: &mut [Instruction], at: usize) -> usize {
    let length = code[at..]
        .iter()
        .take_while(|instruction| matches!(instruction.opcode, Op::SWAP | Op::NOP))
        .count();
    let run = &mut code[at..at + length];
    let swaps = run.iter().filter(|instruction| instruction.opcode == Op::SWAP).count();
    if swaps < 2 {
        return at;
    }
    let depth = run.iter().filter(|run| run.opcode == Op::SWAP).map(|run| run.arg as usize).max().unwrap_or(0);
    // The permutation that the run makes: item i ends up holding what was stack[i].
    let mut stack: Vec<usize> = (0..depth).collect();
    for instruction in run.iter().filter(|run| run.opcode == Op::SWAP) {
        stack.swap(0, instruction.arg as usize - 1);
    }
    // Each cycle takes one swap per item other than the top, written from the back.
    const VISITED: usize = usize::MAX;
    let mut free = length;
    for start in 0..depth {
        if stack[start] == VISITED || stack[start] == start {
            continue;
        }
        let mut item = start;
        loop {
            if item != 0 {
                let Some(position) = free.checked_sub(1) else { break };
                free = position;
                run[free].set(Op::SWAP, item as u32 + 1);
            }
            if stack[item] == VISITED {
                break;
            }
            item = std::mem::replace(&mut stack[item], VISITED);
        }
    }
    run[..free].iter_mut().for_each(Instruction::set_nop);
    at + length - 1
}

fn is_swappable(opcode: Op) -> bool {
    matches!(opcode, Op::STORE_FAST | Op::STORE_FAST_MAYBE_NULL | Op::POP_TOP)
}

fn stores_to(instruction: &Instruction) -> Option<u32> {
    matches!(instruction.opcode, Op::STORE_FAST | Op::STORE_FAST_MAYBE_NULL).then_some(instruction.arg)
}

/// The next instruction after `at` that pops one value, on `line` if that is known.
fn next_swappable(code: &[Instruction], at: usize, line: i32) -> Option<usize> {
    for (position, instruction) in code.iter().enumerate().skip(at + 1) {
        if line >= 0 && instruction.location.line != line {
            return None;
        }
        match instruction.opcode {
            Op::NOP => {}
            opcode if is_swappable(opcode) => return Some(position),
            _ => return None,
        }
    }
    None
}

/// Exchanges the consumers instead of the values, for the swaps up to `at`.
pub(super) fn apply_static(code: &mut [Instruction], at: usize) {
    for position in (0..=at).rev() {
        let swap = code[position];
        if swap.opcode != Op::SWAP {
            if swap.opcode == Op::NOP || is_swappable(swap.opcode) {
                continue;
            }
            return;
        }
        let Some(first) = next_swappable(code, position, -1) else { return };
        let line = code[first].location.line;
        let mut second = first;
        for _ in 1..swap.arg {
            let Some(next) = next_swappable(code, second, line) else { return };
            second = next;
        }
        // Not if the two, or one of them and something between, store to the same place.
        let (store_first, store_second) = (stores_to(&code[first]), stores_to(&code[second]));
        if store_first.is_some() || store_second.is_some() {
            if store_first == store_second {
                return;
            }
            let conflicts = |store: Option<u32>| store.is_some() && (store == store_first || store == store_second);
            if code[first + 1..second.max(first + 1)].iter().any(|between| conflicts(stores_to(between))) {
                return;
            }
        }
        code[position].set_nop();
        code.swap(first, second);
    }
}
