//! How far the installation is on its way to official use (RULES R58).

use serde::{Deserialize, Serialize};

use super::Explained;

section! {
    /// Official use. "congvan go-live" shows what is missing for it.
    Operation {
        /// "demonstration", "trial" or "production". In production the doors stay closed while the check-list is not done.
        mode: String = "trial".to_owned(),
        /// Number of the dossier in which the security level of this system was proposed (QĐ 28/2018 Đ13.1).
        dossier: String = String::new(),
        /// The approved security level, 1 to 5; 0 while none is. A system for several agencies of a province is of level 3.
        level: u8 = 0,
        /// Number and day of the decision that approved it.
        approved_by: String = String::new(),
        /// Who keeps the clock, where it is not a program on this machine that can be seen: the host of a container, and its source.
        clock_kept_by: String = String::new(),
    }
}
