//! Measures the crate beside its peers and prints one Markdown table.
//!
//! ```text
//! cargo bench -p vmalloc --all-features                       everything, in a minute or two
//! cargo bench -p vmalloc --all-features -- --quick            less of everything
//! cargo bench -p vmalloc --all-features -- "areas of 1..="    rows whose name holds these words
//! ```
//!
//! Rounds of the crate and of its peers alternate in one process, so that noise hits all of them,
//! and the median round counts. `cargo test --benches` takes each row once, to see that it runs.

#[path = "compare/addresses.rs"]
mod addresses;
#[path = "compare/churn.rs"]
mod churn;
#[path = "compare/growing.rs"]
mod growing;
#[path = "compare/instructions.rs"]
mod instructions;
#[path = "compare/machine.rs"]
mod machine;
#[path = "compare/mapping.rs"]
mod mapping;
#[path = "compare/pairs.rs"]
mod pairs;
#[path = "compare/peers.rs"]
mod peers;
#[path = "compare/random.rs"]
mod random;
#[path = "compare/scenario.rs"]
mod scenario;
#[path = "compare/settings.rs"]
mod settings;
#[path = "compare/table.rs"]
mod table;
#[path = "compare/threads.rs"]
mod threads;
#[path = "compare/timing.rs"]
mod timing;

use scenario::Scenario;
use settings::Settings;
use table::Table;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(scenario) = Scenario::from_arguments(&arguments) {
        scenario.run();
        return;
    }
    let settings = Settings::new(&arguments);
    let mut table = Table::new(&settings);
    addresses::measure(&settings, &mut table);
    mapping::measure(&settings, &mut table);
    pairs::measure(&settings, &mut table);
    threads::measure(&settings, &mut table);
    growing::measure(&settings, &mut table);
    instructions::measure(&settings, &mut table);
    table.end();
}
