//! How often the 95 % intervals hold what they promise, by scope and by the shape of the errors:
//!
//!     cargo run --release --manifest-path benches/Cargo.toml --example coverage [TABLES]
//!
//! The tables of docs/validity.md, drawn and analysed by the program's own code; 4,000 tables take a minute or two.

use tiltmeter::stats::simulate::{Design, Scope, Shape, coverage};

const SEED: u64 = 20_260_523;
const SCOPES: [(Scope, &str); 4] = [
    (Scope::SameTypes, "same types"),
    (Scope::NewTypes, "new types"),
    (Scope::Crossed, "crossed"),
    (Scope::NewOpponents, "new opponents"),
];

fn main() {
    let tables = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(4000);
    println!("{tables} tables each, seed {SEED}\n");
    let design = Design::published();
    let names = SCOPES.map(|(_, name)| name).join(" | ");
    println!("| interval \\ scope | {names} |\n|---|---|---|---|---|");
    for (interval, name) in SCOPES {
        let row = SCOPES.map(|(scope, _)| format!("{:.3}", coverage(&design, scope, interval, tables, SEED)));
        println!("| {name} | {} |", row.join(" | "));
    }
    for (types, design) in [
        (13, Design::published()),
        (6, Design { sizes: vec![7; 6], ..Design::published() }),
        (3, Design { sizes: vec![7; 3], ..Design::published() }),
    ] {
        println!("\n{types} types, each interval in its own scope\n");
        println!("| errors | {names} |\n|---|---|---|---|---|");
        for shape in Shape::ALL {
            let design = Design { shape, ..design.clone() };
            let row = SCOPES.map(|(scope, _)| format!("{:.3}", coverage(&design, scope, scope, tables, SEED)));
            println!("| {shape:?} | {} |", row.join(" | "));
        }
    }
}
