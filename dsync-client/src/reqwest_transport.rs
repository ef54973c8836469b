//! The transport over HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dsync_core::{Sending, TimeLimit, Transport, TransportError, TransportErrorKind};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use reqwest::redirect;

use crate::BuildError;

const USER_AGENT: &str = concat!("dsync-rust/", env!("CARGO_PKG_VERSION"));

/// A change to the settings of reqwest.
pub(crate) type Configure =
    Box<dyn FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send>;

/// What a transport is told before its first request.
pub(crate) struct HttpSettings {
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_answer: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) proxy: Option<String>,
    pub(crate) allow_http: bool,
    pub(crate) configure: Option<Configure>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            // Servers close their idle connections after 5 s at the earliest (Apache, Node.js and
            // uvicorn by default), and a request that meets the close is lost. So the client closes
            // first.
            idle_timeout: Duration::from_secs(4),
            max_answer: 1024 * 1024,
            user_agent: None,
            proxy: None,
            allow_http: false,
            configure: None,
        }
    }
}

impl HttpSettings {
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let zero = |setting| Err(BuildError::ZeroLimit { setting });
        if self.connect_timeout.is_zero() {
            zero("connect_timeout")
        } else if self.max_answer == 0 {
            zero("max_answer")
        } else {
            Ok(())
        }
    }

    fn proxy(&self, is_https: bool) -> Result<Option<reqwest::Proxy>, BuildError> {
        let Some(url) = &self.proxy else {
            return Ok(None);
        };
        if !is_https && !self.allow_http {
            return Err(BuildError::ProxyPlainHttp);
        }
        // The error would repeat the address, which may hold a password.
        let proxy = reqwest::Proxy::all(url).map_err(|_| BuildError::Proxy)?;
        Ok(Some(proxy))
    }
}

pub(crate) struct ReqwestTransport {
    client: reqwest::Client,
    max_answer: usize,
    /// The one address that requests go to, in both of its forms: to parse it again and again would
    /// cost a twelfth of a request's allocations.
    uri: Uri,
    url: reqwest::Url,
}

impl ReqwestTransport {
    pub(crate) fn new(uri: &Uri, settings: HttpSettings) -> Result<Self, BuildError> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let has_tls = cfg!(any(feature = "rustls", feature = "rustls-ring"));
        if is_https && !has_tls {
            return Err(BuildError::NoTls);
        }
        install_ring();
        let user_agent = match &settings.user_agent {
            Some(own) => format!("{own} {USER_AGENT}"),
            None => USER_AGENT.to_owned(),
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(user_agent)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(settings.idle_timeout);
        match settings.proxy(is_https)? {
            Some(proxy) => builder = builder.proxy(proxy),
            // A proxy of the environment carries https in a tunnel, but would read the API key in
            // plain http, also where the address is this machine.
            None if !is_https => builder = builder.no_proxy(),
            None => {}
        }
        #[cfg(any(feature = "rustls", feature = "rustls-ring"))]
        if !is_https {
            // Nothing will be verified, so the certificates of the operating system are not read, and
            // need not be there.
            builder = builder.tls_certs_only([]);
        }
        if let Some(configure) = settings.configure {
            builder = configure(builder);
        }
        let client = builder
            // A followed redirect turns POST into GET and takes the API key along.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| BuildError::HttpClient {
                source: Box::new(error.without_url()),
            })?;
        Ok(Self {
            client,
            max_answer: settings.max_answer,
            uri: uri.clone(),
            url: uri.to_string().parse().map_err(|_| BuildError::UrlSyntax)?,
        })
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let limit = request.extensions().get().copied();
        let mut request = self.request(request)?;
        if let Some(TimeLimit(limit)) = limit {
            *request.timeout_mut() = Some(limit);
        }
        let mut response = self.client.execute(request).await.map_err(failure)?;
        let body = self.body(&mut response).await?;

        let mut answer = Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }

    fn request(&self, request: Request<Bytes>) -> Result<reqwest::Request, TransportError> {
        if *request.uri() != self.uri {
            return reqwest::Request::try_from(request).map_err(failure);
        }
        let (head, body) = request.into_parts();
        let mut request = reqwest::Request::new(head.method, self.url.clone());
        *request.headers_mut() = head.headers;
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    async fn body(&self, response: &mut reqwest::Response) -> Result<Bytes, TransportError> {
        let too_large = || TransportError::new(TransportErrorKind::AnswerTooLarge, None);

        let max = self.max_answer;
        if response
            .content_length()
            .is_some_and(|announced| usize::try_from(announced).map_or(true, |len| len > max))
        {
            return Err(too_large());
        }

        // Nearly every answer is one chunk, which is taken without a copy.
        let Some(first) = response.chunk().await.map_err(failure)? else {
            return Ok(Bytes::new());
        };
        if first.len() > max {
            return Err(too_large());
        }
        let Some(second) = response.chunk().await.map_err(failure)? else {
            return Ok(first);
        };
        let mut body = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if chunk.len() > max - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
            next = response.chunk().await.map_err(failure)?;
        }
        Ok(body.freeze())
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(self.carry(request))
    }
}

fn failure(error: reqwest::Error) -> TransportError {
    // A connection that took too long is both, and what matters is that nothing was sent. That a
    // request cannot be put together, which no repetition would heal, `address::parse` rules out.
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        TransportErrorKind::Broken
    };
    // The address may have a query that belongs in no log.
    TransportError::new(kind, Some(Box::new(error.without_url())))
}

/// rustls needs to be told which cryptography it uses, once in a program. What the program itself has
/// chosen stays.
fn install_ring() {
    #[cfg(all(feature = "rustls-ring", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error says that another thread was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
