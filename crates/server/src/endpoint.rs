//! Where measurements can be asked for. In a thread of its own, and from the ledger: whoever asks waits for nothing that the
//! daemon does, and the daemon never waits for whoever asks.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use holdfast_ops::error::Error;
use holdfast_ops::metrics::Snapshot;
use tokio::runtime::{Builder, Runtime};

use crate::exposition::exposition;
use crate::limited::Limited;

/// Reads what is measured.
type Source<T> = Arc<dyn Fn() -> Result<T, Error> + Send + Sync>;

/// What answers; it ends when it is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Endpoint {
    /// Begins to answer at an address of this machine: `/metrics` and `/healthz`.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub fn begin(
        listen: SocketAddr,
        source: impl Fn() -> Result<Snapshot, Error> + Send + Sync + 'static,
        well: impl Fn() -> Result<Option<String>, Error> + Send + Sync + 'static,
    ) -> std::io::Result<Endpoint> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("metrics").enable_all().build()?;
        // One reading at a time, however many ask.
        let turn = Mutex::new(());
        let of_metrics: Source<Snapshot> = Arc::new(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            source()
        });
        let of_health: Source<Option<String>> = Arc::new(well);
        let routes = Router::new()
            .route("/metrics", get(move || metrics(Arc::clone(&of_metrics))))
            .route("/healthz", get(move || health(Arc::clone(&of_health))));
        let listener = {
            let _inside = runtime.enter();
            Limited::new(tokio::net::TcpListener::from_std(listener)?)
        };
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(Endpoint { address, _runtime: runtime })
    }

    /// Where it answers; the port that the system chose, where none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn read<T: Send + 'static>(source: Source<T>) -> Result<T, String> {
    match tokio::task::spawn_blocking(move || source()).await {
        Ok(read) => read.map_err(|error| error.message),
        Err(error) => Err(format!("a bug ended the reading: {error}")),
    }
}

async fn metrics(source: Source<Snapshot>) -> Response {
    match read(source).await {
        Ok(found) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, exposition(&found)).into_response()
        }
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn health(source: Source<Option<String>>) -> Response {
    let why = match read(source).await {
        Ok(found) => found,
        Err(why) => Some(why),
    };
    match why {
        None => (StatusCode::OK, "well\n".to_owned()).into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
