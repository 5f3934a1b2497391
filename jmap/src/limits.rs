//! How much of everything. Clients see the first half in the session object.

/// The bounds of this room; the program fills them from its configuration.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `maxSizeUpload`, bytes: an attachment of a mail of 50 MB, the largest the house takes.
    pub size_upload_max: usize,
    /// `maxConcurrentUpload`: RFC 8620 §2 suggests 4 at least. The program counts.
    pub concurrent_upload_max: usize,
    /// `maxSizeRequest`, bytes: RFC 8620 §2 suggests 10,000,000 at least.
    pub size_request_max: usize,
    /// `maxConcurrentRequests`: RFC 8620 §2 suggests 4 at least. The program counts.
    pub concurrent_requests_max: usize,
    /// `maxCallsInRequest`: RFC 8620 §2 suggests 16 at least.
    pub calls_max: usize,
    /// `maxObjectsInGet`: RFC 8620 §2 suggests 500 at least.
    pub objects_in_get_max: usize,
    /// `maxObjectsInSet`: RFC 8620 §2 suggests 500 at least.
    pub objects_in_set_max: usize,
    /// Results of one query, and changes of one `/changes`; more are asked for page by page.
    pub page_max: usize,
    /// JSON values in a request. A value costs memory however short its text is: ten megabytes of `0,` are five
    /// million values. 200,000 are four times a `/set` of 500 whole messages.
    pub values_max: usize,
    /// Bytes that back references may copy in one request: without an end, sixteen calls could double a value
    /// sixteen times.
    pub referenced_bytes_max: usize,
    /// Bytes of messages that one `Email/get` opens; 500 ordinary ones with attachments fit.
    pub opened_bytes_max: u64,
    /// Bytes of text that one `Email/get` answers in body values; what is beyond comes truncated, and says so.
    pub body_values_bytes_max: usize,
    /// `maxSizeAttachmentsPerEmail`, bytes (RFC 8621 §1.3.1): with base64's third more it fits into a mail of 50 MB.
    pub attachments_bytes_max: usize,
    /// Parts of a message that a client composes.
    pub composed_parts_max: usize,
    /// Multiparts in one another in a message that a client composes.
    pub composed_depth_max: usize,
    /// `maxMailboxesPerEmail` (RFC 8621 §1.3.1).
    pub mailboxes_per_email_max: usize,
    /// Keywords of one message: as many as the memory keeps.
    pub keywords_max: usize,
    /// `maxMailboxDepth` (RFC 8621 §1.3.1).
    pub mailbox_depth_max: usize,
    /// `maxSizeMailboxName`, bytes (RFC 8621 §1.3.1 asks for 100 at least).
    pub mailbox_name_max: usize,
    /// Messages that destroying a mailbox with `onDestroyRemoveEmails` takes along in one call.
    pub emptied_max: usize,
    /// Recipients of one submission: RFC 5321 §4.5.3.1.8 asks for 100 at least; a ministry's circular has more.
    pub recipients_max: usize,
    /// `maxDelayedSend`, seconds (RFC 8621 §1.3.2): how long a submission may wait before it leaves, as at the submission port.
    pub hold_seconds_max: u64,
    /// `maxDataSources` (RFC 9404 §3): RFC 9404 asks for 64 at least.
    pub data_sources_max: usize,
    /// Bytes of a text that a client keeps here: a signature, an answer while somebody is away.
    pub kept_text_max: usize,
    /// Seconds an upload waits for its use: RFC 8620 §6.1 asks for an hour at least.
    pub upload_seconds: u64,
    /// Bounds on what reading a message costs.
    pub message: mail::message::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size_upload_max: 50_000_000,
            concurrent_upload_max: 4,
            size_request_max: 10_000_000,
            concurrent_requests_max: 8,
            calls_max: 32,
            objects_in_get_max: 500,
            objects_in_set_max: 500,
            page_max: 1_000,
            values_max: 200_000,
            referenced_bytes_max: 4_000_000,
            opened_bytes_max: 256_000_000,
            body_values_bytes_max: 32_000_000,
            attachments_bytes_max: 36_000_000,
            composed_parts_max: 200,
            composed_depth_max: 8,
            mailboxes_per_email_max: 20,
            keywords_max: 100,
            mailbox_depth_max: 10,
            mailbox_name_max: 200,
            emptied_max: 20_000,
            recipients_max: 500,
            hold_seconds_max: 7 * 24 * 3600,
            data_sources_max: 64,
            kept_text_max: 50_000,
            upload_seconds: 24 * 3600,
            message: mail::message::Limits::default(),
        }
    }
}
