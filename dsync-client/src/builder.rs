//! Everything that a client is told before its first request, checked as a whole.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dsync_core::retry::{RetryBudget, RetryPolicy};
use dsync_core::wire::{DEFAULT_REALTIME_URL, headers};
use dsync_core::{
    AuthToken, AuthTokenProvider, Clock, EntityTokens, InvalidAuthToken, SystemState, Transport,
};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::delivery::Delivery;
use crate::key::KeyInUse;
use crate::requests::Requests;
use crate::reqwest_transport::{HttpSettings, ReqwestTransport};
use crate::tokio_clock::TokioClock;
use crate::{Client, address};

/// What the client itself writes into a request's head.
const RESERVED: [HeaderName; 11] = [
    headers::AUTH_TOKEN,
    headers::ENTITY_TOKEN,
    headers::ENTITY_ID,
    headers::ENTITY_ID_FIELD,
    headers::IDEMPOTENCY_KEY,
    headers::PROCESS_ID,
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TRANSFER_ENCODING,
];

/// Sets up a [`Client`]. [`ClientBuilder::build`] checks everything at once.
///
/// | setting | default |
/// |---|---|
/// | [`realtime_url`](Self::realtime_url) | DSYNC's own platform |
/// | [`entity_tokens`](Self::entity_tokens) | the tokens in the source code |
/// | [`retry`](Self::retry), [`retry_budget`](Self::retry_budget) | 5 attempts within 90 s; 100 repetitions |
/// | [`timeout`](Self::timeout) | 30 s an attempt |
/// | [`connect_timeout`](Self::connect_timeout) | 10 s |
/// | [`idle_timeout`](Self::idle_timeout) | 4 s |
/// | [`max_answer`](Self::max_answer) | 1 MiB |
/// | [`allow_http`](Self::allow_http) | no |
/// | [`system_state`](Self::system_state) | none: all entities are sent, by their primary keys, and no process is noted |
/// | [`header`](Self::header), [`user_agent`](Self::user_agent) | none; `dsync-rust/VERSION` |
/// | [`proxy`](Self::proxy) | that of the environment, for https |
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
    key: Result<Box<dyn AuthTokenProvider>, InvalidAuthToken>,
    realtime_url: String,
    tokens: EntityTokens,
    state: Option<SystemState>,
    refuse_switched_off: bool,
    policy: RetryPolicy,
    budget: u32,
    timeout: Duration,
    headers: HeaderMap,
    bad_header: Option<BuildError>,
    http: HttpSettings,
    transport: Option<Box<dyn Transport>>,
    clock: Option<Box<dyn Clock>>,
}

impl ClientBuilder {
    pub(crate) fn new(auth_token: impl Into<String>) -> Self {
        let key = AuthToken::new(auth_token);
        Self::of_key(key.map(|key| Box::new(key) as Box<dyn AuthTokenProvider>))
    }

    pub(crate) fn of_provider(provider: impl AuthTokenProvider + 'static) -> Self {
        Self::of_key(Ok(Box::new(provider)))
    }

    fn of_key(key: Result<Box<dyn AuthTokenProvider>, InvalidAuthToken>) -> Self {
        Self {
            key,
            realtime_url: DEFAULT_REALTIME_URL.to_owned(),
            tokens: EntityTokens::new(),
            state: None,
            refuse_switched_off: false,
            policy: RetryPolicy::new(),
            budget: 500,
            timeout: Duration::from_secs(30),
            headers: HeaderMap::new(),
            bad_header: None,
            http: HttpSettings::default(),
            transport: None,
            clock: None,
        }
    }

    /// Sets where requests go to. It is taken as it is: nothing is added to the path.
    ///
    /// It has to be absolute, and https unless the host is this machine; see
    /// [`ClientBuilder::allow_http`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .realtime_url("https://dsync.example/api/realtime")
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn realtime_url(mut self, url: impl Into<String>) -> Self {
        self.realtime_url = url.into();
        self
    }

