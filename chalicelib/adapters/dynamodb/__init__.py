"""What the adapters of our two DynamoDB tables share: client, table, items, errors, topic and card layout.

The one module, besides `http`, that other adapters may import. It knows no entity but the two layouts that both tables
carry (`topics`, `cards`), and nothing above it sees a `ClientError`.
"""

from chalicelib.adapters.dynamodb.items import Item, from_item, to_item
from chalicelib.adapters.dynamodb.table import ConditionFailed, Page, Table, dynamodb_client, translated

__all__ = [
    "ConditionFailed",
    "Item",
    "Page",
    "Table",
    "dynamodb_client",
    "from_item",
    "to_item",
    "translated",
]
