//! The order by relevance: what was asked to the letter comes first, and the subject counts for more than the text.

use super::Statement;
use crate::SearchField;
use crate::search::field::fields;

/// Questions of one search that are weighed; further ones only have to be fulfilled.
const QUESTIONS_MAX: usize = 4;

impl Statement {
    /// How well a message answers, as a number; `None` when nothing was asked in words.
    ///
    /// Whole words weigh 1 and stand before words that are only begun so; the words beside one another, in this order, weigh 2 more. In the subject
    /// both weigh four times as much besides.
    pub(super) fn relevance(&mut self) -> Option<String> {
        let asked = std::mem::take(&mut self.asked);
        let mut parts = Vec::new();
        for (field, question) in asked.iter().take(QUESTIONS_MAX).filter(|(_, question)| !question.is_empty())
        {
            let whole = question.whole();
            let beside = question.beside();
            let mut places = vec![(fields(*field), 1)];
            if *field == SearchField::Text {
                places.push((fields(SearchField::Subject), 4));
            }
            for (fields, weight) in places {
                for (question, weight) in [(&whole, weight), (&beside, 2 * weight)] {
                    let condition = self.words(&fields, question);
                    parts.push(format!("CASE WHEN {condition} THEN {weight} ELSE 0 END"));
                }
            }
        }
        self.asked = asked;
        (!parts.is_empty()).then(|| format!("({})", parts.join(" + ")))
    }
}
