//! How mail is carried to other servers.

use serde::{Deserialize, Serialize};

use super::Explained;

section! {
    /// How mail is carried to other servers. How many connections there are in all says mail.deliveries_max.
    Delivery {
        /// Connections to one destination at most. It begins with two, gets more while it takes mail, and one when it turns us away.
        to_one_max: usize = 20,
        /// Seconds for which a connection without work is kept for the next mail; 0 keeps none.
        keep_seconds: u64 = 3,
        /// Messages over one connection at most.
        messages_per_connection: usize = 100,
        /// Seconds after which the mail of a node that died is carried by another. A node that lives renews what it holds. From 5 to 3600.
        lease_seconds: u64 = 120,
    }
}
