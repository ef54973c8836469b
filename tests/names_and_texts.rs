//! What an entity and its fields are called and described by, where nobody says so.

use dsync::prelude::*;

#[test]
fn doc_comments_become_descriptions() {
    #[derive(DsyncEntity)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Documented {
        none: u8,
        /// One line.
        one: u8,
        ///   Two lines
        /// of one paragraph.
        ///
        ///
        /// Another.
        two: u8,
        /**
         * Framed
         * by stars.
         */
        framed: u8,
        /** In one. */
        inline: u8,
        #[expect(clippy::empty_docs, reason = "that is what is tested")]
        ///
        empty: u8,
        #[doc = "First\nsecond"]
        raw: u8,
        /// Not this.
        #[dsync(description = "But this.")]
        own: u8,
        /// Nor this.
        #[dsync(description = "")]
        nothing: u8,
    }

    let json = serde_json::to_value(Documented::layout()).unwrap();
    let found: Vec<_> = json["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["description"].as_str())
        .collect();
    assert_eq!(
        found,
        [
            None,
            Some("One line."),
            Some("Two lines of one paragraph.\n\nAnother."),
            Some("Framed by stars."),
            Some("In one."),
            None,
            Some("First second"),
            Some("But this."),
            None,
        ]
    );
}

#[test]
fn names_and_tokens_have_defaults() {
    #[derive(DsyncEntity)]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct OrderLine {
        id: u8,
    }
    #[derive(DsyncEntity)]
    #[dsync(
        name = "line",
        endpoint_url = "https://shop.example.org/line",
        entity_token = "t"
    )]
    #[expect(dead_code, reason = "only the layout is looked at")]
    struct Named {
        id: u8,
    }

    let layout = OrderLine::layout();
    assert_eq!(layout.name(), "order_line");
    assert_eq!(layout.endpoint_url(), "/entity/order_line");
    // printf 'dsync-tests\0order_line' | sha256sum | cut -c1-32
    assert_eq!(
        layout.entity_token(),
        "rust-sdk-order-line-66345d496bce968bde731f07d305bf65"
    );
    let layout = Named::LAYOUT;
    assert_eq!(
        (layout.name(), layout.endpoint_url(), layout.entity_token()),
        ("line", "https://shop.example.org/line", "t")
    );
}

/// What a user calls a thing is not ours to take.
#[test]
fn names_of_the_user_do_not_collide_with_generated_ones() {
    #![expect(non_upper_case_globals, reason = "names that generated code might use")]
    const FIELDS: usize = 3;
    const LAYOUT: usize = 2;
    const krate: usize = 1;
    type Option<T> = std::option::Option<T>;
    type Result = u8;
    #[expect(non_camel_case_types, reason = "it shadows the primitive type")]
    type str = u8;

    #[derive(DsyncEntity)]
    struct Arrays {
        #[dsync(primary_key)]
        id: u8,
        #[expect(dead_code, reason = "only its type is looked at")]
        a: [u8; FIELDS],
        #[expect(dead_code, reason = "only its type is looked at")]
        b: [Result; LAYOUT],
        #[expect(dead_code, reason = "only its type is looked at")]
        c: Option<[str; krate]>,
    }
    assert_eq!(Arrays::FIELDS.len(), 4);
    assert_eq!(treekey!(Arrays.a), "arrays.a");
    assert!(Arrays::layout().primary_key().is_some());
}
