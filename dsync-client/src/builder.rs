//! Everything that a client is told before its first request, checked as a whole.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dsync_core::wire::DEFAULT_REALTIME_URL;
use dsync_core::{AuthToken, EntityTokens, InvalidAuthToken, Transport};
use http::uri::Scheme;

use crate::reqwest_transport::{Limits, ReqwestTransport};
use crate::{Client, address};

/// Sets up a [`Client`]. [`ClientBuilder::build`] checks everything at once.
///
/// | setting | default |
/// |---|---|
/// | [`realtime_url`](Self::realtime_url) | DSYNC's own platform |
/// | [`entity_tokens`](Self::entity_tokens) | the tokens in the source code |
/// | [`timeout`](Self::timeout) | 30 s |
/// | [`connect_timeout`](Self::connect_timeout) | 10 s |
/// | [`max_answer`](Self::max_answer) | 1 MiB |
/// | [`allow_http`](Self::allow_http) | no |
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use dsync_client::Client;
///
/// let client = Client::builder("the API key")
///     .realtime_url("https://dsync.example/api/realtime")
///     .timeout(Duration::from_secs(5))
///     .build()?;
/// # Ok::<(), dsync_client::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    auth_token: Result<AuthToken, InvalidAuthToken>,
    realtime_url: String,
    entity_tokens: EntityTokens,
    allow_http: bool,
    limits: Limits,
    transport: Option<Box<dyn Transport>>,
}

impl ClientBuilder {
    pub(crate) fn new(auth_token: impl Into<String>) -> Self {
        Self {
            auth_token: AuthToken::new(auth_token),
            realtime_url: DEFAULT_REALTIME_URL.to_owned(),
            entity_tokens: EntityTokens::new(),
            allow_http: false,
            limits: Limits {
                timeout: Duration::from_secs(30),
                connect_timeout: Duration::from_secs(10),
                max_answer: 1024 * 1024,
            },
            transport: None,
        }
    }

    /// Sets where requests go to. It is taken as it is: nothing is added to the path.
    ///
    /// It has to be absolute, and https unless the host is this machine; see
    /// [`ClientBuilder::allow_http`].
    pub fn realtime_url(mut self, url: impl Into<String>) -> Self {
        self.realtime_url = url.into();
        self
    }

    /// Overrides the tokens in the source code with those of the deployed system.
    pub fn entity_tokens(mut self, tokens: EntityTokens) -> Self {
        self.entity_tokens = tokens;
        self
    }

    /// Sets how long a request may take, from the first attempt at a connection to the last byte of
    /// the answer. A [`transport`](Self::transport) of your own sees to its own times.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Sets how long a new connection may take, TLS included. A [`transport`](Self::transport) of
    /// your own sees to its own times.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// Says whether the API key may travel in clear to another machine.
    ///
    /// Without it, plain http is taken only where the host is this machine: 127.0.0.0/8, `[::1]` and
    /// `localhost`. A name below that, such as `hub.localhost`, may be another machine to the DNS.
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Sets how many bytes the body of an answer may have. A [`transport`](Self::transport) of your
    /// own sees to its own limit.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.limits.max_answer = bytes;
        self
    }

    /// Puts something else in the place of HTTP: a script in a test, for instance. No HTTP client is
    /// set up then, so no runtime is needed either.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use dsync_client::Client;
    /// use dsync_core::{Sending, Transport};
    ///
    /// struct Refuses;
    ///
    /// impl Transport for Refuses {
    ///     fn send(&self, _request: http::Request<Bytes>) -> Sending<'_> {
    ///         let mut answer = http::Response::new(Bytes::from_static(
    ///             br#"{"status":400,"message":"The entity is not known","detail":{},"data":{}}"#,
    ///         ));
    ///         *answer.status_mut() = http::StatusCode::BAD_REQUEST;
    ///         Box::pin(async { Ok(answer) })
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder("secret").transport(Refuses).build()?;
    /// let error = client.create_raw(&"token-1".parse()?, "{}").await.unwrap_err();
    /// assert_eq!(error.message(), Some("The entity is not known"));
    /// assert!(!error.is_retryable());
    /// # Ok(())
    /// # }
    /// ```
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// Checks everything and sets up the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_client::Client;
    ///
    /// let error = Client::builder("secret")
    ///     .realtime_url("http://dsync.example/api/realtime")
    ///     .build()
    ///     .unwrap_err();
    /// assert!(error.to_string().contains("use https"));
    /// ```
    pub fn build(self) -> Result<Client, BuildError> {
        let auth_token = self.auth_token?;
        let realtime_url = address::parse(&self.realtime_url, self.allow_http)?;
        self.limits.check()?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                let is_https = realtime_url.scheme() == Some(&Scheme::HTTPS);
                Box::new(ReqwestTransport::new(is_https, self.limits)?)
            }
        };
        Ok(Client::assemble(
            auth_token,
            realtime_url,
            self.entity_tokens,
            transport,
        ))
    }
}

