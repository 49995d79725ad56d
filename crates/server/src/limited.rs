//! Connections that end: few at a time, and each for a short while. Whoever opens hundreds and says nothing, or a word now and
//! then, would otherwise take threads and files from the daemon that makes the backups.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// So many at a time; more wait until one ends.
const CONNECTIONS_MAX: usize = 16;
/// So long each has, for whatever is asked by it.
const LASTS_MAX: Duration = Duration::from_secs(10);

/// Takes connections.
pub(crate) struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
    lasts: Duration,
}

/// A connection that ends.
pub(crate) struct Ending {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Limited {
    pub(crate) fn new(listener: TcpListener) -> Limited {
        Limited { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)), lasts: LASTS_MAX }
    }
}

impl axum::serve::Listener for Limited {
    type Io = Ending;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Ending, SocketAddr) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // Nobody closes it.
                std::future::pending::<()>().await;
                continue;
            };
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            let end = Box::pin(tokio::time::sleep(self.lasts));
            return (Ending { stream, end, _place: place }, address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Ending {
    fn is_over(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "the connection lasted too long")),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Ending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_over(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Ending {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_over(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_over(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
mod tests {
    use std::io::{Read, Write};

    use axum::Router;
    use axum::routing::get;

    use super::*;

    #[test]
    fn whoever_says_nothing_is_hung_up_on_and_those_who_wait_are_answered() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (listener, address) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            (Limited { lasts: Duration::from_millis(300), ..Limited::new(listener) }, address)
        });
        let routes = Router::new().route("/", get(async || "well"));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        let mut silent: Vec<_> =
            (0..CONNECTIONS_MAX).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        // All places are taken. This one is answered once the others are hung up on, and would wait for ever otherwise.
        let mut asks = std::net::TcpStream::connect(address).unwrap();
        asks.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        asks.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        asks.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("well"), "{answer}");
        for one in &mut silent {
            one.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            assert_eq!(one.read(&mut [0; 8]).unwrap_or(0), 0, "it was hung up on");
        }
    }
}
