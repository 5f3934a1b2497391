//! Conditions that few messages fulfil, each with an index of its own. Where few messages are looked at anyway, those are asked instead.

use super::{ACCOUNT, Parameter, Statement};

impl Statement {
    /// The few that are not seen have an index; where few messages are looked at anyway, those are asked.
    pub(super) fn unseen(&mut self) -> String {
        if self.is_narrow {
            return format!("{} NOT LIKE '% $seen %'", self.own("keywords"));
        }
        // The condition is the index's own, to the letter.
        format!(
            "{} IN (SELECT u.email_id FROM email u WHERE u.account_id = {ACCOUNT} AND u.keywords NOT LIKE '% $seen %')",
            self.shared("email_id")
        )
    }

    pub(super) fn with_keyword(&mut self, keyword: &str) -> String {
        if self.is_narrow {
            let column = self.own("keywords");
            return self.keyword(&column, keyword);
        }
        let has = self.keyword("u.keywords", keyword);
        format!(
            "{} IN (SELECT u.email_id FROM email u WHERE u.account_id = {ACCOUNT} \
             AND u.keywords NOT IN ('  ', ' $seen ') AND {has})",
            self.shared("email_id")
        )
    }

    /// Messages shorter than so many octets. Those are nearly all of them: SQLite, which has no statistics, would begin with the index of sizes and then
    /// put everything in order; the plus sign hides it. The few that are long come from it.
    pub(super) fn shorter_than(&mut self, bytes: u64) -> String {
        let column = self.own("size");
        let hidden = if self.is_postgres { "" } else { "+" };
        let bytes = self.bind(Parameter::Int(i64::try_from(bytes).unwrap_or(i64::MAX)));
        format!("{hidden}{column} < {bytes}")
    }

    /// Messages with an attachment. The condition is the index's own, to the letter.
    pub(super) fn with_attachment(&mut self) -> String {
        if self.is_narrow {
            return format!("{} = 1", self.own("has_attachment"));
        }
        format!(
            "{} IN (SELECT u.email_id FROM email u WHERE u.account_id = {ACCOUNT} AND u.has_attachment = 1)",
            self.shared("email_id")
        )
    }
}
