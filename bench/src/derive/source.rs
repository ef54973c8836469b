//! The crates that are built: the same structs in each, and one derive.

use std::fmt::Write as _;
use std::path::Path;

/// How many structs a crate has, except in the variant that shows how that scales.
pub(super) const STRUCTS: usize = 300;

pub(super) const NOTHING: &str = "nothing: an empty crate";
pub(super) const NO_DERIVE: &str = "no derive";
pub(super) const SERDE_BOTH: &str = "Serialize + Deserialize";
pub(super) const ENTITY: &str = "DsyncEntity";
pub(super) const ENTITY_THRICE: &str = "DsyncEntity, 900 structs";

pub(super) struct Variant {
    pub(super) name: &'static str,
    /// The package's name, and its folder.
    pub(super) krate: &'static str,
    pub(super) structs: usize,
    /// Lines of the manifest; `ROOT` is this workspace's folder.
    dependencies: &'static str,
    /// What is derived for a struct that stands in others.
    part: &'static str,
    /// What is derived for a struct that has such fields.
    whole: &'static str,
    /// Whether the structs bear attributes of DSYNC.
    is_entity: bool,
}

const DSYNC: &str = r#"dsync = { package = "dsync-sdk", path = "ROOT/dsync-sdk", default-features = false, features = ["derive"] }"#;
const SERDE: &str = r#"serde = { version = "1.0", features = ["derive"] }"#;

impl Variant {
    const fn new(name: &'static str, krate: &'static str, dependencies: &'static str) -> Self {
        Self {
            name,
            krate,
            structs: STRUCTS,
            dependencies,
            part: "",
            whole: "",
            is_entity: false,
        }
    }

    const fn deriving(mut self, derive: &'static str) -> Self {
        self.part = derive;
        self.whole = derive;
        self
    }

    const fn entities(mut self, structs: usize) -> Self {
        self.part = "dsync::DsyncObject";
        self.whole = "dsync::DsyncEntity";
        self.is_entity = true;
        self.structs = structs;
        self
    }
}

/// In the order in which they are built and printed.
pub(super) static VARIANTS: [Variant; 10] = [
    Variant {
        structs: 0,
        ..Variant::new(NOTHING, "nothing", "")
    },
    Variant::new(NO_DERIVE, "no_derive", ""),
    Variant::new("Serialize", "serde_one", SERDE).deriving("serde::Serialize"),
    Variant::new(SERDE_BOTH, "serde_both", SERDE).deriving("serde::Serialize, serde::Deserialize"),
    Variant::new("schemars 1", "schemars_one", r#"schemars = "1.0""#)
        .deriving("schemars::JsonSchema"),
    Variant::new("utoipa 5", "utoipa_five", r#"utoipa = "5.0""#).deriving("utoipa::ToSchema"),
    Variant::new(
        "postcard-schema",
        "postcard",
        r#"postcard-schema = { version = "0.2", features = ["derive", "use-std"] }"#,
    )
    .deriving("postcard_schema::Schema"),
    Variant::new("DsyncObject", "dsync_object", DSYNC).deriving("dsync::DsyncObject"),
    Variant::new(ENTITY, "dsync_entity", DSYNC).entities(STRUCTS),
    Variant::new(ENTITY_THRICE, "dsync_entity_thrice", DSYNC).entities(3 * STRUCTS),
];

impl Variant {
    /// Whether the others are compared with it.
    pub(super) fn is_base(&self) -> bool {
        matches!(self.name, NOTHING | NO_DERIVE)
    }

    pub(super) fn manifest(&self, root: &Path) -> String {
        // JSON's way to write a text is TOML's, too; a path may have backslashes.
        let root = serde_json::Value::from(root.display().to_string()).to_string();
        let dependencies = self
            .dependencies
            .replace("\"ROOT", root.trim_end_matches('"'));
        format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n",
            self.krate
        )
    }

    pub(super) fn source(&self) -> String {
        let mut code = String::from("//! Generated.\n");
        for index in 0..self.structs {
            // The first of ten stands in the other nine.
            if index % 10 == 0 {
                self.write_part(&mut code, index);
            } else {
                self.write_whole(&mut code, index, index - index % 10);
            }
        }
        code
    }

    fn write_part(&self, code: &mut String, index: usize) {
        self.begin(code, self.part, format_args!("Part{index}"));
        field(code, "street", "String", "Street and number of the house.");
        field(code, "city", "String", "City, without its post code.");
        field(
            code,
            "post_code",
            "Option<String>",
            "Post code, where there is one.",
        );
        field(
            code,
            "country",
            "String",
            "Country, as two letters of ISO 3166.",
        );
        field(code, "floor", "i32", "Floor, below zero in the cellar.");
        field(code, "latitude", "f64", "Degrees north of the equator.");
        field(code, "longitude", "f64", "Degrees east of Greenwich.");
        field(code, "population", "u64", "How many people live there.");
        field(code, "verified", "bool", "Whether somebody has been there.");
        field(
            code,
            "notes",
            "Vec<String>",
            "What is worth knowing of the place.",
        );
        field(code, "rating", "Option<f32>", "Stars that its guests gave.");
        field(
            code,
            "visits",
            "Vec<u32>",
            "How often it was visited, by year.",
        );
        code.push_str("}\n");
    }

    fn write_whole(&self, code: &mut String, index: usize, part: usize) {
        self.begin(code, self.whole, format_args!("Record{index}"));
        let nested = format!("Part{part}");
        let key = if self.is_entity {
            "    #[dsync(primary_key)]\n"
        } else {
            ""
        };
        code.push_str(key);
        field(
            code,
            "number",
            "String",
            "The number that people know it by.",
        );
        field(code, "title", "String", "What it is called, in one line.");
        field(code, "quantity", "u32", "How many of them there are.");
        field(code, "balance", "i64", "What is owed, in cents.");
        field(code, "weight", "f64", "Weight in kilograms.");
        field(
            code,
            "active",
            "bool",
            "Whether it is offered at the moment.",
        );
        field(
            code,
            "remark",
            "Option<String>",
            "Anything else, for people to read.",
        );
        field(
            code,
            "limit",
            "Option<u32>",
            "The most that one person may have.",
        );
        field(code, "tags", "Vec<String>", "Words to find it by.");
        field(code, "address", &nested, "Where it is kept.");
        field(
            code,
            "delivery",
            &format!("Option<{nested}>"),
            "Where it is sent, if it is to be sent.",
        );
        field(
            code,
            "branches",
            &format!("Vec<{nested}>"),
            "Where else it can be had.",
        );
        code.push_str("}\n");
    }

    fn begin(&self, code: &mut String, derive: &str, name: std::fmt::Arguments<'_>) {
        code.push_str("\n/// A struct like those of a shop.\n");
        if !derive.is_empty() {
            writeln!(code, "#[derive({derive})]").expect("a String takes any text");
        }
        writeln!(code, "pub struct {name} {{").expect("a String takes any text");
    }
}

fn field(code: &mut String, name: &str, ty: &str, description: &str) {
    writeln!(code, "    /// {description}\n    pub {name}: {ty},")
        .expect("a String takes any text");
}