/// Shows neither the key nor the address, which is not yet checked for a password.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("auth_token", &self.auth_token)
            .field("entity_tokens", &self.entity_tokens)
            .field("allow_http", &self.allow_http)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why there is no client. The API key is in none of the messages.
///
/// Its `Debug` is its message, because that is what a `main` that returns it shows.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The API key cannot be one.
    #[error(transparent)]
    AuthToken(#[from] InvalidAuthToken),
    /// A variable of the environment that has to be there is not.
    #[error("the environment variable {name} is not set: {purpose}")]
    VariableMissing {
        /// The variable.
        name: &'static str,
        /// What it is for.
        purpose: &'static str,
    },
    /// A variable of the environment is not text.
    #[error("the environment variable {name} is not UTF-8: set it to plain text")]
    VariableNotText {
        /// The variable.
        name: &'static str,
    },
    /// The realtime address is none.
    #[error(
        "the realtime address is no URL: it looks like https://api.dsync.com/api/realtime, with blanks and letters beyond ASCII percent-encoded"
    )]
    UrlSyntax,
    /// The realtime address has no scheme and host.
    #[error(
        "the realtime address is not absolute: write it with its scheme and host, as in https://api.dsync.com/api/realtime"
    )]
    UrlNotAbsolute,
    /// The realtime address is of another scheme.
    #[error("the realtime address has another scheme than https and http: use https")]
    UrlScheme,
    /// The realtime address names its host in a form that two readers might take for two hosts.
    #[error(
        "the realtime address has no host in plain form: write the name, the four decimal numbers of an IPv4 address, or an IPv6 address at its shortest in brackets"
    )]
    UrlHost,
    /// The realtime address has a user or a password in it.
    #[error(
        "the realtime address has a user or password in front of the host: take them out, the API key is all that the platform asks for"
    )]
    UrlUserInfo,
    /// The realtime address has a fragment.
    #[error(
        "the realtime address has a fragment: take out the `#` and what follows, it is never sent"
    )]
    UrlFragment,
    /// The API key would travel in clear to another machine.
    #[error(
        "the realtime address is plain http, and {host:?} is another machine, so the API key would travel in clear: use https, or `allow_http(true)` where the network is trusted"
    )]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// The address needs TLS, and it is not compiled in.
    #[error(
        "the realtime address is https, but TLS is not compiled in: turn on the feature `rustls` of dsync-client (or of dsync-sdk, if you use the facade), which is on by default"
    )]
    NoTls,
    /// A limit of zero lets nothing through.
    #[error("{setting} is zero, so no request could succeed: give it a larger value")]
    ZeroLimit {
        /// The setting.
        setting: &'static str,
    },
    /// The HTTP client cannot be set up.
    #[error(
        "the HTTP client cannot be set up: are the certificates of the operating system installed (the package ca-certificates)?"
    )]
    HttpClient {
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