    /// Overrides the tokens in the source code with those of the deployed system.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .entity_tokens(serde_json::from_str(r#"{"product":"shop-7-product-4f1c"}"#)?)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entity_tokens(mut self, tokens: EntityTokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets how often, how long and how fast a change is tried.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_client::Client;
    /// use dsync_core::retry::RetryPolicy;
    ///
    /// let client = Client::builder("secret")
    ///     .retry(RetryPolicy::new().with_max_attempts(3))
    ///     # .transport(dsync_core::testing::ScriptedTransport::new([]))
    ///     .build()?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Says whether a create is sent again although it may have taken effect. Without this it is.
    ///
    /// All attempts carry the same `Idempotency-Key`, and a hub that knows it creates once. Whether
    /// DSYNC's own platform reads it is not known (PROTOCOL section 8): there, a repeated create may
    /// create twice, and with `false` a create whose answer was lost is an error instead.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .retry_creates(false)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry_creates(mut self, retry: bool) -> Self {
        self.policy = self.policy.with_retry_creates(retry);
        self
    }

    /// Sets how many tokens repetitions may cost while nothing succeeds: 5 each, 10 after a time-out.
    /// See [`RetryBudget`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .retry_budget(1000)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retry_budget(mut self, tokens: u32) -> Self {
        self.budget = tokens;
        self
    }

    /// Sets how long one attempt may take, from the beginning of a connection to the last byte of the
    /// answer. What is left of the policy's deadline may be less.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// let client = dsync_client::Client::builder("secret")
    ///     .timeout(Duration::from_secs(5))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a new connection may take, TLS included. A [`transport`](Self::transport) of
    /// your own sees to its own times.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// let client = dsync_client::Client::builder("secret")
    ///     .connect_timeout(Duration::from_secs(2))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.http.connect_timeout = timeout;
        self
    }

    /// Sets how long a connection without a request is kept. It should be shorter than what the server
    /// and whatever stands before it keep theirs, because a request that meets the close is lost and
    /// has to be repeated.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// let client = dsync_client::Client::builder("secret")
    ///     .idle_timeout(Duration::from_secs(60))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.http.idle_timeout = timeout;
        self
    }

    /// Says whether the API key may travel in clear to another machine.
    ///
    /// Without it, plain http is taken only where the host is this machine: 127.0.0.0/8, `[::1]` and
    /// `localhost`. A name below that, such as `hub.localhost`, may be another machine to the DNS.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .allow_http(true)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.http.allow_http = allow;
        self
    }

    /// Sets how many bytes the body of an answer may have. A [`transport`](Self::transport) of your
    /// own sees to its own limit.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .max_answer(64 * 1024)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.http.max_answer = bytes;
        self
    }

    /// Sets where the client looks whether an entity is switched on, and by which field the platform
    /// recognises its records: a connector writes that down.
    ///
    /// A record with a shared key is named by it, in `Entity-Id` and `Entity-Id-Field`; one whose
    /// shared key is null or not there, by its primary key. An entity that is switched off is sent all
    /// the same, with a warning for `tracing`; see
    /// [`refuse_switched_off`](Self::refuse_switched_off). Calls that take a token, such as
    /// [`create_raw`](Client::create_raw), look at none of this.
    ///
    /// Of every change, raw ones among them, the client notes there the process under which the platform
    /// accepted it, so that a connector recognises the notification of how it ended. That a process cannot
    /// be noted is a warning for `tracing`: the change was accepted.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .system_state(dsync_core::SystemState::new())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn system_state(mut self, state: SystemState) -> Self {
        self.state = Some(state);
        self
    }

    /// Says whether changes of an entity that is switched off are an
    /// [error](crate::Error::SwitchedOff) and not sent. One that came from the platform is not sent in
    /// any case, and no error.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .refuse_switched_off(true)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse_switched_off(mut self, refuse: bool) -> Self {
        self.refuse_switched_off = refuse;
        self
    }

    /// Adds a header to every request: for a gateway before the platform, for instance. Its value is
    /// treated as a secret.
    ///
    /// Those that the protocol or the connection needs cannot be set; [`build`](Self::build) says so.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .header("x-gateway-key", "of the gateway")
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            (Ok(name), _) if RESERVED.contains(&name) => {
                self.bad_header = Some(BuildError::HeaderReserved { name });
            }
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.append(name, value);
            }
            _ => {
                self.bad_header = Some(BuildError::Header {
                    name: name.chars().take(100).collect(),
                });
            }
        }
        self
    }

    /// Says who sends, before the name of this library: `my-shop/2.1 dsync-rust/0.1.0`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .user_agent("my-shop/2.1")
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.http.user_agent = Some(product.into());
        self
    }

    /// Sets the proxy, in the place of those of the environment: `http://proxy.example:3128`, with a
    /// user and password in front of the host if it needs them.
    ///
    /// It sees a tunnel if the realtime address is https. Through plain http it would read the API
    /// key, so that needs [`allow_http`](Self::allow_http), also where the address is this machine.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .proxy("http://proxy.example:3128")
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.http.proxy = Some(url.into());
        self
    }

    /// Changes the settings of the HTTP library: certificates, addresses, name resolution, whatever
    /// [`reqwest::ClientBuilder`] has. It gets the settings of this builder and has the last word,
    /// except that redirects stay unfollowed, because they would hand out the API key.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use dsync_client::Client;
    ///
    /// let client = Client::builder("the API key")
    ///     .reqwest(|http| http.local_address("10.0.0.7".parse::<std::net::IpAddr>().ok()))
    ///     .build()?;
    /// # Ok::<(), dsync_client::BuildError>(())
    /// ```
    pub fn reqwest(
        mut self,
        configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + 'static,
    ) -> Self {
        self.http.configure = Some(Box::new(configure));
        self
    }

    /// Sets the clock that pauses and deadlines are read from. For tests: a
    /// [`FakeClock`](dsync_core::testing::FakeClock) makes a client that waits for nothing.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let client = dsync_client::Client::builder("secret")
    ///     .clock(dsync_core::testing::FakeClock::new())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Puts something else in the place of HTTP: a script in a test, for instance. No HTTP client is
    /// set up then, and the runtime is needed only for pauses.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_client::Client;
    /// use dsync_core::testing::{FakeClock, Reply, ScriptedTransport};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let platform = ScriptedTransport::new([
    ///     Reply::refused(503, "back in a minute").with_header("retry-after", "60"),
    ///     Reply::accepted("p-1"),
    /// ]);
    /// let clock = FakeClock::new();
    /// let client = Client::builder("secret")
    ///     .transport(platform.clone())
    ///     .clock(clock.clone())
    ///     .build()?;
    ///
    /// let receipt = client.create_raw(&"token-1".parse()?, "{}").await?;
    /// assert_eq!(receipt.attempts(), 2);
    /// assert!(clock.sleeps()[0].as_secs() >= 60);
    ///
    /// let [first, second] = &platform.requests()[..] else { panic!() };
    /// assert_eq!(first.headers()["idempotency-key"], second.headers()["idempotency-key"]);
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
        let provider = self.key?;
        let realtime_url = address::parse(&self.realtime_url, self.http.allow_http)?;
        if let Some(error) = self.bad_header {
            return Err(error);
        }
        if self.timeout.is_zero() {
            return Err(BuildError::ZeroLimit { setting: "timeout" });
        }
        if self.policy.deadline().is_zero() {
            return Err(BuildError::ZeroLimit {
                setting: "the deadline of retry",
            });
        }
        self.http.check()?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Box::new(ReqwestTransport::new(&realtime_url, self.http)?),
        };
        let delivery = Delivery {
            realtime_url,
            key: KeyInUse::new(provider),
            headers: self.headers,
            transport,
            clock: self.clock.unwrap_or_else(|| Box::new(TokioClock::new())),
            timeout: self.timeout,
            policy: self.policy,
            budget: RetryBudget::new(self.budget),
            state: self.state.clone(),
        };
        let requests = Requests::new(self.tokens, self.state, self.refuse_switched_off);
        Ok(Client::assemble(requests, delivery))
    }
}

