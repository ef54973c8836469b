//! How a hub is set up and started.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use dsync_core::{AuthToken, DataLayout, Faults};

use crate::hub::Hub;
use crate::platform::Platform;
use crate::random::hex_128;
use crate::server::Server;
use crate::service::PlatformService;

/// Sets up a [`Hub`]. Made by [`Hub::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use dsync_core::AuthToken;
/// use dsync_hub::Hub;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::builder()
///     .auth_token(AuthToken::new("a-key-for-tests")?)
///     .max_body(64 * 1024)
///     .read_timeout(Duration::from_secs(2))
///     .start()
///     .await?;
/// assert!(hub.auth_token().matches(b"a-key-for-tests"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a hub runs only after `start`"]
pub struct HubBuilder {
    auth_token: Option<AuthToken>,
    data_layouts: Vec<DataLayout>,
    address: SocketAddr,
    max_body: usize,
    read_timeout: Duration,
    keeps_history: bool,
}

impl HubBuilder {
    pub(crate) fn new() -> Self {
        Self {
            auth_token: None,
            data_layouts: Vec::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            max_body: 10 * 1024 * 1024,
            read_timeout: Duration::from_secs(30),
            keeps_history: false,
        }
    }

    /// Sets the API key. Without it one is generated: 128 random bits as 32 hex digits.
    pub fn auth_token(mut self, auth_token: AuthToken) -> Self {
        self.auth_token = Some(auth_token);
        self
    }

    /// Registers a data layout at the start, as [`Hub::register`] does later. May be called more
    /// than once.
    pub fn data_layout(mut self, data_layout: DataLayout) -> Self {
        self.data_layouts.push(data_layout);
        self
    }

    /// Sets the address to listen at. Without it: 127.0.0.1 and a free port.
    ///
    /// Requests and their key travel in the clear, so an address that other machines reach is for
    /// networks that can be trusted.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets how many bytes a body may have. Without it: 10 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how long a sender may take for a request's head, again for its body, and again to read
    /// the answer. Without it: 30 seconds. It is also how long a connection may stay open without a
    /// request.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.read_timeout = limit;
        self
    }

    /// Keeps every change that takes effect, in memory, for [`Hub::history`]: for tests of an order.
    pub fn keep_history(mut self) -> Self {
        self.keeps_history = true;
        self
    }

    /// Starts the hub, on a thread of its own. The port is open when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`], if a data layout has faults or the address cannot be had.
    ///
    /// # Panics
    ///
    /// If no API key is set and the operating system has no source of random numbers.
    pub async fn start(self) -> Result<Hub, StartError> {
        let auth_token = self.auth_token.unwrap_or_else(|| {
            AuthToken::new(hex_128()).expect("hex digits are visible ASCII characters")
        });
        let platform = Arc::new(Platform::new(auth_token, self.max_body, self.keeps_history));
        for data_layout in &self.data_layouts {
            platform
                .entities()
                .register(data_layout)
                .map_err(StartError::DataLayout)?;
        }

        let address = self.address;
        let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::AddressInUse { address, source },
            _ => StartError::Bind { address, source },
        })?;
        let address = listener.local_addr().map_err(StartError::Server)?;
        let service = PlatformService::new(platform.clone(), self.read_timeout);
        let server = Server::start(listener, service)
            .await
            .map_err(StartError::Server)?;
        Ok(Hub::new(platform, server, address, realtime_url(address)))
    }
}

fn realtime_url(mut address: SocketAddr) -> String {
    // "Any address of this machine" is nothing that a client can connect to everywhere.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}/api/realtime")
}

/// Why a hub did not start.
///
/// # Examples
///
/// ```
/// use dsync_hub::{Hub, StartError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StartError> {
/// let first = Hub::start().await?;
/// let second = Hub::builder().bind(first.local_addr()).start().await;
/// assert!(matches!(second, Err(StartError::AddressInUse { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there, perhaps another hub.
    #[error(
        "the address {address} is in use: stop the program that listens there, or choose another port; port 0 takes a free one"
    )]
    AddressInUse {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The address cannot be listened at.
    #[error(
        "cannot listen at {address}: it must be an address of this machine, and ports below 1024 often need a privilege"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A data layout has faults, or does not go with one before it.
    #[error("the data layout cannot be registered: {0}")]
    DataLayout(Faults),
    /// The operating system gave no thread or no event queue.
    #[error("the hub's thread cannot be started")]
    Server(#[source] io::Error),
}
