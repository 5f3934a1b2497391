//! What people and programs are told: a stable code, a Vietnamese and an English sentence. Codes never change
//! their meaning; sentences may be improved.

use std::fmt;

macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident $id:literal $vi:literal $en:literal )*) => {
        /// A stable reason code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( #[doc = $en] $name, )* }

        impl Code {
            /// All codes, for manuals and tests.
            pub const ALL: &'static [Code] = &[$( Code::$name, )*];

            /// The code as it appears in reports and interfaces.
            pub fn id(self) -> &'static str {
                match self { $( Code::$name => $id, )* }
            }

            /// The Vietnamese sentence.
            pub fn vi(self) -> &'static str {
                match self { $( Code::$name => $vi, )* }
            }

            /// The English sentence.
            pub fn en(self) -> &'static str {
                match self { $( Code::$name => $en, )* }
            }
        }
    };
}

codes! {
    // The file.
    FormatUnsupported "format-unsupported" "Định dạng tệp chưa được hỗ trợ kiểm tra chữ ký số." "This file format is not yet supported for signature checking."
    FormatUnknown "format-unknown" "Không nhận ra định dạng tệp." "The file format is not recognised."
    FileTooLarge "file-too-large" "Tệp vượt quá kích thước cho phép." "The file is larger than allowed."
    Budget "budget-exceeded" "Tệp phức tạp vượt quá giới hạn xử lý an toàn." "The file is more complex than may safely be processed."
    Unsigned "unsigned" "Tài liệu không có chữ ký số." "The document carries no digital signature."
    // PDF structure.
    PdfHeader "pdf-header" "Tệp không bắt đầu bằng %PDF." "The file does not begin with %PDF."
    PdfSyntax "pdf-syntax" "Cú pháp PDF sai." "The PDF syntax is broken."
    PdfDepth "pdf-depth" "Cấu trúc PDF lồng nhau quá sâu." "The PDF structure is nested too deeply."
    PdfObject "pdf-object" "Đối tượng PDF bị hỏng." "A PDF object is damaged."
    PdfXref "pdf-xref" "Bảng tham chiếu chéo của PDF bị hỏng." "The PDF cross-reference data is damaged."
    PdfXrefLoop "pdf-xref-loop" "Bảng tham chiếu chéo của PDF quay vòng." "The PDF cross-reference sections form a loop."
    PdfEncrypted "pdf-encrypted" "Tệp PDF bị mã hóa nên không thể kiểm tra chữ ký số." "The PDF is encrypted; its signatures cannot be checked."
    PdfCatalog "pdf-catalog" "Tệp PDF thiếu hoặc hỏng danh mục gốc." "The PDF catalog is missing or damaged."
    PdfFilter "pdf-filter" "Kiểu nén trong PDF không được hỗ trợ hoặc dữ liệu nén bị hỏng." "A PDF stream is compressed in an unsupported way or damaged."
    PdfTrailing "pdf-trailing-bytes" "Có dữ liệu không giải thích được sau %%EOF cuối cùng." "Unexplained bytes follow the last %%EOF."
    PdfUnexplained "pdf-unexplained-bytes" "Có dữ liệu không giải thích được trong phần thêm vào sau chữ ký." "Unexplained bytes stand in what was added after the signature."
    PdfRevision "pdf-revision" "Các lần cập nhật của tệp PDF không nối tiếp nhau đúng cách." "The PDF's updates do not follow one another properly."
    PdfFieldLoop "pdf-field-loop" "Cây trường biểu mẫu của PDF quay vòng." "The PDF form field tree forms a loop."
    // Signature dictionary and ByteRange.
    SigDictionary "pdf-signature-dictionary" "Từ điển chữ ký bị hỏng." "The signature dictionary is damaged."
    SigDuplicateKey "pdf-signature-duplicate-key" "Từ điển chữ ký có khóa trùng lặp." "The signature dictionary has a duplicate key."
    SigInObjectStream "pdf-signature-in-object-stream" "Từ điển chữ ký nằm trong luồng nén." "The signature dictionary is hidden in an object stream."
    SigOrphan "pdf-signature-orphan" "Có từ điển chữ ký không thuộc trường chữ ký nào." "A signature dictionary belongs to no signature field."
    SigSubFilter "pdf-subfilter" "Kiểu chữ ký (SubFilter) không được hỗ trợ." "The signature's SubFilter is not supported."
    SigSubFilterWeak "pdf-subfilter-weak" "Kiểu chữ ký adbe.x509.rsa_sha1 (SHA-1, không có chứng thư trong chữ ký) đã bị loại bỏ vì yếu." "The signature type adbe.x509.rsa_sha1 (bare SHA-1) is weak and no longer supported."
    RangeMissing "byterange-missing" "Chữ ký thiếu ByteRange." "The signature has no ByteRange."
    RangeShape "byterange-shape" "ByteRange phải gồm đúng bốn số không âm." "ByteRange must be exactly four non-negative integers."
    RangeStart "byterange-start" "ByteRange không bắt đầu từ đầu tệp." "ByteRange does not start at the beginning of the file."
    RangeOrder "byterange-order" "ByteRange chồng lấn hoặc không tăng dần." "ByteRange overlaps or is not ascending."
    RangeOutside "byterange-outside" "ByteRange vượt ra ngoài tệp." "ByteRange reaches outside the file."
    RangeHole "byterange-hole" "Khoảng trống của ByteRange không trùng đúng với giá trị Contents." "The hole in ByteRange is not exactly the Contents value."
    RangeContents "byterange-contents" "Contents phải là chuỗi thập lục phân chỉ chứa chữ ký và số 0." "Contents must be a hexadecimal string holding the signature and zeros only."
    RangePartial "byterange-partial" "Chữ ký chỉ bao phủ một phần của phiên bản tài liệu." "The signature covers only part of a revision of the document."
    // Changes after signing.
    ChangedAfter "changed-after-signing" "Tài liệu đã bị sửa đổi sau khi ký." "The document was changed after it was signed."
    ChangedPage "changed-page" "Nội dung trang đã bị sửa đổi sau khi ký." "A page was changed after signing."
    ChangedForm "changed-form" "Biểu mẫu đã bị sửa đổi sau khi ký." "The form was changed after signing."
    ChangedCatalog "changed-catalog" "Danh mục tài liệu đã bị sửa đổi sau khi ký." "The document catalog was changed after signing."
    ChangedMetadata "changed-metadata" "Siêu dữ liệu hiển thị đã bị sửa đổi sau khi ký." "Visible metadata was changed after signing."
    ChangedDangling "changed-dangling-reference" "Một tham chiếu bỏ trống khi ký đã được lấp sau đó." "A reference left open when signing was filled in afterwards."
    ChangedDocMdp "changed-docmdp" "Người chứng thực không cho phép thay đổi này." "The certifying signer does not permit this change."
    ChangedLocked "changed-locked-field" "Trường đã bị khóa bởi chữ ký trước đó lại bị thay đổi." "A field locked by an earlier signature was changed."
    // Remarks on a PDF at intake: they change no verdict.
    NoteDangling "pdf-note-dangling-reference" "Có tham chiếu đến đối tượng không tồn tại: lần cập nhật sau có thể lấp vào." "Something refers to an object that is not there; a later update could fill it in."
    NoteUnused "pdf-note-unused-content" "Có trang, phông chữ hoặc nội dung không được dùng đến: lần cập nhật sau có thể kích hoạt." "Pages, fonts or drawings are in the file that nothing uses; a later update could bring them to light."
    NotePageTrees "pdf-note-several-page-trees" "Tệp có nhiều hơn một danh mục gốc hoặc cây trang." "The file has more than one catalog or page tree."
    NoteSameName "pdf-note-same-field-name" "Nhiều trường biểu mẫu có cùng một tên." "Several form fields have one name."
    NoteValueDiffers "pdf-note-value-differs" "Trường biểu mẫu hiển thị khác với giá trị của nó." "A form field shows something else than its value."
    NoteHiddenLayer "pdf-note-hidden-layer" "Có lớp nội dung bị ẩn hoặc hiển thị khác khi in." "Layers are hidden, or show differently on paper."
    NoteScript "pdf-note-script" "Tệp chứa mã JavaScript." "The file contains JavaScript."
    NoteOpenAction "pdf-note-open-action" "Tệp tự thực hiện hành động khi mở hoặc khi xem." "The file acts when it is opened or looked at."
    NoteLaunch "pdf-note-launch" "Tệp có thể chạy chương trình, gửi hoặc nạp dữ liệu." "The file can start programs, send or load data."
    NoteEmbedded "pdf-note-embedded-file" "Tệp có tệp khác đính kèm bên trong." "Other files are embedded in this one."
    NoteOutside "pdf-note-outside-content" "Một phần nội dung nằm ở tệp khác bên ngoài." "Part of the content lies in another file outside."
    NoteDuplicateKey "pdf-note-duplicate-key" "Có từ điển PDF lặp khóa: phần mềm khác nhau có thể hiển thị khác nhau." "A dictionary has a key twice; readers may show different things."
    NoteFilledUnsigned "pdf-note-filled-unsigned" "Biểu mẫu được điền sau chữ ký cuối cùng: không ai ký phần điền này." "A form was filled in after the last signature; nobody signed what it says."
    NoteOverContent "pdf-note-signature-over-content" "Hình chữ ký thêm sau che lên nội dung đã ký trước đó." "The picture of a later signature lies over content that was signed before."
    // CMS.
    CmsSyntax "cms-syntax" "Cấu trúc CMS của chữ ký bị hỏng." "The signature's CMS structure is damaged."
    CmsSigners "cms-signer-count" "Chữ ký phải có đúng một người ký." "The signature must have exactly one SignerInfo."
    CmsAttributes "cms-attributes" "Thuộc tính ký bị thiếu, trùng hoặc sai." "Signed attributes are missing, doubled or wrong."
    CmsContentType "cms-content-type" "Loại nội dung đã ký không khớp." "The signed content type does not match."
    CmsDigest "digest-mismatch" "Nội dung không khớp với giá trị băm đã ký: tài liệu đã bị sửa." "The content does not match the signed digest: the document was altered."
    CmsSignature "signature-wrong" "Giá trị chữ ký số không đúng với khóa của người ký." "The signature value is wrong for the signer's key."
    CmsAlgorithm "algorithm-unsupported" "Thuật toán ký không được hỗ trợ hoặc tham số không nhất quán." "The signature algorithm is unsupported or inconsistent."
    CmsNoCertificate "signer-certificate-missing" "Không tìm thấy chứng thư số của người ký." "The signer's certificate was not found."
    CmsBinding "signing-certificate-mismatch" "Thuộc tính signing-certificate không khớp với chứng thư số của người ký." "The signing-certificate attribute does not match the signer's certificate."
    CmsNoBinding "signing-certificate-missing" "Chữ ký CAdES hoặc XAdES thiếu thuộc tính signing-certificate." "The CAdES or XAdES signature lacks the signing-certificate attribute."
    CmsVersion "cms-version" "Phiên bản của cấu trúc CMS không phù hợp với nội dung." "The version of the CMS structure does not fit its contents."
    CmsArmor "cms-armor" "Dạng văn bản (PEM, Base64) của chữ ký bị hỏng hoặc có dữ liệu thừa." "The signature's text form (PEM, Base64) is damaged or has something beside it."
    CmsConfusion "content-is-attributes" "Nội dung được ký thực chất là thuộc tính ký của một chữ ký khác." "The signed content is in truth the signed attributes of another signature."
    Encrypted "encrypted" "Tệp bị mã hóa nên không thể biết có chữ ký số hay không." "The file is encrypted: whether it is signed cannot be told."
    CertificatesOnly "certificates-only" "Tệp chỉ chứa chứng thư số, không có chữ ký số nào." "The file holds certificates only, no signature."
    ContentMissing "content-missing" "Chữ ký tách rời: cần tệp nội dung đã ký để kiểm tra." "The signature is detached: the signed content is needed to check it."
    ContentDiffers "content-differs" "Tệp nội dung được cung cấp không phải là nội dung đã ký." "The content given is not the content that was signed."
    ContentTimestamp "content-timestamp" "Có dấu thời gian trên nội dung; chưa được kiểm tra." "There is a timestamp over the content; it was not judged."
    ArchiveTimestamp "archive-timestamp" "Có dấu thời gian lưu trữ; chưa được kiểm tra." "There is an archive timestamp; it was not judged."
    Countersignature "countersignature" "Có chữ ký xác nhận kèm theo; chưa được kiểm tra." "There is a countersignature; it was not judged."
    WeakDigest "weak-digest" "Thuật toán băm yếu (như SHA-1, MD5)." "A weak digest (such as SHA-1 or MD5) was used."
    WeakKey "weak-key" "Khóa ký quá ngắn." "The signing key is too short."
    // Mail.
    MailDamaged "mail-damaged" "Cấu trúc thư bị hỏng nên không thể kiểm tra chữ ký số." "The message's structure is damaged; its signature cannot be checked."
    MailAmbiguous "mail-ambiguous" "Thư có thể được hiểu theo nhiều cách khác nhau nên không thể kiểm tra chữ ký số." "The message can be read in more than one way; its signature cannot be checked."
    MailPartSigned "signed-part-not-whole" "Chỉ một phần của thư được ký, không phải toàn bộ thư." "Only a part of the message is signed, not the whole message."
    MailLineEndings "mail-line-endings" "Tệp thư đã mất ký tự CR cuối dòng; đã khôi phục để kiểm tra." "The file had lost the CR of its line ends; they were restored for checking."
    MailOutside "mail-text-outside" "Có văn bản nằm ngoài phần được ký ở cuối thư." "Text outside the signed part follows at the end of the message."
    MailHeadersUnsigned "mail-headers-unsigned" "Chủ đề, ngày gửi và người nhận của thư không được ký." "The message's subject, date and recipients are not signed."
    MailHeadersDiffer "mail-headers-differ" "Tiêu đề bên ngoài của thư khác với tiêu đề đã ký." "A header field of the message differs from the signed one."
    MailDateDiffers "mail-date-differs" "Ngày gửi thư khác xa thời điểm ký." "The message's date is far from the time of signing."
    FromAmbiguous "from-ambiguous" "Không xác định được duy nhất một địa chỉ người gửi (From)." "The sender (From) is not exactly one clear address."
    FromMissing "from-missing" "Thư không nêu người gửi (From)." "The message names no sender (From)."
    FromNotSigner "from-not-signer" "Địa chỉ người gửi (From) không có trong chứng thư số của người ký." "The sender's address (From) is not in the signer's certificate."
    // Certificate and path.
    Untrusted "untrusted" "Chứng thư số không thuộc gốc tin cậy của chữ ký số chuyên dùng công vụ." "The certificate does not chain to a trusted root."
    PathInvalid "path-invalid" "Đường dẫn chứng thực không hợp lệ." "The certification path is not valid."
    Expired "certificate-expired" "Chứng thư số đã hết hạn vào thời điểm ký." "The certificate had expired at the time of signing."
    NotYetValid "certificate-not-yet-valid" "Chứng thư số chưa có hiệu lực vào thời điểm ký." "The certificate was not yet valid at the time of signing."
    Revoked "certificate-revoked" "Chứng thư số đã bị thu hồi trước thời điểm ký." "The certificate was revoked before the time of signing."
    RevokedNoProof "certificate-revoked-no-proof" "Chứng thư số đã bị thu hồi và không có dấu thời gian chứng minh việc ký diễn ra trước đó." "The certificate is revoked and no timestamp proves that signing came first."
    RevocationUnknown "revocation-unknown" "Chưa xác định được tình trạng thu hồi của chứng thư số." "The certificate's revocation status could not be determined."
    RevocationLate "revocation-late" "Thông tin thu hồi đã quá hạn cập nhật, được chấp nhận trong thời gian gia hạn; nên kiểm tra lại sau." "The revocation evidence is past its next update and was accepted within the grace period; try again later."
    KeyUsage "key-usage" "Chứng thư số không được phép dùng để ký tài liệu." "The certificate may not be used to sign documents."
    // Time.
    NoTimestamp "no-timestamp" "Chữ ký không có dấu thời gian." "The signature has no timestamp."
    TimestampInvalid "timestamp-invalid" "Dấu thời gian không hợp lệ." "The timestamp is not valid."
    TimestampImprint "timestamp-imprint" "Dấu thời gian không thuộc về chữ ký này." "The timestamp belongs to other data."
    TimestampUntrusted "timestamp-untrusted" "Chứng thư số của dịch vụ dấu thời gian không được tin cậy hoặc chưa xác định được." "The timestamp authority's certificate is not trusted or could not be determined."
    TimestampExpired "timestamp-expired" "Chứng thư số của dịch vụ dấu thời gian đã hết hạn và không có dấu thời gian sau đó chứng minh dấu này đã tồn tại trước khi hết hạn." "The timestamp authority's certificate has expired, and no later timestamp proves that this one existed before."
    EvidenceNoProof "evidence-no-proof" "Có bằng chứng thu hồi do chứng thư số đã hết hạn ký mà không chứng minh được là có từ trước: không được dùng." "Revocation evidence was signed with a certificate that has expired, and nothing proves that it existed before: it is not used."
    TimestampOrder "timestamp-order" "Thứ tự thời gian của các chữ ký mâu thuẫn nhau." "The times of the signatures contradict one another."
    TimeFuture "time-in-future" "Thời điểm ký nằm trong tương lai." "The signing time lies in the future."
    TimestampRefused "timestamp-refused" "Dịch vụ dấu thời gian từ chối yêu cầu." "The timestamp authority refused the request."
    // Legal value.
    LeaderMissing "leader-signature-missing" "Thiếu chữ ký số hợp lệ của người có thẩm quyền." "A valid signature of the competent person is missing."
    SealMissing "agency-signature-missing" "Thiếu chữ ký số hợp lệ của cơ quan." "A valid signature of the agency is missing."
    SealOrder "agency-signature-order" "Chữ ký số của cơ quan phải ký sau và bao phủ chữ ký của người có thẩm quyền." "The agency's signature must come after the competent person's and cover it."
    NotByExchange "not-by-exchange" "Văn bản không đến qua hệ thống gửi, nhận văn bản điện tử: chỉ để biết, tham khảo." "The document did not arrive through the exchange: for information only."
    NotAllValid "signature-not-valid" "Có chữ ký số không hợp lệ hoặc chưa xác định." "A signature is not valid or undetermined."
    AttachmentUnsealed "attachment-unsealed" "Phụ lục chưa ký số của cơ quan." "The attachment does not bear the agency's signature."
    NotPublicService "not-public-service" "Chữ ký không phải chữ ký số chuyên dùng công vụ." "The signature is not a specialised public-service signature."
    SealNotRegistered "seal-not-registered" "Chứng thư số của cơ quan ký chưa được cơ quan gửi đăng ký." "The sealing certificate is not registered by the sending agency."
    LeaderNotRegistered "leader-not-registered" "Chứng thư số của người ký chưa được cơ quan gửi đăng ký." "The signing person's certificate is not registered by the sending agency."
    SignerNameDiffers "signer-name-differs" "Người ký số không phải là người ký ghi trong gói tin." "The person who signed is not the signer named in the package."
    OfficerInvalid "officer-cannot-override" "Văn thư không thể chấp nhận chữ ký số không hợp lệ." "A records officer cannot accept an invalid signature."
    NotPdf "not-a-pdf" "Chỉ văn bản PDF mới có thể có giá trị như bản gốc." "Only a PDF can be the equal of a paper original."
    // Evidence bundles.
    BundleFormat "bundle-format" "Tệp không phải là gói bằng chứng đọc được (hoặc thuộc phiên bản khác)." "The file is no evidence bundle that can be read, or of another version."
    BundleDocument "bundle-other-document" "Gói bằng chứng thuộc về một văn bản khác." "The evidence bundle belongs to another document."
    BundleDiffers "bundle-differs" "Kết quả kiểm tra lại khác với kết quả trong gói bằng chứng." "Judging again does not give the result that the evidence bundle holds."
    BundleMoment "bundle-moment-unproven" "Không có dấu thời gian tin cậy chứng minh thời điểm của gói bằng chứng: chỉ tin gói lấy từ nơi lưu trữ đáng tin." "No trusted timestamp proves the moment of the evidence bundle: believe it only from an archive you trust."
    BundleAnchors "bundle-anchors-unconfirmed" "Gốc tin cậy trong gói bằng chứng chưa được xác nhận ở đây." "The trust anchors of the evidence bundle are not confirmed here."
    // Making.
    MakeField "make-field" "Không thể thêm trường chữ ký vào tài liệu này." "A signature field cannot be added to this document."
    MakeSpace "make-space" "Chỗ dành cho chữ ký quá nhỏ." "The space reserved for the signature is too small."
    MakeKey "make-key" "Không ký được bằng khóa này." "Signing with this key failed."
    MakeLocked "make-locked" "Người chứng thực trước đó không cho phép thêm chữ ký." "An earlier certifying signer does not permit further signatures."
    MakeMail "make-mail" "Thư này không thể ký nguyên dạng: có phần 8-bit bên trong." "This message cannot be signed as it is: a part inside holds 8-bit text."
    MakeCheck "make-check" "Chữ ký vừa tạo không vượt qua bước kiểm tra lại, tệp không được phát hành." "The new signature did not pass the check after signing; the file is not released."
    MakePage "make-page" "Không có trang hoặc vị trí này trong tài liệu." "The document has no such page or place."
    MakeFieldMissing "make-field-missing" "Tài liệu không có trường biểu mẫu này." "The document has no form field of this name."
    MakeText "make-text" "Nội dung không vừa với trường biểu mẫu." "The text does not fit into the form field."
    MakeLetter "make-letter" "Phông chữ không có ký tự này." "The font does not have this letter."
    MakeState "make-state" "Trạng thái ký dở dang bị hỏng." "The state of a signature in progress is damaged."
    MakeBroken "make-broken-before" "Chữ ký đã có trong tài liệu bị hỏng hoặc không kiểm tra được: không ký thêm." "A signature already in the document is broken or cannot be checked: nothing is added."
    MakeLevel "make-level" "Không đạt mức chữ ký được yêu cầu." "The signature does not reach the level asked for."
    // Pictures of signatures and seals.
    PictureUnreadable "picture-unreadable" "Ảnh không phải là PNG đọc được." "The picture is not a readable PNG."
    PictureSize "picture-size" "Kích thước ảnh quá nhỏ hoặc quá lớn." "The picture is too small or too large."
    PictureOpaque "picture-opaque" "Ảnh không có nền trong suốt." "The picture has no transparency."
    PictureBackground "picture-background" "Nền của ảnh chưa hoàn toàn trong suốt." "The picture's background is not fully transparent."
    PictureNotBlue "picture-not-blue" "Ảnh chữ ký của người có thẩm quyền phải có màu xanh." "The picture of a handwritten signature must be blue."
    PictureNotRed "picture-not-red" "Ảnh con dấu phải có màu đỏ." "The picture of a seal must be red."
    PictureNotRound "picture-not-round" "Ảnh con dấu không tròn: chiều rộng và chiều cao khác nhau." "The picture of the seal is not round: its width and height differ."
    // XML signatures.
    XmlEncoding "xml-encoding" "Tệp XML không ở bảng mã UTF-8." "The XML file is not encoded in UTF-8."
    XmlSyntax "xml-syntax" "Cú pháp XML sai." "The XML syntax is broken."
    XmlDoctype "xml-doctype" "Tệp XML có khai báo kiểu tài liệu (DOCTYPE), điều không được phép." "The XML file has a document type (DOCTYPE), which is not allowed."
    XmlEntity "xml-entity" "Tệp XML dùng thực thể không xác định." "The XML file uses an unknown entity."
    XmlNamespace "xml-namespace" "Không gian tên XML sai hoặc chưa khai báo." "An XML namespace is wrong or not declared."
    XmlDuplicateId "xml-duplicate-id" "Nhiều phần tử XML có cùng một mã định danh." "Several XML elements share one identifier."
    XmlStructure "xml-signature-structure" "Cấu trúc chữ ký XML bị hỏng." "The structure of the XML signature is damaged."
    XmlNoReference "xml-no-reference" "Chữ ký XML không tham chiếu đến nội dung nào." "The XML signature refers to no content."
    XmlReference "xml-reference" "Không tìm thấy nội dung mà chữ ký XML tham chiếu." "What the XML signature refers to was not found."
    XmlExternal "xml-reference-external" "Chữ ký XML tham chiếu đến nội dung bên ngoài không được cung cấp." "The XML signature refers to outside content that was not supplied."
    XmlTransform "xml-transform" "Chữ ký XML dùng phép biến đổi không được phép." "The XML signature uses a transform that is not allowed."
    XmlSelf "xml-reference-to-itself" "Chữ ký XML tham chiếu đến chính nó." "The XML signature refers to itself."
    XmlWrapped "xml-wrapped" "Phần đã ký đã bị dời chỗ và một phần chưa ký cùng tên đứng bên cạnh." "An unsigned element of the same name stands beside the signed one: the signed content may have been moved."
    XmlUnsigned "xml-unsigned-content" "Tài liệu có nội dung không được chữ ký nào bao phủ." "The document has content that no signature covers."
    XmlPart "xml-part-only" "Chữ ký chỉ bao phủ một số phần của tài liệu." "The signature covers only parts of the document."
    XmlComments "xml-comments-not-covered" "Các chú thích trong tài liệu không được chữ ký bao phủ." "Comments in the document are not covered by the signature."
    XmlForeignName "xml-foreign-namespace" "Chữ ký XML không ở không gian tên chuẩn của XMLDSig." "The XML signature is not in the standard's namespace."
    XadesProperties "xades-properties" "Thuộc tính XAdES bị hỏng hoặc không được ký." "The XAdES properties are damaged or not signed."
    XadesCounter "xades-counter-signature" "Chữ ký xác nhận (counter-signature) không được kiểm tra." "A counter-signature was not checked."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A code and where it applies. Never holds personal data: object numbers, offsets, names of attributes only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}{}", .code.en(), .detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// Where: `object 12 0`, `offset 4711`, `ByteRange`.
    pub detail: Option<String>,
}

impl Reason {
    /// A reason without a place.
    pub fn new(code: Code) -> Self {
        Self { code, detail: None }
    }

    /// A reason at a byte offset of the file.
    pub fn at(code: Code, offset: usize) -> Self {
        Self { code, detail: Some(format!("offset {offset}")) }
    }

    /// A reason that names a thing.
    pub fn of(code: Code, what: impl fmt::Display) -> Self {
        Self { code, detail: Some(what.to_string()) }
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_both_languages_speak() {
        let ids: HashSet<_> = Code::ALL.iter().map(|c| c.id()).collect();
        assert_eq!(ids.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.vi().ends_with('.') && code.en().ends_with('.'), "{code}");
            assert!(code.id().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }
    }
}
