//! `congvan go-live`: the check-list before official use (RULES R58).

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, on_data};
use crate::go_live::check_list;

/// Danh mục kiểm tra trước khi vận hành chính thức. / What has to be in order before official use.
///
/// Exit 0: all of it is. 1: something is missing.
#[derive(Args)]
pub(super) struct GoLive {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl GoLive {
    pub(super) fn run(self, config: &Path) -> Outcome {
        on_data(config, |house| async move {
            let items = check_list(&house).await?;
            let ok = items.iter().all(|item| item.ok);
            if self.json {
                let mode = &house.config.operation.mode;
                println!("{}", serde_json::json!({ "mode": mode, "ready": ok, "items": items }));
            } else {
                for item in &items {
                    match item.ok {
                        true => println!("[x] {}", item.code),
                        false => println!("[ ] {}\n    {} / {}", item.code, item.vi, item.en),
                    }
                }
                println!("operation.mode = {}", house.config.operation.mode);
            }
            Ok(ExitCode::from(u8::from(!ok)))
        })
    }
}
