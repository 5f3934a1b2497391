//! How much of everything this room takes.

/// The sizes this room keeps to. Filled from configuration; the defaults are what the national exchange's real
/// client can work with (VXP 1, VXP 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one edXML package. VXP 4.2: 200 MB, four times what a known gateway assumes.
    pub package_bytes_max: usize,
    /// Bytes of one edXML package that are not attachments: the text that is held in memory. Ours: 1,000 receivers with all their
    /// fields are some 2 MB.
    pub markup_bytes_max: usize,
    /// Bytes of files of one package that stay in memory once they were read, all together; what is more is unpacked again when
    /// it is wanted. Ours: most documents with their annexes.
    pub held_bytes_max: usize,
    /// Elements below one another. VXP 4.2: 64 (RULES E4 says 40; the wider one was tried on the real reader).
    pub depth_max: usize,
    /// Elements in a package. RULES E4 says 10,000, but 1,000 receivers with nine fields each already need 9,000.
    pub elements_max: usize,
    /// Attributes on one element. Ours: the richest field sample has five.
    pub attributes_max: usize,
    /// Attachments of one document. VXP 4.2.
    pub attachments_max: usize,
    /// Receivers of one document. VXP 4.2.
    pub receivers_max: usize,
    /// Entries of every other repeated element (places, answers, trace headers). Ours, the same as receivers.
    pub list_max: usize,
    /// Characters of any text we store. VXP 4.2. Texts for people are clipped with a warning, texts that are
    /// compared (ids, numbers) are refused.
    pub text_chars_max: usize,
    /// Bytes of all attachments after decoding and unpacking. Ours: twice the largest package.
    pub unpacked_bytes_max: usize,
    /// How many times larger than its packed form a packed attachment may become. RULES E12: 100.
    pub unpack_ratio_max: usize,
    /// Size up to which the ratio does not matter: a nearly empty form packs better than 100 to 1. Ours.
    pub unpack_ratio_free_bytes: usize,
    /// Entries of an archive that is looked into. Ours: Office files have a few dozen.
    pub archive_entries_max: usize,
    /// Warnings kept for one package; the rest is counted only. Ours: nobody reads more.
    pub warnings_max: usize,
    /// Bytes of the signed header text. VXP 1: 2,000 receivers make 80 KB; headers up to 256 KB are let in.
    pub sign_header_bytes_max: usize,
    /// Members of the signed header object. VXP 1: 64 header lines.
    pub sign_header_members_max: usize,
    /// Bytes of the JSON body of `registerAgency`. Ours: seven short strings.
    pub call_body_bytes_max: usize,
    /// Rows of one list answer. VXP 3.7: 1,000.
    pub page_rows_max: u32,
    /// Days for which what is addressed to a code that was closed by a merger, or replaced, goes to who follows. RULES I6.
    pub forward_closed_days: u32,
    /// Agencies a system may look at in one page of the register. Ours: a page is some 400 KB of text.
    pub register_page_rows: i64,
    /// Whether a status with a code outside the list is read (RULES 1.4: archives and other axes hold some). VXP 5 refuses it
    /// at the exchange's own door.
    pub unknown_status_codes: bool,
    /// Characters of a text that is searched for a secrecy stamp. Ours: some 300 pages.
    pub secrecy_text_chars_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            package_bytes_max: 200 * 1024 * 1024,
            markup_bytes_max: 16 * 1024 * 1024,
            held_bytes_max: 4 * 1024 * 1024,
            depth_max: 64,
            elements_max: 50_000,
            attributes_max: 64,
            attachments_max: 100,
            receivers_max: 1_000,
            list_max: 1_000,
            text_chars_max: 2_000,
            unpacked_bytes_max: 400 * 1024 * 1024,
            unpack_ratio_max: 100,
            unpack_ratio_free_bytes: 1024 * 1024,
            archive_entries_max: 4_096,
            warnings_max: 32,
            sign_header_bytes_max: 256 * 1024,
            sign_header_members_max: 64,
            call_body_bytes_max: 64 * 1024,
            page_rows_max: 1_000,
            forward_closed_days: 365,
            register_page_rows: 1_000,
            unknown_status_codes: false,
            secrecy_text_chars_max: 1_000_000,
        }
    }
}
