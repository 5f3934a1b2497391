-- Files of documents, what later acts say of a document, and the evidence of each judgement.
--
-- Why: whoever holds a file may ask whether its document was recalled or replaced, knowing nothing but the file (the
-- question has no owner, so its index is by digest alone); and a judgement must come out the same in twenty years, from
-- the evidence it rested on (RULES D31, D34). Documents accepted before this are not in here: their files are in their
-- packages.

-- The files of a document in the order in which they were judged, the main one first. `evidence_id` names the blob with the
-- evidence bundle, owned by the sending agency; the row holds one reference to it.
CREATE TABLE document_file (
    agency_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    file_no BIGINT NOT NULL,
    sha256 BYTES NOT NULL,
    evidence_id BYTES,
    PRIMARY KEY (agency_id, document_id, file_no)
) KEYLESS;
CREATE INDEX document_file_by_digest ON document_file (sha256);

-- Which documents a recall, update or replacement is about: `target` is the normalised legal identifier, `document_id` the act.
CREATE TABLE document_act (
    agency_id BYTES NOT NULL,
    target TEXT NOT NULL,
    document_id BYTES NOT NULL,
    PRIMARY KEY (agency_id, target, document_id)
) KEYLESS;
