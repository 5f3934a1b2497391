//! A connection that may turn from plain to encrypted half-way (STARTTLS).
//!
//! Nothing is buffered here: bytes that were read before TLS are the session's to judge, and bytes of the handshake are read by
//! TLS alone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::CommonState;
use rustls::pki_types::ServerName;
use smtp::Tls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// How long a goodbye may take; nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(2);

/// The connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    /// From a program on this machine; it stays plain.
    Local(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake failed: there is nothing left to talk through.
    Broken,
}

impl Wire {
    /// Reads some bytes; 0 when the peer has finished.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Local(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes everything and sees it off.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Local(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Begins TLS as the server.
    pub(crate) async fn accept_tls(&mut self, acceptor: &TlsAcceptor) -> io::Result<Tls> {
        let stream = self.take_plain()?;
        let stream = TlsStream::Server(acceptor.accept(stream).await?);
        Ok(self.put_tls(stream))
    }

    /// Begins TLS as the client.
    pub(crate) async fn connect_tls(
        &mut self,
        config: &Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Tls> {
        let stream = self.take_plain()?;
        let stream = TlsConnector::from(config.clone()).connect(name, stream).await?;
        Ok(self.put_tls(TlsStream::Client(stream)))
    }

    /// `tls-exporter` (RFC 9266): what both ends of this very connection know and nobody else. TLS 1.3 only: before, it could be the same on two
    /// connections (RFC 9266 §4.2).
    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        let Self::Tls(stream) = self else { return None };
        let TlsStream::Server(stream) = stream.as_ref() else { return None };
        let (_, state) = stream.get_ref();
        let is_new = state.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
        let export = || state.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).ok();
        is_new.then(export).flatten()
    }

    /// The certificate that the client has shown and TLS has found good, as it came.
    pub(crate) fn client_certificate(&self) -> Option<&[u8]> {
        let Self::Tls(stream) = self else { return None };
        let TlsStream::Server(stream) = stream.as_ref() else { return None };
        stream.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// Closes politely.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            match &mut self {
                Self::Plain(stream) => stream.shutdown().await,
                Self::Local(stream) => stream.shutdown().await,
                Self::Tls(stream) => stream.shutdown().await,
                Self::Broken => Ok(()),
            }
        };
        // The peer may have gone first.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    fn take_plain(&mut self) -> io::Result<TcpStream> {
        match std::mem::replace(self, Self::Broken) {
            Self::Plain(stream) => Ok(stream),
            // A session never asks for TLS twice.
            Self::Local(_) | Self::Tls(_) | Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn put_tls(&mut self, stream: TlsStream<TcpStream>) -> Tls {
        let tls = agreed(stream.get_ref().1, matches!(stream, TlsStream::Server(_)));
        *self = Self::Tls(Box::new(stream));
        tls
    }
}

/// What was agreed on, in registered names: rustls tells the suites of TLS 1.3 apart by a prefix of its own.
fn agreed(state: &CommonState, is_server: bool) -> Tls {
    let version = state.protocol_version().and_then(|version| version.as_str());
    let suite = state.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    Tls {
        version: version.unwrap_or("TLS").replace("TLSv1_", "TLS1."),
        cipher: suite.unwrap_or("TLS").replace("TLS13_", "TLS_"),
        is_certified: is_server && state.peer_certificates().is_some(),
    }
}
