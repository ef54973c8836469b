"""The layout of tests/layout_of_the_sdks.rs, written with the Python SDK as its users write it."""

import json
import sys

from dsync import DataLayout, Endpoint, Field


def field(endpoint, name, kind, **attributes):
    attributes.update(treekey=f"{endpoint.treekey}.{name}", name=name, type=kind)
    endpoint.add_field(Field(attributes))


def endpoint(name, url, token):
    return Endpoint(
        {"entity_name": name, "treekey": name, "endpoint_url": url, "entity_token": token}
    )


article = endpoint("article", "/entity/article", "rust-sdk-article-1")
field(article, "sku", Field.TYPE_TEXT, required=True, primary_key=True,
      description='The "stock keeping unit" \\ Artikelnummer')
field(article, "price", Field.TYPE_NUMBER, description="Größe, in €")
field(article, "link", Field.TYPE_URL,
      description="Where it is shown: <https://example.org/?a=b&c=d>")
field(article, "supplier", Field.TYPE_EMAIL, required=True)
field(article, "released", Field.TYPE_DATE, date_format="YYYY-MM-DD")
field(article, "opens", Field.TYPE_TIME, required=True, date_format="HH:mm:ss")
field(article, "changed", Field.TYPE_DATETIME, date_format="YYYY-MM-DD HH:mm:ss",
      description="日本語 🙂")
field(article, "active", Field.TYPE_BOOLEAN, required=True)
field(article, "extras", Field.TYPE_OBJECT, required=True)
field(article, "formula", Field.TYPE_MATH)
field(article, "anything", Field.TYPE_CUSTOM)

order = endpoint("order", "https://shop.example.org/entity/order", "rust-sdk-order-1")
field(order, "id", Field.TYPE_NUMBER, required=True, primary_key=True)
field(order, "notes", Field.TYPE_TEXT, required=True, multiple=True,
      description="One line, and the same paragraph.\n\nAnother paragraph.")
field(order, "recipients", Field.TYPE_EMAIL, multiple=True)
field(order, "shipped", Field.TYPE_DATE, required=True, multiple=True,
      date_format="YYYY-MM-DD HH:mm:ss")
field(order, "article", Field.TYPE_TEXT, required=True, foreign_key="article.sku")
field(order, "odd", Field.TYPE_BOOLEAN, required=True,
      description='tab\tnewline\nquote" backslash\\ control\u0001\u001f delete\u007f')

event = endpoint("événement", "/entity/event", "rust-sdk-event-1")
field(event, "straße", Field.TYPE_TEXT)
field(event, "weights", Field.TYPE_NUMBER, required=True, multiple=True)

layout = DataLayout()
for entity in (article, order, event):
    layout.add_endpoint(entity)

text = json.dumps(layout.generate(), separators=(",", ":"), ensure_ascii=False)
sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
