//! The envelope: the JSON around every answer, in both directions.

use http::StatusCode;
use serde::de::{self, Deserializer};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// JSON that is carried as it came, or nothing: null and an absent key are both nothing.
pub type Opaque = Option<Box<RawValue>>;

/// The JSON of every answer: `{"status": int, "message": text, "detail": any, "data": any}`.
///
/// `detail` and `data` have no stable empty form: `{}`, `[]`, `""`, null and absent all occur
/// (PROTOCOL section 2, a fact), and a reader accepts every one of them. They are therefore raw JSON
/// unless somebody says what to expect; an empty one is written as `{}`.
///
/// # Examples
///
/// ```
/// use dsync_core::Envelope;
///
/// let read: Envelope = serde_json::from_str(r#"{"status": 200, "message": "OK", "data": []}"#)?;
/// assert_eq!(read.data.unwrap().get(), "[]");
/// assert!(read.detail.is_none());
///
/// let written = serde_json::to_string(&Envelope::ok(["a"]))?;
/// assert_eq!(written, r#"{"status":200,"message":"OK","detail":{},"data":["a"]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Envelope<D = Opaque> {
    /// The HTTP status, repeated.
    pub status: StatusCode,
    /// What happened, for people.
    pub message: String,
    /// More about it, faults for instance. Its format is unknown.
    pub detail: Opaque,
    /// What was asked for.
    pub data: D,
}

impl<D: Serialize> Envelope<D> {
    /// A success: status 200 and the message `OK`.
    pub fn ok(data: D) -> Self {
        Self {
            status: StatusCode::OK,
            message: "OK".to_owned(),
            detail: None,
            data,
        }
    }
}

impl Envelope {
    /// An answer without data.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            detail: None,
            data: None,
        }
    }
}

impl<D> Envelope<D> {
    /// Sets the detail.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON, because a map's key is no text for instance.
    pub fn with_detail(self, detail: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self {
            detail: Some(serde_json::value::to_raw_value(detail)?),
            ..self
        })
    }
}

impl<D: Serialize> Serialize for Envelope<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Envelope", 4)?;
        json.serialize_field("status", &self.status.as_u16())?;
        json.serialize_field("message", &self.message)?;
        match &self.detail {
            Some(detail) => json.serialize_field("detail", detail)?,
            None => json.serialize_field("detail", &Empty {})?,
        }
        json.serialize_field("data", &self.data)?;
        json.end()
    }
}

/// The form in which an empty `detail` is written: `{}`.
#[derive(Serialize)]
struct Empty {}

impl<'de, D: Deserialize<'de> + Default> Deserialize<'de> for Envelope<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        #[derive(Deserialize)]
        #[serde(bound(deserialize = "D: Deserialize<'de> + Default"))]
        struct Json<D> {
            status: u16,
            #[serde(default)]
            message: Option<String>,
            #[serde(default)]
            detail: Opaque,
            #[serde(default)]
            data: D,
        }

        let json = Json::<D>::deserialize(deserializer)?;
        Ok(Self {
            status: StatusCode::from_u16(json.status).map_err(|_| {
                de::Error::custom(format_args!("{} is no HTTP status", json.status))
            })?,
            message: json.message.unwrap_or_default(),
            detail: json.detail,
            data: json.data,
        })
    }
}
