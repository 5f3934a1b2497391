//! Everything has a size, and each size says where it comes from.

/// Bounds on what a stranger's file may cost. Filled from configuration; the defaults fit a province.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file. The exchange refuses packages above 300 MB long before us; 128 MiB is one scanned book.
    pub file_bytes: usize,
    /// Entries over all cross-reference sections. The largest real file we met had 190,000.
    pub objects: usize,
    /// Cross-reference sections (revisions). ISO 32000 sets none; a file signed by every ministry has under 100.
    pub revisions: usize,
    /// Nesting of arrays and dictionaries inside one object. ISO 32000-1 annex C: readers met 28; ours stops at 64.
    pub depth: usize,
    /// Bytes one compressed stream may unpack to. An object stream holds a few hundred small objects.
    pub stream_bytes: usize,
    /// Bytes all compressed streams of one file together may unpack to.
    pub unpacked_bytes: usize,
    /// Steps when walking the object graph of one revision.
    pub steps: usize,
    /// Signatures and document timestamps in one file. A circular signed by twenty agencies has about forty.
    pub signatures: usize,
    /// Pages looked at when a page changed.
    pub pages: usize,
    /// Bytes of one CMS blob. A CRL of the state's CA embedded in one is below 2 MiB.
    pub cms_bytes: usize,
    /// Bytes of content that has to be unpacked beside the file: out of base64, out of the pieces of a BER string, out
    /// of lines without CR. The largest mail servers take messages of 50 MB, which is 37 MB of content.
    pub unwrapped_bytes: usize,
    /// Signers of one CMS file. The minutes of a council of fifteen have as many.
    pub signers: usize,
    /// Certificates, revocation lists and OCSP answers taken from one file, each.
    pub evidence_items: usize,
    /// Bytes of an evidence bundle. Lists of a few large authorities, 8 MiB each in base64.
    pub bundle_bytes: usize,
    /// Nesting of XML elements. RULES E4 allows a package 40; office documents stay below 100.
    pub xml_depth: usize,
    /// Nodes of one XML file, and its attributes. An invoice of a thousand lines has 40,000.
    pub xml_nodes: usize,
    /// Attributes of one XML element. An office document's root has 40 declarations and few attributes.
    pub xml_attributes: usize,
    /// XML namespaces in scope at one place, and distinct ones in one file. An office document has 40.
    pub xml_namespaces: usize,
    /// References of one XML signature, its manifests' included. RULES E34: one per attachment.
    pub xml_references: usize,
    /// Bytes all canonical forms of one XML file and the parts its signatures name may have together: they can be
    /// larger than the file.
    pub xml_canonical_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 128 << 20,
            objects: 500_000,
            revisions: 256,
            depth: 64,
            stream_bytes: 32 << 20,
            unpacked_bytes: 128 << 20,
            steps: 2_000_000,
            signatures: 64,
            pages: 20_000,
            cms_bytes: 8 << 20,
            unwrapped_bytes: 48 << 20,
            signers: 16,
            evidence_items: 256,
            bundle_bytes: 64 << 20,
            xml_depth: 128,
            xml_nodes: 1_000_000,
            xml_attributes: 256,
            xml_namespaces: 128,
            xml_references: 256,
            xml_canonical_bytes: 192 << 20,
        }
    }
}
