"""Text -> syntax tree; the only importer of lark."""