/// Shows neither the key, the proxy nor the address, which is not yet checked for a password.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("entity_tokens", &self.tokens)
            .field("retry", &self.policy)
            .field("timeout", &self.timeout)
            .field("allow_http", &self.http.allow_http)
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
        "the realtime address is https, but TLS is not compiled in: turn on the feature `rustls` of dsync-client (or of dsync-sdk, if you use the facade), which is on by default, or `rustls-ring`"
    )]
    NoTls,
    /// A limit of zero lets nothing through.
    #[error("{setting} is zero, so no request could succeed: give it a larger value")]
    ZeroLimit {
        /// The setting.
        setting: &'static str,
    },
    /// A header that the client sets itself.
    #[error("the header {name} cannot be set: the protocol or the connection needs it for itself")]
    HeaderReserved {
        /// The header.
        name: HeaderName,
    },
    /// A header's name or value cannot be one. The value is not shown: it may be a secret.
    #[error(
        "the header {name:?} cannot be sent: a name is letters, digits and dashes, a value has no line breaks or control characters"
    )]
    Header {
        /// The start of the name.
        name: String,
    },
    /// The proxy's address is none. It is not shown: it may hold a password.
    #[error("the proxy's address is no URL: it looks like http://proxy.example:3128")]
    Proxy,
    /// The API key would travel in clear through a proxy.
    #[error(
        "the realtime address is plain http, so the proxy would read the API key: use https, or `allow_http(true)` where the proxy is trusted"
    )]
    ProxyPlainHttp,
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
