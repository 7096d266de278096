fn main() { println!("pyrt"); }
