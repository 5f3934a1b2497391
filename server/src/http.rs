//! The web doors: connections, and which request goes where.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::house::House;
use crate::intake::Intake;
use crate::judging::Judging;
use crate::mail_path::MailPath;

/// A handshake that takes longer is nobody we know.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection without a request; exchange clients forget theirs (VXP 1).
const HEADER_WAIT: Duration = Duration::from_secs(30);
/// Requests of one HTTP/2 connection at once (RFC 9113 §6.5.2 wants a hundred).
const STREAMS_MAX: u32 = 100;
/// Bytes of each that may be on their way before they are read.
const STREAM_WINDOW: u32 = 128 * 1024;
/// Header lines of one request (VXP 1 asks for at least 64).
const HEADERS_MAX: usize = 128;

/// What serves the requests of a web door.
#[derive(Clone)]
pub(crate) struct Server {
    house: Arc<House>,
    router: Router,
    tls: Option<TlsAcceptor>,
}

impl Server {
    pub(crate) fn new(
        house: Arc<House>,
        intake: Arc<Intake>,
        path: Arc<MailPath>,
        judge: Arc<Judging>,
        tls: Option<TlsAcceptor>,
    ) -> anyhow::Result<Self> {
        let router = router(house.clone(), (intake, path, judge), tls.is_some())?;
        Ok(Self { house, router, tls })
    }

    /// Serves one connection to its end.
    pub(crate) async fn visit(self, stream: TcpStream, peer: SocketAddr) {
        match self.tls.clone() {
            None => self.serve(stream, peer).await,
            Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, peer).await,
                // Scanners and broken clients; the operator sees them at the debug level.
                Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    }

    async fn serve<S>(self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.house.config.http;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_WAIT)
            .max_headers(HEADERS_MAX)
            .max_buf_size(limits.header_bytes_max.max(8192));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS_MAX)
            .initial_stream_window_size(STREAM_WINDOW)
            // What waits for a place is not read yet. All of it at once must leave the others their turn (RFC 9113 §5.2.2).
            .initial_connection_window_size(STREAMS_MAX * STREAM_WINDOW)
            .keep_alive_interval(Duration::from_secs(60));
        // A layer of the connection's own would copy the whole table of routes for each.
        let router = self.router;
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            TowerToHyperService::new(router.clone()).call(request)
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        // A stop lets the request in hand finish and then closes.
        let graceful = GracefulShutdown::new();
        let connection = graceful.watch(connection);
        let stop = self.house.stop.clone();
        let leave = async move {
            stop.cancelled().await;
            graceful.shutdown().await;
        };
        tokio::select! {
            ended = connection => if let Err(error) = ended { tracing::debug!("a connection ended: {error}") },
            () = leave => {}
        }
    }
}

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

fn router(
    house: Arc<House>,
    (intake, path, judge): (Arc<Intake>, Arc<MailPath>, Arc<Judging>),
    has_tls: bool,
) -> anyhow::Result<Router> {
    let mut router: Router<Arc<House>> =
        Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready));
    if !has_tls {
        // Numbers for the operator stay on the machine: the door without TLS is a loopback door (R57).
        router = router.route("/metrics", get(metrics));
    }
    let mut router = router
        .with_state(house.clone())
        .merge(crate::jmap::routes(house.clone(), path, judge)?)
        .merge(crate::pages::routes(house.clone()))
        .merge(crate::check::routes(house.clone())?)
        .merge(crate::ledger::routes(house.clone())?)
        .merge(crate::tls_policy::publish::routes(house.clone()))
        .merge(crate::client_setup::autoconfig::routes(house.clone()))
        .merge(crate::exchange::routes(house.clone(), intake.clone()))
        .merge(crate::api::routes(house.clone(), intake));
    if crate::demo::exists(&house.config.house.data) {
        router = router.merge(crate::demo::routes(house)?);
    }
    let fixed = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Ok(router
        .fallback(async || {
            problem(StatusCode::NOT_FOUND, "not-found", "Không có trang này. / There is no such page.")
        })
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(CatchPanicLayer::new()))
}

/// An error as RFC 9457 has it, with a sentence in Vietnamese and English.
pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": format!("urn:congvan:problem:{code}"),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// The same, with a header of its own.
pub(crate) fn problem_headed(
    status: StatusCode,
    headers: impl axum::response::IntoResponseParts,
    code: &str,
    detail: &str,
) -> Response {
    (headers, problem(status, code, detail)).into_response()
}

async fn ready(State(house): State<Arc<House>>) -> Response {
    match house.store.ping().await {
        Ok(()) if !house.stop.is_cancelled() => (StatusCode::OK, "ready\n").into_response(),
        Ok(()) => problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", "Đang dừng. / Stopping."),
        Err(error) => {
            tracing::warn!("not ready: {error}");
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "storage",
                "Không truy cập được dữ liệu. / The data cannot be reached.",
            )
        }
    }
}

async fn metrics(State(house): State<Arc<House>>) -> Response {
    let depth = house.store.read((), |tx, ()| Box::pin(async move { tx.outbox_depth().await })).await;
    if let Ok(depth) = depth {
        house.metrics.outbox_depth.set(depth);
    }
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], house.metrics.page()).into_response()
}

/// The answer when the store cannot be asked.
pub(crate) fn storage_problem(error: &store::Error) -> Response {
    tracing::warn!("a request failed in the store: {error}");
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "storage",
        "Hệ thống tạm thời không truy cập được dữ liệu. / The data cannot be reached now.",
    )
}
